// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"chancery/ca"
	"chancery/internal/ocsp"
	"chancery/verify"
)

// ocspSkew is how much the clocks of who asks and who answers may differ.
const ocspSkew = 5 * time.Minute

// An ocspAnswer is what a responder says of a certificate, and who signed it.
type ocspAnswer struct {
	ca.OCSPSingle
	ProducedAt time.Time
	DER        []byte // of the whole response
	Signer     *x509.Certificate
}

// askOCSP asks at an address how a certificate stands, as clients do: by GET without a
// nonce, or by POST with one, and SHA-1. An error says that nothing is known.
func askOCSP(ctx context.Context, address string, issuer *x509.Certificate, serial ca.Serial, nonced bool) (out ocspAnswer, err error) {
	id, err := ocsp.CertID("sha1", issuer.RawSubject, issuer.RawSubjectPublicKeyInfo, serial)
	if err != nil {
		return out, err
	}
	q := ocsp.Request{IDs: []ca.CertID{id}}
	if nonced {
		q.Nonce = make([]byte, 32) // RFC 9654 §2.1
		if _, err := rand.Read(q.Nonce); err != nil {
			return out, err
		}
	}
	der, err := ocsp.Encode(q)
	if err != nil {
		return out, err
	}
	var body []byte
	if nonced {
		body, err = postOCSP(ctx, address, der)
	} else {
		body, err = fetchAddress(ctx, strings.TrimSuffix(address, "/")+"/"+ocsp.Path(der))
	}
	if err != nil {
		return out, err
	}
	r, err := ocsp.Read(body)
	if err != nil {
		return out, err
	}
	now := time.Now()
	if out.Signer, err = r.Signer(issuer, now); err != nil {
		return out, err
	}
	if nonced && !bytes.Equal(r.Nonce, q.Nonce) {
		return out, errors.New("its nonce is another: it may be an old answer")
	}
	out.ProducedAt, out.DER = r.ProducedAt, body
	out.OCSPSingle, err = r.Current(id, now, ocspSkew)
	return out, err
}

// postOCSP sends a request in a body (RFC 6960 appendix A.1).
func postOCSP(ctx context.Context, address string, der []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchWait)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(der))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/ocsp-request")
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := c.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %s", ca.Show(answer.Status))
	}
	return io.ReadAll(io.LimitReader(answer.Body, ocsp.MaxResponse+1)) // Read refuses what is longer
}

// serialIn is the serial number of a certificate.
func serialIn(c *x509.Certificate) (ca.Serial, error) {
	return ca.SerialFromBytes(c.SerialNumber.Bytes())
}

// spokenOf asks about each certificate of a path that names a responder.
func spokenOf(ctx context.Context, path []*x509.Certificate) (found []finding) {
	asked := 0
	for i, c := range path[:max(len(path)-1, 0)] {
		if len(c.OCSPServer) == 0 {
			continue
		}
		if asked++; asked > maxFetches {
			break
		}
		f := spoken(ctx, c, path[i+1])
		f.ID = "revocation"
		found = append(found, f)
	}
	return found
}

// isRevoked and saysOCSP are the words about a revoked certificate; the former are those of
// package verify too.
const isRevoked, saysOCSP = " is revoked since ", ", says OCSP"

func spoken(ctx context.Context, c, issuer *x509.Certificate) finding {
	serial, err := serialIn(c)
	var a ocspAnswer
	if err == nil {
		a, err = askOCSP(ctx, c.OCSPServer[0], issuer, serial, false)
	}
	title := verify.Title(c)
	switch {
	case err != nil:
		return warning("see that it is served there: chancery ocsp check FILE", "OCSP at %s says nothing of %s: %s", ca.Show(c.OCSPServer[0]), title, manner(err))
	case a.Status == ca.OCSPGood:
		return ok("%s is not revoked, says OCSP of %s, good until %s", title, atTime(a.ThisUpdate), atTime(a.NextUpdate))
	case a.Status == ca.OCSPRevoked:
		return failure("have a new one issued, for a new key", "%s", title+isRevoked+atTime(a.RevokedAt)+", for "+a.Reason.String()+saysOCSP)
	}
	return failure("ask who issued it", "OCSP does not know %s", title)
}
