// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"fmt"
	"sync"
	"testing"

	"chancery/ca"
)

// RV-03: a front that asks for certificates of a key while it is revoked as compromised, or held,
// has none on the log behind that: what is judged before comes before.
func TestRV03_NoCertificateOvertakesTheEndOfItsKey(t *testing.T) {
	s, _, h := founded(t)
	p, n := profiles(t, h)["server"], 0
	for _, why := range []ca.Reason{ca.KeyCompromise, ca.CertificateHold, ca.KeyCompromise, ca.CertificateHold} {
		n++
		csr := csrBy(t, fmt.Sprintf("a%d.lab.example", n), p256...)
		one := s.issued(h, wish(n, csr, p))
		var all sync.WaitGroup
		answers, begin := make([]ca.Answer, 16), make(chan struct{})
		for i := range answers {
			n++
			w := wish(n, csr, p)
			all.Go(func() {
				<-begin
				if got, err := s.Issue(h.Number, []ca.Request{w}); err == nil {
					answers[i] = got[0]
				}
			})
		}
		end := ca.RevokeAnswer{}
		all.Go(func() {
			<-begin
			end = s.revoke(h, one, 1, why)
		})
		close(begin)
		all.Wait()
		if end.Problem != nil {
			t.Fatalf("%v: %v", why, end.Problem)
		}
		for _, a := range answers {
			if a.Problem == nil && a.Index > end.Placed.Index {
				t.Errorf("leaf %d is a certificate of a key that leaf %d ends, for %v", a.Index, end.Placed.Index, why)
			}
		}
	}
}
