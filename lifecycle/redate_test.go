// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"testing"
	"testing/synctest"
	"time"

	"chancery/ca"
)

// RV-03: an invalidity date that would not be taken is refused, in a dry run too, and not
// left aside; sent again it changes nothing.
func TestRV03_AnInvalidityDateIsTakenOrRefused(t *testing.T) {
	year, month := time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1999, 12, 1, 0, 0, 0, 0, time.UTC) // the clock of these tests begins with 2000
	for _, c := range []struct {
		name         string
		first, again ca.Withdrawal
		want         ca.Code
	}{
		{"a date for what has none", ca.Withdrawal{Reason: ca.Superseded}, ca.Withdrawal{Reason: ca.Superseded, InvalidSince: year}, ca.E2111},
		{"an earlier date", ca.Withdrawal{Reason: ca.Superseded, InvalidSince: month}, ca.Withdrawal{Reason: ca.Superseded, InvalidSince: year}, ca.E2111},
		{"the same date", ca.Withdrawal{Reason: ca.Superseded, InvalidSince: month}, ca.Withdrawal{Reason: ca.Superseded, InvalidSince: month}, ""},
		{"no date", ca.Withdrawal{Reason: ca.Superseded, InvalidSince: month}, ca.Withdrawal{Reason: ca.Superseded}, ""},
		{"raised, earlier", ca.Withdrawal{Reason: ca.Superseded, InvalidSince: month}, ca.Withdrawal{Reason: ca.KeyCompromise, InvalidSince: year}, ""},
		{"raised, later", ca.Withdrawal{Reason: ca.Superseded, InvalidSince: year}, ca.Withdrawal{Reason: ca.KeyCompromise, InvalidSince: month}, ca.E2111},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r, stop := running(w)
				defer stop()
				name := issuedOne(t, r, 1).PublicName()
				if _, err := r.Revoke(t.Context(), hana, name, c.first); err != nil {
					t.Fatal(err)
				}
				if _, err := r.PlanRevoke(t.Context(), hana, name, c.again); code(err) != c.want {
					t.Errorf("a dry run: %v, want %q", err, c.want)
				}
				if _, err := r.Revoke(t.Context(), hana, name, c.again); code(err) != c.want {
					t.Errorf("%v, want %q", err, c.want)
				}
			})
		})
	}
}
