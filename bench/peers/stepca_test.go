// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
)

// maxAnswer bounds one answer: two certificates in PEM, twice, are under 8 KiB.
const maxAnswer = 64 << 10

// BenchmarkStepCA is one certificate of step-ca over its HTTPS door, with its
// embedded database and a one-time token for each request, with c callers at
// once. As with BenchmarkIssue, one request is signed again and again.
func BenchmarkStepCA(b *testing.B) {
	a := newAuthority(b)
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("c=%d", callers), func(b *testing.B) {
			orders := make([][]byte, b.N)
			for i := range orders {
				orders[i] = a.order(b)
			}
			answers := make([][]byte, b.N)
			var all sync.WaitGroup
			b.ResetTimer()
			for first := range callers {
				all.Go(func() {
					for i := first; i < b.N; i += callers {
						var err error
						if answers[i], err = a.sign(orders[i]); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "certs/s")
			if b.Failed() {
				return
			}
			serials := make(map[string]bool)
			for _, answer := range answers {
				cert, err := a.certificate(answer)
				if err != nil {
					b.Fatal(err)
				}
				serials[cert.SerialNumber.String()] = true
			}
			if len(serials) != b.N {
				b.Fatalf("%d different certificates for %d requests", len(serials), b.N)
			}
		})
	}
}

// sign sends one order and gives the answer, read to its end so that the
// connection serves the next order too.
func (a *authority) sign(order []byte) ([]byte, error) {
	resp, err := a.client.Post(a.url+"/1.0/sign", "application/json", bytes.NewReader(order))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusCreated {
		return nil, fmt.Errorf("step-ca answers %s: %s", resp.Status, answer)
	}
	return answer, nil
}

// certificate takes the certificate out of an answer and checks who signed it.
func (a *authority) certificate(answer []byte) (*x509.Certificate, error) {
	var body struct{ Crt string }
	if err := json.Unmarshal(answer, &body); err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(body.Crt))
	if block == nil {
		return nil, errors.New("step-ca's answer has no certificate in PEM")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	return cert, cert.CheckSignatureFrom(a.issuer)
}
