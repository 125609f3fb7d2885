// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"testing"
	"testing/synctest"

	"chancery/ca"
)

// issuedTo submits a request in somebody's name and gives its certificate.
func issuedTo(t *testing.T, r *Registrar, who ca.Actor, n int) ca.Certificate {
	t.Helper()
	q, c := wishOf(n, "")
	q.From = who
	i, err := r.Submit(t.Context(), q, c)
	if err != nil {
		t.Fatal(err)
	}
	return i.Certificate
}

// RV-01: the owner takes back the hold that is his own; one of a CA administrator is for
// CA administrators, whatever the book says of who placed it.
func TestRV01_AnOwnerTakesBackNoHoldButHisOwn(t *testing.T) {
	owner, officer := peer(1001), peer(1002)
	for _, c := range []struct {
		name         string
		holds, frees ca.Actor
		want         ca.Code
	}{
		{"the owner his own", owner, owner, ""},
		{"the owner what a token of his placed", byToken(1001, ca.Scope{Roles: []ca.Role{ca.Requester}}), owner, ""},
		{"the owner an officer's", officer, owner, ca.E1305},
		{"an officer the owner's", owner, officer, ""},
		{"an officer another officer's", hana, officer, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r, stop := running(w)
				defer stop()
				one := issuedTo(t, r, owner, 1)
				if _, err := r.Revoke(t.Context(), c.holds, one.PublicName(), ca.Withdrawal{Reason: ca.CertificateHold}); err != nil {
					t.Fatal(err)
				}
				free := ca.Withdrawal{Reason: ca.RemoveFromCRL}
				if _, err := r.PlanRevoke(t.Context(), c.frees, one.PublicName(), free); code(err) != c.want {
					t.Errorf("the plan is %v, want %q", err, c.want)
				}
				got, err := r.Revoke(t.Context(), c.frees, one.PublicName(), free)
				if code(err) != c.want || (w.rows[0].Revoked == nil) != (c.want == "") {
					t.Errorf("%v, want %q; it stands as %+v", err, c.want, got.Revoked)
				}
				if c.want == "" {
					return
				}
				// Somebody who writes in the book names another leaf: an own one, and one
				// that is none.
				mine := issuedTo(t, r, owner, 2)
				held, err := r.Revoke(t.Context(), owner, mine.PublicName(), ca.Withdrawal{Reason: ca.CertificateHold})
				if err != nil {
					t.Fatal(err)
				}
				for _, leaf := range []ca.ID{held.Revoked.Last, one.ID, ca.NewID(1, 1<<20), ca.NewID(2, 1)} {
					w.mu.Lock()
					w.rows[0].Revoked.Last = leaf
					w.mu.Unlock()
					if _, err := r.Revoke(t.Context(), owner, one.PublicName(), free); err == nil {
						t.Errorf("a row that names leaf %d freed it", leaf.Index())
					}
				}
				// He may still end it for good.
				if _, err := r.Revoke(t.Context(), owner, one.PublicName(), ca.Withdrawal{Reason: ca.Superseded}); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// RV-03: a key that somebody else may hold takes what is held of it, too.
func TestRV03_ACompromisedKeyTakesWhatIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		defer stop()
		var same [2]ca.Certificate
		for n := range same {
			q, c := wishOf(n+1, "")
			c.Key = ca.Digest{77}
			i, err := r.Submit(t.Context(), q, c)
			if err != nil {
				t.Fatal(err)
			}
			same[n] = i.Certificate
		}
		for n, why := range []ca.Reason{ca.CertificateHold, ca.KeyCompromise} {
			if _, err := r.Revoke(t.Context(), hana, same[n].PublicName(), ca.Withdrawal{Reason: why}); err != nil {
				t.Fatal(err)
			}
		}
		if v := w.rows[0].Revoked; v == nil || v.Reason != ca.KeyCompromise {
			t.Errorf("the held one stands as %+v", v)
		}
	})
}

// RV-01: a certificate is held only where the profile in force says so, and the plan says the
// same; it is revoked for any other reason, and what is held is released all the same.
func TestRV01_AHoldMustBeEnabled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := profile()
		p.Hold = false
		r := w.registrar()
		r.o.Bundle = func([]byte) (map[string]ca.Profile, error) { return map[string]ca.Profile{"server": p}, nil }
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		defer func() { cancel(); <-ended }()
		one := issuedTo(t, r, hana, 1)
		hold := ca.Withdrawal{Reason: ca.CertificateHold}
		if _, err := r.PlanRevoke(t.Context(), hana, one.PublicName(), hold); code(err) != ca.E2111 {
			t.Errorf("the plan is %v", err)
		}
		if _, err := r.Revoke(t.Context(), hana, one.PublicName(), hold); code(err) != ca.E2111 || w.rows[0].Revoked != nil {
			t.Errorf("it gets %v", err)
		}
		if _, err := r.Revoke(t.Context(), hana, one.PublicName(), ca.Withdrawal{Reason: ca.Superseded}); err != nil {
			t.Error(err)
		}
	})
}

// RV-03: who holds what is held already takes no step. An officer is told so where the owner
// holds it, who could take it back; where it takes an officer anyway, and for the owner, it
// changes nothing.
func TestRV03_ASecondHoldIsAnswered(t *testing.T) {
	owner, officer := peer(1001), peer(1002)
	for _, c := range []struct {
		name          string
		first, second ca.Actor
		want          ca.Code
	}{
		{"the owner twice", owner, owner, ""},
		{"an officer over the owner", owner, officer, ca.E2111},
		{"the owner over an officer", officer, owner, ""},
		{"an officer over another", officer, hana, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r, stop := running(w)
				defer stop()
				one := issuedTo(t, r, owner, 1)
				hold := ca.Withdrawal{Reason: ca.CertificateHold}
				if _, err := r.Revoke(t.Context(), c.first, one.PublicName(), hold); err != nil {
					t.Fatal(err)
				}
				if _, err := r.PlanRevoke(t.Context(), c.second, one.PublicName(), hold); code(err) != c.want {
					t.Errorf("the plan is %v, want %q", err, c.want)
				}
				got, err := r.Revoke(t.Context(), c.second, one.PublicName(), hold)
				if code(err) != c.want || w.rows[0].Steps != 1 {
					t.Errorf("%v, want %q; steps: %d, %+v", err, c.want, w.rows[0].Steps, got.Revoked)
				}
			})
		})
	}
}
