// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"chancery/ca"
)

// HX-02: what is another's is not there for whoever may not read it, by whatever call and
// whatever name, and no call tells it from what never was. Roles without the right get
// E1305 alike for both.
func TestHX02_WhatIsAnothersIsNotThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		defer stop()
		theirs := issuedOne(t, r, 1)
		superseded := ca.Withdrawal{Reason: ca.Superseded}
		acts := map[string]func(ctx context.Context, who ca.Actor, ref string) error{
			"find": func(ctx context.Context, who ca.Actor, ref string) error { _, err := r.Find(ctx, who, ref); return err },
			"revoke": func(ctx context.Context, who ca.Actor, ref string) error {
				_, err := r.Revoke(ctx, who, ref, superseded)
				return err
			},
			"plan to revoke": func(ctx context.Context, who ca.Actor, ref string) error {
				_, err := r.PlanRevoke(ctx, who, ref, superseded)
				return err
			},
			"request": func(ctx context.Context, who ca.Actor, ref string) error {
				if ref == theirs.PublicName() {
					ref = string(theirs.Request)
				}
				_, err := r.Request(ctx, who, ca.RequestID(ref))
				return err
			},
		}
		for _, who := range []struct {
			uid  int
			want ca.Code
		}{{1001, ca.E2101}, {1003, ca.E1305}, {1004, ca.E1305}} {
			for name, act := range acts {
				there, never := act(t.Context(), peer(who.uid), theirs.PublicName()), act(t.Context(), peer(who.uid), "issuing-g1-4100ff")
				if code(there) != who.want || code(never) != who.want {
					t.Errorf("uid %d, %s: %v, and of what never was %v", who.uid, name, there, never)
				}
			}
		}
		if n, err := r.Count(t.Context(), peer(1001), ca.Filter{}); n != 0 || err != nil {
			t.Errorf("a requester counts %d of others: %v", n, err)
		}
		for uid, want := range map[int]ca.Code{1000: "", 1001: ca.E1305, 1002: ca.E1305, 1003: ca.E1305, 1004: ca.E1305, 1005: ""} {
			_, events := r.Events(t.Context(), peer(uid), ca.EventFilter{Limit: 1})
			leaves, err := r.Leaves(t.Context(), peer(uid), 0, 2)
			if code(events) != want || code(err) != want || want == "" && len(leaves) != 2 {
				t.Errorf("uid %d reads events: %v, leaves: %d %v", uid, events, len(leaves), err)
			}
		}
		if a, err := r.Request(t.Context(), hana, theirs.Request); err != nil || a.Certificate.ID != theirs.ID {
			t.Errorf("one's own request: %+v, %v", a, err)
		}
		if fmt.Sprint(theirs.Revoked) != fmt.Sprint(w.rows[0].Revoked) {
			t.Error("somebody revoked it")
		}
	})
}

// A plan to revoke says how it would stand, and does nothing.
func TestAPlanToRevokeDoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		defer stop()
		name := issuedOne(t, r, 1).PublicName()
		plan := func(why ca.Reason) (ca.Aftermath, error) {
			return r.PlanRevoke(t.Context(), hana, name, ca.Withdrawal{Reason: why})
		}
		leaves := len(w.leaves)
		if got, err := plan(ca.Superseded); err != nil || got.Revoked == nil || got.Revoked.Reason != ca.Superseded || got.Revoked.Step != 1 {
			t.Errorf("%+v %v", got.Revoked, err)
		}
		if found, err := r.Find(t.Context(), hana, name); err != nil || found.Certificate.Revoked != nil || len(w.leaves) != leaves {
			t.Errorf("something was done: %+v %v", found.Certificate.Revoked, err)
		}
		if _, err := r.Revoke(t.Context(), hana, name, ca.Withdrawal{Reason: ca.Superseded}); err != nil {
			t.Fatal(err)
		}
		if got, err := plan(ca.KeyCompromise); err != nil || got.Revoked.Reason != ca.KeyCompromise || got.Revoked.Step != 2 {
			t.Errorf("raised: %+v %v", got.Revoked, err)
		}
		if _, err := plan(ca.AffiliationChanged); code(err) != ca.E2111 {
			t.Errorf("lowered: %v", err)
		}
	})
}
