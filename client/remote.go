// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"chancery/ca"
)

// maxBundle bounds the trust bundle that Pin reads.
const maxBundle = 1 << 20

// A Remote is a service elsewhere, and how to prove oneself to it.
type Remote struct {
	// URL is such as https://ca.lab.example:8443, without a slash at the end.
	URL string
	// Root is the one root that the service's certificate must lead to, in PEM. The
	// machine's own roots count for nothing.
	Root string
	// Token is a secret as chancery token create prints it; empty for none.
	Token string
}

// DialTLS makes a client for a service over TLS. It does not call: the first call says
// what is wrong, E1201 if nobody answers and E1202 if the one who does is not trusted.
func DialTLS(o Remote) (*Client, error) {
	base, err := address(o.URL)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(o.Root)) {
		return nil, ca.Invalid(ca.E1202, "there is no root certificate to check "+base.Host+" by", "chancery login "+o.URL+" --fingerprint DIGITS")
	}
	c := &Client{socket: o.URL, base: base, token: o.Token}
	c.http = over(&tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots})
	return c, nil
}

// over is the HTTP client of a TLS configuration.
func over(config *tls.Config) *http.Client {
	return &http.Client{
		Timeout: callWait,
		Transport: &http.Transport{
			// No proxy: a token must not pass one that the environment happens to name.
			DialContext:       (&net.Dialer{Timeout: dialWait}).DialContext,
			TLSClientConfig:   config,
			ForceAttemptHTTP2: true, TLSHandshakeTimeout: dialWait, MaxIdleConns: 4, IdleConnTimeout: time.Minute,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// address reads where a service is.
func address(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return nil, ca.Invalid(ca.E1101, ca.Show(s)+" is not the address of a service", "such as https://ca.lab.example:8443")
	}
	u.Path = ""
	return u, nil
}

// Pin fetches the root whose SHA-256 fingerprint somebody compared, and sees that the
// service's certificate leads to it. Whoever stands in between can only make it fail: what
// is fetched is held against the fingerprint, and nothing is sent. Digits may have colons
// and spaces. The Problem is E1202 with what was seen.
func Pin(ctx context.Context, at, fingerprint string) (root string, err error) {
	base, err := address(at)
	if err != nil {
		return "", err
	}
	want, err := hex.DecodeString(strings.NewReplacer(":", "", " ", "").Replace(strings.ToLower(fingerprint)))
	if err != nil || len(want) != sha256.Size {
		return "", ca.Invalid(ca.E1101, "this is no SHA-256 fingerprint", "it has 64 hexadecimal digits: chancery ca show root-g1 prints it on the server")
	}
	c := &Client{socket: at, base: base, http: over(&tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true})} //nolint:gosec // see above
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base.String()+"/pki/bundle.pem", nil)
	if err != nil {
		return "", fmt.Errorf("write the call: %w", err)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return "", c.unreachable(err)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxBundle))
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return "", c.unreachable(err)
	}
	if answer.StatusCode != http.StatusOK {
		return "", ca.Unavailable(ca.E1201, "what answers at "+at+" has no trust bundle: "+ca.Show(answer.Status), "use the address in base_url of the service")
	}
	seen := ""
	for block, rest := pem.Decode(body); block != nil; block, rest = pem.Decode(rest) {
		sum := sha256.Sum256(block.Bytes)
		if bytes.Equal(sum[:], want) {
			return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: block.Bytes})), nil
		}
		if x, err := x509.ParseCertificate(block.Bytes); err == nil && bytes.Equal(x.RawSubject, x.RawIssuer) {
			seen = fingerprintOf(block.Bytes)
		}
	}
	p := ca.Refused(ca.E1202, base.Host+" does not belong to an authority with this fingerprint", "compare it with a copy that you got another way (paper, phone): chancery ca show root-g1, on the server")
	if seen != "" {
		p = p.Because("its own root has " + seen)
	}
	return "", p
}

// fingerprintOf is the SHA-256 of a certificate in DER, in groups of four digits as people
// compare it.
func fingerprintOf(der []byte) string {
	sum := sha256.Sum256(der)
	digits := strings.ToUpper(hex.EncodeToString(sum[:]))
	var groups []string
	for i := 0; i < len(digits); i += 4 {
		groups = append(groups, digits[i:i+4])
	}
	return strings.Join(groups, " ")
}

// untrusted makes a problem of a certificate that did not verify; nil for other errors.
func (c *Client) untrusted(err error) *ca.Problem {
	var v *tls.CertificateVerificationError
	if !errors.As(err, &v) || len(v.UnverifiedCertificates) == 0 {
		return nil
	}
	return ca.Refused(ca.E1202, "the certificate of "+c.base.Host+" is not trusted by this context", "compare the root's fingerprint with the one on the server (chancery ca show root-g1), then: chancery login "+c.socket+" --fingerprint DIGITS").
		Because(fmt.Sprintf("%v; the certificate seen has %s", v.Err, fingerprintOf(v.UnverifiedCertificates[0].Raw)))
}
