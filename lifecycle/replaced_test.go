// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"testing"
	"testing/synctest"
	"time"

	"chancery/ca"
)

// planned issues a certificate and renews it, to be revoked after a day.
func planned(t *testing.T, r *Registrar, n int) ca.Certificate {
	t.Helper()
	old := issuedOne(t, r, n)
	r.o.CSR = func([]byte) (ca.CSR, error) {
		_, c := wishOf(n, "")
		return c, nil
	}
	q := ca.Renewing{Certificate: old.PublicName(), Replaces: true, After: 24 * time.Hour}
	if _, err := r.Renew(t.Context(), hana, ca.RequestID("renewal of "+old.Request), q); err != nil {
		t.Fatal(err)
	}
	return old
}

// standing gives how a certificate stands in the book.
func (w *world) standing(c ca.Certificate) *ca.Revoked {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rows[w.rowOf(c.ID)].Revoked
}

// R80: what is held on the day is revoked: a hold that is taken back later would make good
// what was replaced. A plan that cannot be carried out keeps no other from its end.
func TestR80_APlanEndsWhatIsHeldAndTheOthersGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := renewing(w)
		defer stop()
		held, first, last := planned(t, r, 1), planned(t, r, 2), planned(t, r, 3)
		if _, err := r.Revoke(t.Context(), hana, held.PublicName(), ca.Withdrawal{Reason: ca.CertificateHold}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(25 * time.Hour)
		w.mu.Lock()
		steps := w.rows[w.rowOf(first.ID)].Steps
		w.rows[w.rowOf(first.ID)].Steps = 7 // a step that the signer does not take
		w.mu.Unlock()
		done := map[ca.ID]bool{}
		if err := r.displaceDue(t.Context(), done); err != nil {
			t.Error(err)
		}
		for name, c := range map[string]ca.Certificate{"held": held, "other": last} {
			if v := w.standing(c); v == nil || v.Reason != ca.Superseded {
				t.Errorf("the %s one stands as %+v", name, v)
			}
		}
		if len(done) != 2 || w.standing(first) != nil {
			t.Errorf("%d plans are done; the one that fails stands as %+v", len(done), w.standing(first))
		}
		w.mu.Lock()
		w.rows[w.rowOf(first.ID)].Steps = steps
		w.mu.Unlock()
		if err := r.displaceDue(t.Context(), done); err != nil || len(done) != 3 || w.standing(first) == nil {
			t.Errorf("in the next round: %v, it stands as %+v", err, w.standing(first))
		}
	})
}

// RO-02: whoever can write in the database plans no revocation: each row of one is held against
// the leaf that it names, before its day and after it.
func TestRO02_AForgedPlanRevokesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := renewing(w)
		defer stop()
		other, old := issuedOne(t, r, 5), planned(t, r, 1)
		yesterday := " " + time.Now().Add(-24*time.Hour).UTC().Format(time.RFC3339)
		w.mu.Lock()
		var at ca.ID
		for id, e := range w.events {
			if e.Kind == ca.EventReplaced {
				at = id
			}
		}
		told := w.events[at]
		w.mu.Unlock()
		forgeries := map[string]ca.Event{
			"another certificate":  {ID: at, About: other.PublicName() + yesterday},
			"another day":          {ID: at, About: old.PublicName() + yesterday},
			"a leaf of other kind": {ID: other.ID, About: other.PublicName() + yesterday},
			"no leaf":              {ID: ca.NewID(1, 1<<20), About: other.PublicName() + yesterday},
			"another log":          {ID: ca.NewID(2, at.Index()), About: other.PublicName() + yesterday},
			"no day":               {ID: at, About: other.PublicName()},
		}
		tried := func(name string, forged ca.Event) {
			t.Helper()
			forged.Kind, forged.By, forged.Leaf = ca.EventReplaced, told.By, told.Leaf
			w.mu.Lock()
			delete(w.events, at)
			w.events[forged.ID] = forged
			w.mu.Unlock()
			if err := r.displaceDue(t.Context(), map[ca.ID]bool{}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if w.standing(other) != nil || w.standing(old) != nil {
				t.Fatalf("%s: a certificate was revoked", name)
			}
			w.mu.Lock()
			delete(w.events, forged.ID)
			w.events[at] = told
			w.mu.Unlock()
		}
		for name, forged := range forgeries {
			tried(name, forged)
		}
		time.Sleep(25 * time.Hour) // of the bubble's clock: the plan's own day
		for name, forged := range forgeries {
			tried(name+", on the day", forged)
		}
	})
}
