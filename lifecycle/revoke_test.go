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
	now := ca.Revoked{At: v.At, First: v.ID}
	if c.Revoked != nil {
		now = *c.Revoked
	}
	now.Reason, now.Step, now.Last = v.Reason, v.Step, v.ID
	c.Revoked = &now
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
	l := w.leaf(intent)
	body, err := json.Marshal(ca.RevokedBody{Intent: intent, Reason: why, By: "uid:1000"})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.append(audit.Leaf{Kind: audit.Revoked, Issuer: l.Issuer, Serial: l.Serial, Step: int64(step)}, body)
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
		case last+1 == v.Step && (last == 0 || v.Reason == ca.KeyCompromise):
			at = w.revoked(v.ID.Index(), v.Step, v.Reason)
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
				r.o.Revoked = func(authority string) { told = append(told, authority) }
				one := issuedOne(t, r, 1)
				w.mu.Lock()
				w.die[point] = 1
				w.stale = point == "hello"
				w.mu.Unlock()
				revoked := make(chan error, 1)
				go func() {
					_, err := r.Revoke(t.Context(), hana, one.PublicName(), ca.Superseded)
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
				if got, err = r.Revoke(t.Context(), hana, one.PublicName(), ca.KeyCompromise); err != nil || got.Revoked.Step != 2 {
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
			if _, err := r.Revoke(t.Context(), who, ref, why); code(err) != want {
				t.Errorf("%s: %v, want %s", what, err, want)
			}
		}
		refused("somebody without a role", peer(4711), one.PublicName(), ca.Superseded, ca.E1305)
		refused("a name that is not there", hana, "issuing-g1-77", ca.Superseded, ca.E2101)
		refused("a reason that cannot be given", hana, one.PublicName(), ca.CertificateHold, ca.E2111)
		if _, err := r.Revoke(t.Context(), hana, one.PublicName(), ca.Superseded); err != nil {
			t.Fatal(err)
		}
		leaves := len(w.leaves)
		if c, err := r.Revoke(t.Context(), hana, one.PublicName(), ca.Superseded); err != nil || c.Revoked.Step != 1 || len(w.leaves) != leaves {
			t.Errorf("the same again: %+v, %v, %d new leaves", c.Revoked, err, len(w.leaves)-leaves)
		}
		refused("a reason that is no higher", hana, one.PublicName(), ca.AffiliationChanged, ca.E2111)
		time.Sleep(5 * probePause)
		if _, err := r.Revoke(t.Context(), hana, one.PublicName(), ca.KeyCompromise); err != nil {
			t.Error(err)
		}
		refused("a reason that was raised", hana, one.PublicName(), ca.Superseded, ca.E2111)
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
			_, err := r.Revoke(t.Context(), hana, one.PublicName(), ca.Superseded)
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
		if _, err := r.Revoke(t.Context(), hana, one.PublicName(), ca.Superseded); err == nil || time.Since(began) > maxStall+time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		time.Sleep(time.Minute)
		leaves := len(w.leaves)
		if c, err := r.Revoke(t.Context(), hana, one.PublicName(), ca.Superseded); err != nil || c.Revoked == nil || len(w.leaves) != leaves {
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
				_, err := r.Revoke(t.Context(), hana, one.PublicName(), ca.Superseded)
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
		if _, err := r.Revoke(t.Context(), hana, same[0].PublicName(), ca.Superseded); err != nil {
			t.Fatal(err)
		}
		if c, _, _ := w.Serial(t.Context(), same[1].IssuerKey, same[1].Serial); c.Revoked != nil {
			t.Error("another reason than keyCompromise took a second certificate")
		}
		if _, err := r.Revoke(t.Context(), hana, same[1].PublicName(), ca.KeyCompromise); err != nil {
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
