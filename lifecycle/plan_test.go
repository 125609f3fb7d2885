// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"testing"
	"testing/synctest"

	"chancery/ca"
)

// PF-07: every dry run asks the signer too, which alone knows the keys that are never
// certified again; a document that is not in force goes along.
func TestPF07_NoDryRunPromisesWhatTheSignerRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := renewing(w)
		defer stop()
		old := issuedOne(t, r, 1)
		q, c := wishOf(2, "")
		first, _ := wishOf(1, "")
		for _, one := range []struct {
			name, document string
			ask            func() (ca.Plan, error)
		}{
			{"a request", "", func() (ca.Plan, error) { return r.Plan(t.Context(), q, c) }},
			{"a renewal", "", func() (ca.Plan, error) { return r.PlanRenew(t.Context(), hana, renewal(old)) }},
			{"a profile that is tried", trialled, func() (ca.Plan, error) { return r.Try(t.Context(), q, c, trialled) }},
			{"an explanation", "", func() (ca.Plan, error) {
				e := explaining{r: r, v: r.view, now: r.o.Now(), wish: first, p: ca.Provenance{Certificate: old}}
				if e.today(t.Context()); e.p.Problem != nil {
					return ca.Plan{}, e.p.Problem
				}
				return *e.p.Today, nil
			}},
		} {
			r.o.Foresee = nil
			if _, err := one.ask(); err != nil {
				t.Errorf("%s: %v", one.name, err)
			}
			sent := "nothing was asked"
			r.o.Foresee = func(_ context.Context, q ca.Request, document string) error {
				if sent = document; q.Digest.IsZero() || len(q.CSR) == 0 {
					t.Errorf("%s: the signer is sent %+v", one.name, q)
				}
				return ca.Refused(ca.E2204, "this key was revoked as compromised", "")
			}
			if _, err := one.ask(); code(err) != ca.E2204 || sent != one.document {
				t.Errorf("%s: %v, want E2204; sent along %q", one.name, err, sent)
			}
		}
	})
}
