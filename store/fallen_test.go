// SPDX-License-Identifier: Apache-2.0

package store

import (
	"testing"
	"time"

	"chancery/ca"
)

// BK-06: who is below a revoked authority is counted, so far as a bounded number of rows tells,
// and what was revoked or has ended is not among them.
func TestBK06_WhatIsBelowARevokedAuthorityIsCountedUpToABound(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		var rows []ca.Change
		for n := range int64(8) {
			c := change(n, "a.lab.example")
			switch {
			case n == 3:
				c.Certificate.NotAfter = testNow.Add(-time.Second)
			case n > 4:
				c.Certificate.Authority = []string{"mobile-g1", "other-g1"}[n%2]
			}
			rows = append(rows, c)
		}
		commit(t, s, 8, append(rows, void(8, "a.lab.example"))...)
		commit(t, s, 10, revoking(rows[4], 9, 1, ca.Superseded))
		// issuing-g1 has three valid ones, the oldest, mobile-g1 one, other-g1 two.
		for _, tt := range []struct {
			names []string
			limit int64
			want  int64
			more  bool
		}{
			{nil, 1, 0, false},
			{[]string{"unheard-g1"}, 1, 0, false},
			{[]string{"mobile-g1", "issuing-g1"}, 100, 4, false},
			{[]string{"mobile-g1", "issuing-g1"}, 5, 2, true},
			{[]string{"other-g1", "issuing-g1"}, 2, 2, true},
			{[]string{"issuing-g1"}, 3, 0, true},
		} {
			if n, more := s.below(t.Context(), testNow, tt.names, tt.limit); n != tt.want || more != tt.more {
				t.Errorf("%v up to %d: %d, more %v, want %d, %v", tt.names, tt.limit, n, more, tt.want, tt.more)
			}
		}
		if n, err := s.Counts(t.Context(), testNow, []string{"issuing-g1"}); err != nil || n.IssuerRevoked != 3 || n.IssuerRevokedMore || n.Valid != 6 {
			t.Errorf("counts: %+v, %v", n, err)
		}
	})
}
