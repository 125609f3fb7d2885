// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"chancery/ca"
	"chancery/verify"
)

// checkConnection is the check of how a server speaks TLS, beside those of verify.
const checkConnection = "connection"

const (
	// dialWait bounds a connection and its handshake: a server that does not answer
	// within is down for people too.
	dialWait = 10 * time.Second
	// fetchWait bounds the fetching of one list.
	fetchWait = 20 * time.Second
	// maxFetched bounds one list that is fetched: more than a million entries.
	maxFetched = 64 << 20
	// maxFetches is how many addresses are asked. They stand in certificates that a
	// stranger may have written.
	maxFetches = 8
)

// peer gets the certificates that a server sends.
func (a *app) peer(ctx context.Context, q *verify.Question, i inquiry) ([]finding, error) {
	host, port, err := hostPort(i.target)
	if err != nil {
		return nil, err
	}
	if q.Use == "" {
		q.Use = verify.Server
	}
	if q.Name == "" {
		q.Name = host
	}
	sni := q.Name
	if i.sni != "" {
		sni = i.sni
	}
	ctx, cancel := context.WithTimeout(ctx, dialWait)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		fix := "look whether the server runs, and whether this machine reaches it"
		var unknown *net.DNSError
		if errors.As(err, &unknown) {
			fix = "verify asks servers; what this service says of a certificate of that name: chancery show " + typeable(host)
		}
		return nil, ca.Unavailable(ca.E1201, i.target+" does not answer", fix).Because(err.Error())
	}
	defer conn.Close()
	// What the server sends is judged by verify, which says more than a handshake
	// could; nothing else is sent on this connection. Old versions are offered to name
	// them.
	secure := tls.Client(conn, &tls.Config{ServerName: sni, InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, //nolint:gosec // see above
		VerifyPeerCertificate: func(ders [][]byte, _ [][]*x509.Certificate) error {
			var err error
			q.Sent, err = parsed(ders)
			return err
		}})
	err = secure.HandshakeContext(ctx)
	if len(q.Sent) == 0 {
		return nil, silent(i.target, err)
	}
	return []finding{connection(secure.ConnectionState().Version, err)}, nil
}

// silent is about a server that sent no certificate that can be read.
func silent(target string, err error) error {
	var other tls.RecordHeaderError
	var p *ca.Problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &other):
		return ca.Unavailable(ca.E1201, target+" does not speak TLS", "name the port that does, such as 443, 465, 636 or 993").Because(err.Error())
	case err == nil:
		return ca.Unavailable(ca.E1201, target+" sent no certificate", "look at the server's settings")
	}
	return ca.Unavailable(ca.E1201, target+" did not come to send its certificate", "look at the server's log").Because(err.Error())
}

// connection judges how the server spoke. One that wants a client certificate ends the
// handshake, and so has not proved that it has the key.
func connection(version uint16, err error) finding {
	f := ok("the server answers with %s, and proves that it has the key", tls.VersionName(version))
	switch {
	case err != nil:
		f = warning("it may want a client certificate, which verify has not", "the server sent its certificate and ended the connection: %v", err)
	case version < tls.VersionTLS12:
		f = failure("allow TLS 1.2 and 1.3 in the server's settings", "the server speaks %s, which clients of today refuse", tls.VersionName(version))
	}
	f.ID = checkConnection
	return f
}

// fetchLists fetches the lists that the certificates of a path name, and says which
// could not be had.
func fetchLists(ctx context.Context, q *verify.Question, path []*x509.Certificate) (found []finding) {
	var met []string
	for _, c := range path[:max(len(path)-1, 0)] {
		for _, address := range c.CRLDistributionPoints {
			if slices.Contains(met, address) {
				continue
			}
			met = append(met, address)
			var l *x509.RevocationList
			err := errors.New("its certificate names too many addresses")
			if len(met) <= maxFetches {
				l, err = fetchedList(ctx, address)
			}
			if err == nil {
				q.Lists = append(append(q.Lists, l), fetchDelta(ctx, l)...)
				continue
			}
			f := warning("see that it is served there, or name a file: --crl FILE", "the revocation list at %s cannot be had: %v", ca.Show(address), err)
			f.ID = "revocation"
			found = append(found, f)
		}
	}
	return found
}

// fetchDelta gets the delta of a list, if it says where that is (RFC 5280 §5.2.6). Without
// one the list stands by itself.
func fetchDelta(ctx context.Context, l *x509.RevocationList) []*x509.RevocationList {
	for _, e := range l.Extensions {
		at := bytes.Index(e.Value, []byte("http://")) // the last thing in its value, as a URI
		if e.Id.String() != "2.5.29.46" || at < 0 {
			continue
		}
		if delta, err := fetchedList(ctx, string(e.Value[at:])); err == nil {
			return []*x509.RevocationList{delta}
		}
	}
	return nil
}

// fetchedList gets one list, in DER or PEM.
func fetchedList(ctx context.Context, address string) (*x509.RevocationList, error) {
	body, err := fetchAddress(ctx, address)
	if err != nil {
		return nil, err
	}
	return x509.ParseRevocationList(unarmoured(body))
}

// unarmoured takes the first block out of PEM.
func unarmoured(body []byte) []byte {
	if block, _ := pem.Decode(body); block != nil {
		return block.Bytes
	}
	return body
}

// errLimited says that an address answers, and not to us.
var errLimited = errors.New("it is not for everybody (403)")

// fetchAddress gets what is at an address that a certificate carries, by plain HTTP, where
// lists must be (RFC 5280 §8): whoever changes it on the way breaks its signature.
// Redirections are not followed, nor are proxies asked: an address in a stranger's
// certificate leads to that address alone.
func fetchAddress(ctx context.Context, address string) ([]byte, error) {
	if !strings.HasPrefix(address, "http://") {
		return nil, errors.New("only http:// is fetched")
	}
	ctx, cancel := context.WithTimeout(ctx, fetchWait)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := c.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusForbidden {
		return nil, errLimited
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %s", ca.Show(answer.Status))
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxFetched+1))
	if err == nil && len(body) > maxFetched {
		err = fmt.Errorf("it has more than %d octets", maxFetched)
	}
	return body, err
}
