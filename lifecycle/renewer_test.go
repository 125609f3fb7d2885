// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"testing"
	"testing/synctest"

	"chancery/ca"
	"chancery/policy"
)

// renewingUnder is renewing under a profile that a rule has been added to.
func renewingUnder(w *world, rule string) (*Registrar, func()) {
	p := profile()
	p.Doors = []ca.Door{ca.DoorCLI, ca.DoorAPI}
	if rule != "" {
		p.Rules = []ca.Rule{{Require: rule, Message: "not like that"}}
	}
	p, err := policy.Sound(p)
	if err != nil {
		w.t.Fatal(err)
	}
	p.Digest = ca.Digest{3}
	ctx, cancel := context.WithCancel(context.Background())
	r := w.registrar()
	r.o.Bundle = func([]byte) (map[string]ca.Profile, error) { return map[string]ca.Profile{"server": p}, nil }
	r.o.CSR = func([]byte) (ca.CSR, error) {
		_, c := wishOf(1, "")
		return c, nil
	}
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	return r, func() { cancel(); <-ended }
}

// byToken is an account signed in with a token of a scope.
func byToken(uid int, s ca.Scope) ca.Actor {
	who := peer(uid)
	who.Method, who.Token = ca.MethodToken, &ca.Token{Name: "ci", Owner: who.ID, Scope: s}
	return who
}

// PF-08: whoever chooses the key can act as the owner, so a CA administrator renews what is
// another's for the key that it has. The log names him as who revoked the old one.
func TestPF08_WhoIsNotTheOwnerRenewsForTheSameKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := renewing(w)
		defer stop()
		officer, owner := peer(1002), peer(1001)
		old := issuedTo(t, r, owner, 1)
		if _, err := r.Renew(t.Context(), officer, "request-a", renewal(old)); code(err) != ca.E1305 {
			t.Errorf("for a key of his own: %v", err)
		}
		q := ca.Renewing{Certificate: old.PublicName(), Replaces: true}
		got, err := r.Renew(t.Context(), officer, "request-b", q)
		if err != nil || got.Certificate.Owner != owner.ID || got.Certificate.Key != old.Key {
			t.Fatalf("for the same key: %+v, %v", got.Certificate, err)
		}
		w.mu.Lock()
		by := w.events[w.rows[0].Revoked.Last].By
		w.mu.Unlock()
		if by != officer.ID {
			t.Errorf("the old one was revoked by %s, says the book", by)
		}
		same := renewal(got.Certificate)
		same.CSR.Key = old.Key
		if _, err := r.Renew(t.Context(), officer, "request-c", same); err != nil {
			t.Errorf("with a new request of the same key: %v", err)
		}
		if _, err := r.Renew(t.Context(), owner, "request-d", renewal(got.Certificate)); err != nil {
			t.Errorf("the owner, for another key: %v", err)
		}
	})
}

// PF-08: a renewal is judged by how its asker proved who he is. A certificate that is shown
// is a proof of its own kind.
func TestPF08_ARenewalIsJudgedByHowItWasAskedFor(t *testing.T) {
	const all = ""
	token := byToken(1001, ca.Scope{Roles: []ca.Role{ca.Requester}})
	for _, c := range []struct {
		name, rule string
		who        ca.Actor
		shown      bool
		want       ca.Code
	}{
		{"a token, where none may", "requester.method != 'token'", token, false, ca.E2123},
		{"a token, where all may", all, token, false, ""},
		{"the account, where it alone may", "requester.method == 'peer'", peer(1001), false, ""},
		{"an officer's token, where none may", "requester.method != 'token'", byToken(1002, ca.Scope{Roles: []ca.Role{ca.CAAdmin}}), false, ca.E2123},
		{"a certificate that is shown, where it alone may", "requester.method == 'renewal' || requester.method == 'peer'", peer(1001), true, ""},
		{"a certificate that is shown, where the account alone may", "requester.method == 'peer'", peer(1001), true, ca.E2123},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r, stop := renewingUnder(w, c.rule)
				defer stop()
				old := issuedTo(t, r, peer(1001), 1)
				q := ca.Renewing{Certificate: old.PublicName()}
				if c.shown {
					c.who.Method, c.who.Shown, q.Certificate = ca.MethodRenewal, &old, ""
				}
				if _, err := r.Renew(t.Context(), c.who, "request-a", q); code(err) != c.want {
					t.Errorf("%v, want %q", err, c.want)
				}
			})
		})
	}
}

// A token for some profiles or names renews what it could ask for, its owner's and another's
// alike, and of nothing else it learns that it is there.
func TestANarrowedTokenRenewsWhatItIsFor(t *testing.T) {
	both := []ca.Role{ca.Requester, ca.CAAdmin}
	for _, c := range []struct {
		name  string
		uid   int
		scope ca.Scope
		want  ca.Code
	}{
		{"its own, of its profile", 1001, ca.Scope{Roles: both, Profiles: []string{"server"}}, ""},
		{"its own, of its name", 1001, ca.Scope{Roles: both, Names: []string{"host1.lab.example"}}, ""},
		{"its own, of another profile", 1001, ca.Scope{Roles: both, Profiles: []string{"client"}}, ca.E2101},
		{"its own, of another name", 1001, ca.Scope{Roles: both, Names: []string{"host2.lab.example"}}, ca.E2101},
		{"another's, of its profile", 1002, ca.Scope{Roles: both, Profiles: []string{"server"}}, ""},
		{"another's, of another profile", 1002, ca.Scope{Roles: both, Profiles: []string{"client"}}, ca.E2101},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r, stop := renewingUnder(w, "")
				defer stop()
				old := issuedTo(t, r, peer(1001), 1)
				_, err := r.Renew(t.Context(), byToken(c.uid, c.scope), "request-a", ca.Renewing{Certificate: old.PublicName()})
				if code(err) != c.want {
					t.Errorf("%v, want %q", err, c.want)
				}
				if want := map[bool]int{true: 2, false: 1}[c.want == ""]; len(w.rows) != want {
					t.Errorf("the book has %d certificates, want %d", len(w.rows), want)
				}
			})
		})
	}
}

// A certificate that may renew itself and nothing else is told that it has no role, whatever
// roles its owner has.
func TestAN02_WhatRenewsItselfHasNoRole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		defer stop()
		old := issuedOne(t, r, 1)
		for method, want := range map[string]bool{ca.MethodRenewal: false, ca.MethodCertificate: true} {
			who := ca.Actor{ID: old.Owner, Method: method, UID: hana.UID, Shown: &old}
			if i, err := r.Whoami(t.Context(), who); err != nil || (len(i.Roles) > 0) != want || i.Roles == nil {
				t.Errorf("by %s: %+v, %v", method, i, err)
			}
		}
	})
}
