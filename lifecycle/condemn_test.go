// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"chancery/ca"
)

// RV-03, RO-06: what is said of a compromised key before is what is done. Whoever may not read
// the other certificates of it is told how many they are, and not which.
func TestRV03_WhatFallsIsSaidBeforeAndAfterToWhoMayReadIt(t *testing.T) {
	for _, c := range []struct {
		name    string
		who     ca.Actor
		named   []int // places of the certificates below
		unnamed int
	}{
		{"an officer", peer(1002), []int{0, 2}, 0},
		{"an owner", peer(1001), []int{2}, 1},
		{"a token for other names", byToken(1001, ca.Scope{Roles: []ca.Role{ca.Requester}, Profiles: []string{"server"}, Names: []string{"host2.lab.example"}}), nil, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r, stop := running(w)
				defer stop()
				var same []ca.Certificate
				for n := range 3 {
					q, asked := wishOf(n+1, fmt.Sprint("key", n))
					asked.Key, q.From = ca.Digest{77}, peer(1001)
					i, err := r.Submit(t.Context(), q, asked)
					if err != nil {
						t.Fatal(err)
					}
					same = append(same, i.Certificate)
				}
				issuedOne(t, r, 9)
				w.mu.Lock()
				w.rows[0].Owner = hana.ID // as of what was brought in
				w.mu.Unlock()
				var want []string
				for _, i := range c.named {
					want = append(want, same[i].PublicName())
				}
				slices.Sort(want)
				says := func(when string, after ca.Aftermath, err error) {
					t.Helper()
					slices.Sort(after.Also)
					if err != nil || after.Revoked == nil || !slices.Equal(after.Also, want) || after.AlsoUnnamed != c.unnamed {
						t.Errorf("%s: %v and %d more, %v; want %v and %d", when, after.Also, after.AlsoUnnamed, err, want, c.unnamed)
					}
				}
				superseded, err := r.PlanRevoke(t.Context(), c.who, same[1].PublicName(), ca.Withdrawal{Reason: ca.Superseded})
				if err != nil || len(superseded.Also)+superseded.AlsoUnnamed != 0 {
					t.Errorf("another reason: %+v, %v", superseded, err)
				}
				why := ca.Withdrawal{Reason: ca.KeyCompromise}
				planned, err := r.PlanRevoke(t.Context(), c.who, same[1].PublicName(), why)
				says("before", planned, err)
				done, err := r.Revoke(t.Context(), c.who, same[1].PublicName(), why)
				says("after", done, err)
				if again, err := r.Revoke(t.Context(), c.who, same[1].PublicName(), why); err != nil || len(again.Also)+again.AlsoUnnamed != 0 {
					t.Errorf("again: %+v, %v", again, err)
				}
				for i := range same {
					if got, _, _ := w.Serial(t.Context(), same[i].IssuerKey, same[i].Serial); got.Revoked == nil || got.Revoked.Reason != ca.KeyCompromise {
						t.Errorf("certificate %d stands as %+v", i, got.Revoked)
					}
				}
			})
		})
	}
}

// leaves is a shelf of which whoever asked goes away while all of a key are looked for.
type leaves struct {
	Shelf
	goes context.CancelFunc
}

func (l leaves) Certificates(ctx context.Context, f ca.Filter) ([]ca.Certificate, error) {
	if !f.Key.IsZero() {
		l.goes()
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return l.Shelf.Certificates(ctx, f)
}

// RV-03: whoever reports a compromised key, and goes away before the answer, has all certificates
// of it revoked nevertheless.
func TestRV03_WhatFallsFallsThoughNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		var same []ca.Certificate
		for n := range 3 {
			q, asked := wishOf(n+1, fmt.Sprint("key", n))
			asked.Key = ca.Digest{77}
			i, err := r.Submit(t.Context(), q, asked)
			if err != nil {
				t.Fatal(err)
			}
			same = append(same, i.Certificate)
		}
		stop()
		ctx, goes := context.WithCancel(t.Context())
		r = w.registrar()
		r.o.Shelf = leaves{r.o.Shelf, goes}
		running, end := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(running) }()
		found, _, err := w.Serial(t.Context(), same[1].IssuerKey, same[1].Serial)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.withdraw(ctx, hana, found, ca.Withdrawal{Reason: ca.KeyCompromise}); err != nil || ctx.Err() == nil {
			t.Errorf("%v, %v", err, ctx.Err())
		}
		for i, one := range same {
			if c, _, _ := w.Serial(t.Context(), one.IssuerKey, one.Serial); c.Revoked == nil || c.Revoked.Reason != ca.KeyCompromise {
				t.Errorf("certificate %d stands as %+v", i, c.Revoked)
			}
		}
		end()
		<-ended
	})
}
