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

	"chancery/audit"
	"chancery/ca"
)

// rowOf gives the place of a row, or -1.
func (w *world) rowOf(id ca.ID) int {
	return slices.IndexFunc(w.rows, func(c ca.Certificate) bool { return c.ID == id })
}

func (w *world) stepTaken(v ca.Revocation) {
	c := &w.rows[w.rowOf(v.Certificate)]
	w.steps[stepID{v.Certificate, v.Step}] = v.ID
	now := ca.Revoked{At: v.At}
	if c.Revoked != nil {
		now = *c.Revoked
	}
	now.Reason, now.Step, now.Last, now.InvalidSince = v.Reason, v.Step, v.ID, v.InvalidSince
	c.Steps, c.Revoked = v.Step, &now
	if v.Reason == ca.RemoveFromCRL {
		c.Revoked = nil
	}
}

// A stepID names a step of a certificate.
type stepID struct {
	of   ca.ID
	step int
}

// Step implements Records.
func (w *world) Step(_ context.Context, of ca.ID, step int) (ca.ID, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.steps[stepID{of, step}], nil
}

func (w *world) abandoned(index int64) bool {
	for i := range w.leaves {
		if l := w.leaf(int64(i)); l.Kind == audit.Abandoned && l.Cites == index {
			return true
		}
	}
	return false
}

// revoked puts a REVOKED leaf on the log.
func (w *world) revoked(intent int64, step int, why ca.Reason) int64 {
	return w.stepLeaf(ca.Revoking{ID: ca.NewID(1, intent), Step: step, Reason: why, By: "uid:1000"})
}

func (w *world) stepLeaf(v ca.Revoking) int64 {
	l := w.leaf(v.ID.Index())
	var intent ca.IntentBody
	err := json.Unmarshal(w.leaves[v.ID.Index()].Body, &intent)
	if err != nil {
		w.t.Fatal(err)
	}
	body, err := json.Marshal(ca.RevokedBody{Intent: v.ID.Index(), Reason: v.Reason, By: v.By, InvalidSince: v.InvalidSince, Key: intent.Key, Evidence: v.Evidence})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.append(audit.Leaf{Kind: audit.Revoked, Issuer: l.Issuer, Serial: l.Serial, Step: int64(v.Step)}, body)
}

// Revoke implements Log as the signer does: a step that was taken is answered
// with the leaf it has.
func (w *world) Revoke(_ context.Context, steps []ca.Revoking) ([]ca.RevokeAnswer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.stale:
		return nil, ca.Conflict(ca.E1402, "this session was closed", "")
	case w.flying > 0:
		w.t.Error("a step is taken while wishes are at the signer")
	case w.dies("revoke before"):
		return nil, errDied
	}
	answers := make([]ca.RevokeAnswer, len(steps))
	for n, v := range steps {
		if slices.ContainsFunc(steps[:n], func(other ca.Revoking) bool { return other.ID == v.ID }) {
			answers[n].Problem = ca.Invalid(ca.E1401, "the same certificate is revoked twice in one call", "")
			continue
		}
		var before ca.RevokedBody
		at, last := int64(-1), 0
		for i := range w.leaves {
			l := w.leaf(int64(i))
			if l.Kind != audit.Revoked || l.Serial != w.leaf(v.ID.Index()).Serial {
				continue
			}
			if err := json.Unmarshal(w.leaves[i].Body, &before); err != nil {
				return nil, err
			}
			at, last = l.Index, int(l.Step)
		}
		switch {
		case last == v.Step && before.Reason == v.Reason:
		case last+1 == v.Step && (last == 0 || v.Reason.Follows(before.Reason)):
			at = w.stepLeaf(v)
		default:
			answers[n].Problem = ca.Refused(ca.E2111, "this certificate is revoked", "")
			continue
		}
		answers[n].Placed = ca.Placed{Index: at, Leaf: w.leaves[at].Leaf}
	}
	if w.dies("revoke after") {
		return nil, errDied
	}
	return answers, nil
}

// issuedOne submits a request and gives its certificate.
func issuedOne(t *testing.T, r *Registrar, n int) ca.Certificate {
	t.Helper()
	q, c := wishOf(n, "")
	i, err := r.Submit(t.Context(), q, c)
	if err != nil {
		t.Fatal(err)
	}
	return i.Certificate
}

// RV-02, RV-03: what was answered as revoked has its leaf and its row, whoever
// dies on the way, and each step is taken once.
func TestRV02_ARevocationSurvivesADeath(t *testing.T) {
	for _, point := range []string{"", "revoke before", "revoke after", "commit before", "commit after", "commit late", "hello", "settle before"} {
		t.Run(point, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				var told []string
				r, stop := running(w)
				r.o.Lists = published{told: &told}
				one := issuedOne(t, r, 1)
				w.mu.Lock()
				w.die[point] = 1
				w.stale = point == "hello"
				w.mu.Unlock()
				revoked := make(chan error, 1)
				go func() {
					_, err := r.Revoke(t.Context(), hana, one.PublicName(), ca.Withdrawal{Reason: ca.Superseded})
					revoked <- err
				}()
				other := issuedOne(t, r, 2) // issuing goes on beside it
				if err := <-revoked; err != nil {
					t.Fatal(err)
				}
				got, _, err := w.Serial(t.Context(), one.IssuerKey, one.Serial)
				if err != nil || got.Revoked == nil || got.Revoked.Reason != ca.Superseded || got.Revoked.Step != 1 {
					t.Errorf("the row: %+v, %v", got.Revoked, err)
				}
				if got, err := r.Revoke(t.Context(), hana, one.PublicName(), ca.Withdrawal{Reason: ca.KeyCompromise}); err != nil || got.Revoked.Step != 2 {
					t.Errorf("raised: %+v, %v", got.Revoked, err)
				}
				steps := 0
				for i := range w.leaves {
					if w.leaf(int64(i)).Kind == audit.Revoked {
						steps++
					}
				}
				if steps != 2 || len(told) != 2 || told[0] != one.Authority {
					t.Errorf("%d REVOKED leaves, want 2; told of %q", steps, told)
				}
				if c, _, _ := w.Serial(t.Context(), other.IssuerKey, other.Serial); c.Revoked != nil {
					t.Error("another certificate was revoked")
				}
				stop()
				w.agree(t)
			})
		})
	}
}

// RV-01: the owner and CA administrators; what stands is no step of its own.
func TestRV01_WhoMayRevokeWhat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		defer stop()
		one := issuedOne(t, r, 1)
		refused := func(what string, who ca.Actor, ref string, why ca.Reason, want ca.Code) {
			t.Helper()
			if _, err := r.Revoke(t.Context(), who, ref, ca.Withdrawal{Reason: why}); code(err) != want {
				t.Errorf("%s: %v, want %s", what, err, want)
			}
		}
		refused("somebody without a role", peer(4711), one.PublicName(), ca.Superseded, ca.E1305)
		refused("a name that is not there", hana, "issuing-g1-77", ca.Superseded, ca.E2101)
		refused("a reason that cannot be given", hana, one.PublicName(), ca.Reason(7), ca.E2111)
		refused("taking back a hold that nobody placed", hana, one.PublicName(), ca.RemoveFromCRL, ca.E2111)
		if _, err := r.Revoke(t.Context(), hana, one.PublicName(), ca.Withdrawal{Reason: ca.Superseded}); err != nil {
			t.Fatal(err)
		}
		leaves := len(w.leaves)
		if c, err := r.Revoke(t.Context(), hana, one.PublicName(), ca.Withdrawal{Reason: ca.Superseded}); err != nil || c.Revoked.Step != 1 || len(w.leaves) != leaves {
			t.Errorf("the same again: %+v, %v, %d new leaves", c.Revoked, err, len(w.leaves)-leaves)
		}
		refused("a reason that is no higher", hana, one.PublicName(), ca.AffiliationChanged, ca.E2111)
		time.Sleep(5 * probePause)
		if _, err := r.Revoke(t.Context(), hana, one.PublicName(), ca.Withdrawal{Reason: ca.KeyCompromise}); err != nil {
			t.Error(err)
		}
		refused("a reason that was raised", hana, one.PublicName(), ca.Superseded, ca.E2111)
		refused("the end of what is no hold", hana, one.PublicName(), ca.RemoveFromCRL, ca.E2111)
	})
}

// A step that the signer could not be asked about is answered when the front ends:
// whoever waits for it would else hold up the end.
func TestARevocationUnderWayIsAnsweredAtAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		one := issuedOne(t, r, 1)
		w.mu.Lock()
		w.die["revoke before"], w.die["hello"] = 1, 1000
		w.mu.Unlock()
		answered := make(chan error, 1)
		go func() {
			_, err := r.Revoke(t.Context(), hana, one.PublicName(), ca.Withdrawal{Reason: ca.Superseded})
			answered <- err
		}()
		time.Sleep(maxStall / 2)
		stop()
		if err := <-answered; code(err) != ca.E2301 {
			t.Errorf("%v, want E2301", err)
		}
	})
}

// Nobody is kept waiting for longer than a requester of a certificate is; the step
// is taken all the same, and asking again finds it.
func TestARevocationDuringALongStallIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		one := issuedOne(t, r, 1)
		w.mu.Lock()
		w.die["revoke before"], w.die["hello"] = 1, 10
		w.mu.Unlock()
		began := time.Now()
		if _, err := r.Revoke(t.Context(), hana, one.PublicName(), ca.Withdrawal{Reason: ca.Superseded}); err == nil || time.Since(began) > maxStall+time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		leaves := len(w.leaves)
		if c, err := r.Revoke(t.Context(), hana, one.PublicName(), ca.Withdrawal{Reason: ca.Superseded}); err != nil || c.Revoked == nil || len(w.leaves) != leaves {
			t.Errorf("asked again: %+v, %v, %d new leaves", c.Revoked, err, len(w.leaves)-leaves)
		}
		stop()
		w.agree(t)
	})
}

// Two people who revoke the same certificate at once both have it revoked.
func TestTheSameRevocationTwiceAtOnceIsOneStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		one := issuedOne(t, r, 1)
		w.mu.Lock()
		w.pause = time.Second
		w.mu.Unlock()
		go func() { // both steps wait until it is done
			q, c := wishOf(2, "")
			if _, err := r.Submit(t.Context(), q, c); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		leaves := len(w.leaves)
		answered := make(chan error)
		for range 2 {
			go func() {
				_, err := r.Revoke(t.Context(), hana, one.PublicName(), ca.Withdrawal{Reason: ca.Superseded})
				answered <- err
			}()
		}
		for range 2 {
			if err := <-answered; err != nil {
				t.Error(err)
			}
		}
		revoked := 0
		for i := leaves; i < len(w.leaves); i++ {
			if w.leaf(int64(i)).Kind == audit.Revoked {
				revoked++
			}
		}
		if revoked != 1 {
			t.Errorf("%d leaves", revoked)
		}
		stop()
		w.agree(t)
	})
}

// RV-03: who loses a key loses every certificate of it; and an idempotency key does
// not hand out what was revoked.
func TestRV03_ACompromisedKeyTakesAllItsCertificates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		defer stop()
		var same []ca.Certificate
		for n := range 3 {
			q, c := wishOf(n+1, fmt.Sprint("key", n))
			c.Key = ca.Digest{77}
			i, err := r.Submit(t.Context(), q, c)
			if err != nil {
				t.Fatal(err)
			}
			same = append(same, i.Certificate)
		}
		other := issuedOne(t, r, 9)
		if _, err := r.Revoke(t.Context(), hana, same[0].PublicName(), ca.Withdrawal{Reason: ca.Superseded}); err != nil {
			t.Fatal(err)
		}
		if c, _, _ := w.Serial(t.Context(), same[1].IssuerKey, same[1].Serial); c.Revoked != nil {
			t.Error("another reason than keyCompromise took a second certificate")
		}
		if _, err := r.Revoke(t.Context(), hana, same[1].PublicName(), ca.Withdrawal{Reason: ca.KeyCompromise}); err != nil {
			t.Fatal(err)
		}
		for i, want := range []ca.Reason{ca.Superseded, ca.KeyCompromise, ca.KeyCompromise} {
			if c, _, _ := w.Serial(t.Context(), same[i].IssuerKey, same[i].Serial); c.Revoked == nil || c.Revoked.Reason != want {
				t.Errorf("certificate %d stands as %+v, want %s", i, c.Revoked, want)
			}
		}
		if c, _, _ := w.Serial(t.Context(), other.IssuerKey, other.Serial); c.Revoked != nil {
			t.Error("a certificate of another key was revoked")
		}
	})
}

// RV-01: a hold is taken back, once however often it is asked, and comes again. The front
// dies and the database goes back in between: settling enters each step where it was.
func TestAHoldIsTakenBackAndSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		one := issuedOne(t, r, 1)
		day := time.Now().AddDate(-1, 0, 0).UTC().Truncate(time.Second)
		for i, why := range []ca.Reason{ca.CertificateHold, ca.RemoveFromCRL, ca.CertificateHold, ca.RemoveFromCRL, ca.CertificateHold, ca.Superseded} {
			how := ca.Withdrawal{Reason: why}
			if i == 4 {
				how.InvalidSince = day
			}
			for range 2 {
				c, err := r.Revoke(t.Context(), hana, one.PublicName(), how)
				if err != nil || c.Steps != i+1 || (c.Revoked == nil) != (why == ca.RemoveFromCRL) {
					t.Fatalf("step %d: %+v, %v", i+1, c.Revoked, err)
				}
			}
		}
		stop()
		was := w.rows[0]
		if was.Revoked.InvalidSince != day {
			t.Errorf("the invalidity date was lost when the hold became final: %+v", was.Revoked)
		}
		// The database goes back to where only the certificate was there.
		w.rows[0].Revoked, w.rows[0].Steps, w.mark = nil, 0, 0
		for step, id := range w.steps {
			delete(w.events, id)
			delete(w.steps, step)
		}
		_, stop = running(w)
		synctest.Wait()
		defer stop()
		if got := w.rows[0]; got.Steps != 6 || got.Revoked == nil || got.Revoked.Reason != ca.Superseded || got.Revoked.InvalidSince != day {
			t.Errorf("after settling: %+v, want %+v", got.Revoked, was.Revoked)
		}
	})
}
