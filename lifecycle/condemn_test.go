// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

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

// RV-03: where the front dies between the first step and those of the others, the next start
// takes these, in the name of whoever took the first.
func TestRV03_WhatACrashLeftOfACompromisedKeyFallsAtTheNextStart(t *testing.T) {
	day := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)
	for name, c := range map[string]struct {
		who    ca.Actor
		why    ca.Withdrawal
		lost   bool // the first step's row too
		by     string
		stands int
	}{
		"after the first step":     {who: peer(1002), why: ca.Withdrawal{Reason: ca.KeyCompromise, InvalidSince: day}, by: peer(1002).By()},
		"before the first row":     {who: peer(1002), why: ca.Withdrawal{Reason: ca.KeyCompromise}, lost: true, by: peer(1002).By()},
		"evidence, out of date":    {who: bearer(ca.Certificate{}, ca.Evidence{Key: &ca.KeyProof{}}), why: ca.Withdrawal{Reason: ca.KeyCompromise}, by: ca.MethodService},
		"nothing falls with these": {who: peer(1002), why: ca.Withdrawal{Reason: ca.Superseded}, stands: maxBatch + 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r, stop := running(w)
				var same []ca.Certificate
				for n := range maxBatch + 3 { // more than one call takes
					q, asked := wishOf(n+1, fmt.Sprint("key", n))
					asked.Key = ca.Digest{77}
					i, err := r.Submit(t.Context(), q, asked)
					if err != nil {
						t.Fatal(err)
					}
					same = append(same, i.Certificate)
				}
				other := issuedOne(t, r, 1000)
				if err := r.revokeOne(t.Context(), hana, same[1], ca.Withdrawal{Reason: ca.CertificateHold}); err != nil {
					t.Fatal(err)
				}
				if !c.lost {
					if err := r.revokeOne(t.Context(), c.who, same[0], c.why); err != nil {
						t.Fatal(err)
					}
				}
				stop()
				if c.lost {
					w.mu.Lock()
					w.stepLeaf(ca.Revoking{ID: same[0].ID, Step: 1, Reason: c.why.Reason, By: c.who.By()})
					w.mu.Unlock()
				}
				_, stop = running(w)
				synctest.Wait()
				stop()
				standing := 0
				for i, one := range same {
					got, _, err := w.Serial(t.Context(), one.IssuerKey, one.Serial)
					if err != nil || got.Revoked == nil || got.Revoked.Reason == ca.CertificateHold {
						standing++
						continue
					}
					var b ca.RevokedBody
					if err := json.Unmarshal(w.leaves[got.Revoked.Last.Index()].Body, &b); err != nil {
						t.Fatal(err)
					}
					if i > 0 && (b.By != c.by || b.Reason != ca.KeyCompromise || !b.InvalidSince.Equal(c.why.InvalidSince) || b.Evidence != nil) {
						t.Fatalf("certificate %d was revoked by %+v, want %s", i, b, c.by)
					}
				}
				if standing != c.stands {
					t.Errorf("%d of %d still stand, want %d", standing, len(same), c.stands)
				}
				if got, _, err := w.Serial(t.Context(), other.IssuerKey, other.Serial); err != nil || got.Revoked != nil {
					t.Errorf("one of another key: %+v, %v", got.Revoked, err)
				}
			})
		})
	}
}
