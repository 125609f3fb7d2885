// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"testing"
	"testing/synctest"
	"time"

	"chancery/ca"
)

func TestReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		defer stop()
		// Profiles wait for the first settling, as they come with it.
		profiles, err := r.Profiles(t.Context(), hana)
		if err != nil || len(profiles) != 1 || profiles[0].Name != "server" {
			t.Errorf("the profiles are %+v, %v", profiles, err)
		}
		for n := range 20 {
			q, read := wishOf(n, "")
			if _, err := r.Submit(t.Context(), q, read); err != nil {
				t.Fatal(err)
			}
		}
		if rows, err := r.List(t.Context(), hana, ca.Filter{Limit: 5}); err != nil || len(rows) != 5 || rows[0].Request != "request-0019" {
			t.Errorf("the page is %+v, %v", rows, err)
		}
		if _, err := r.Find(t.Context(), hana, "no such"); code(err) != ca.E2101 {
			t.Errorf("a name nobody has gave %v", err)
		}
		if _, err := r.Find(t.Context(), hana, ""); code(err) != ca.E2102 {
			t.Errorf("what twenty are called gave %v", err)
		}
		rows, err := r.List(t.Context(), hana, ca.Filter{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		// R48: the request comes with the certificate.
		if one, err := r.Find(t.Context(), hana, rows[0].PublicName()); err != nil || string(one.CSR) != "csr of request-0019" || len(one.Chain) == 0 {
			t.Errorf("the newest was found as %+v, %v", one, err)
		}
		if all, err := r.Authorities(t.Context(), hana); err != nil || len(all) != 1 {
			t.Errorf("the authorities are %+v, %v", all, err)
		}
		s, err := r.Status(t.Context(), hana)
		if err != nil || s.Problem != nil || s.Counts.Valid != 20 || s.Mark == 0 || s.Leaves != int64(len(w.leaves)) || s.Database != "memory" {
			t.Errorf("the status is %+v, %v", s, err)
		}
	})
}

// TestChainsEnd holds that parents that name each other cannot keep a requester
// waiting for ever.
func TestChainsEnd(t *testing.T) {
	v := view{authorities: []ca.Authority{
		{Name: "root-g1", Parent: "root-g1", Certificate: []byte("root")},
		{Name: "issuing-g1", Parent: "root-g1", Certificate: []byte("issuing")},
		{Name: "a", Parent: "b"}, {Name: "b", Parent: "a"},
	}}
	if c := v.chain("issuing-g1"); len(c) != 2 || string(c[0]) != "issuing" || string(c[1]) != "root" {
		t.Errorf("the chain is %q", c)
	}
	if c := v.chain("a"); len(c) > len(v.authorities) {
		t.Errorf("the chain has %d certificates", len(c))
	}
}

// TestTheSignerRepeatsItself asks after the book has forgotten the key: the
// signer has not, and the row that stands is handed out.
func TestTheSignerRepeatsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		q, read := wishOf(1, "key")
		first, err := r.Submit(t.Context(), q, read)
		if err != nil {
			t.Fatal(err)
		}
		w.mu.Lock()
		clear(w.keys)
		w.mu.Unlock()
		q.ID = "request-other"
		again, err := r.Submit(t.Context(), q, read)
		if err != nil || !again.Repeated || again.Certificate.ID != first.Certificate.ID || again.Certificate.Request != "request-0001" {
			t.Errorf("the answer is %+v, %v", again, err)
		}
		other, readOther := wishOf(2, "")
		if _, err := r.Submit(t.Context(), other, readOther); err != nil {
			t.Error(err)
		}
		stop()
		w.agree(t)
		if len(w.rows) != 2 {
			t.Errorf("there are %d rows, want 2", len(w.rows))
		}
	})
}

// TestASealedSigner answers every wish with what to do, and issues on once the
// key is open, without a restart.
func TestASealedSigner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.sealed = true
		r, stop := running(w)
		defer stop()
		q, read := wishOf(1, "")
		if _, err := r.Submit(t.Context(), q, read); code(err) != ca.E3001 {
			t.Errorf("Submit gave %v", err)
		}
		if s, err := r.Status(t.Context(), hana); err != nil || !s.Sealed {
			t.Errorf("the status is %+v, %v", s, err)
		}
		w.mu.Lock()
		w.sealed = false
		w.mu.Unlock()
		if _, err := r.Submit(t.Context(), q, read); err != nil {
			t.Error(err)
		}
		if s, err := r.Status(t.Context(), hana); err != nil || s.Sealed {
			t.Errorf("the status is %+v, %v", s, err)
		}
		for _, sealed := range []bool{true, false} { // at once: who has just typed `key lock` asks
			w.mu.Lock()
			w.sealed = sealed
			w.mu.Unlock()
			if s, err := r.Status(t.Context(), hana); err != nil || s.Sealed != sealed {
				t.Errorf("the status is %+v, %v, want sealed %v", s, err, sealed)
			}
		}
	})
}

// IS-09: on a disk that is nearly full the status says that nothing is issued, as a request
// is told.
func TestIS09_TheStatusSaysThatTheDiskIsNearlyFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		defer stop()
		synctest.Wait()
		free := int64(171 << 20)
		r.o.Space = func() (int64, int64, error) { return free, 420 << 20, nil }
		q, read := wishOf(1, "")
		if _, err := r.Submit(t.Context(), q, read); code(err) != ca.E1407 {
			t.Errorf("Submit gave %v", err)
		}
		s, err := r.Status(t.Context(), hana)
		if err != nil || s.Problem == nil || s.Problem.Code != ca.E1407 || len(s.Lines) == 0 || s.Lines[0].Problem == nil {
			t.Errorf("the status is %+v, %v", s, err)
		}
		free = 400 << 20
		if s, err := r.Status(t.Context(), hana); err != nil || s.Problem != nil {
			t.Errorf("with room again the status is %+v, %v", s, err)
		}
	})
}

// TestAnIdleFrontNoticesChanges asks nothing of the signer, and still hears within
// a second of a change of policy, of a key that was locked, and of a death.
func TestAnIdleFrontNoticesChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		defer stop()
		synctest.Wait()
		change := func(f func()) (sessions int64) {
			w.mu.Lock()
			before := w.session
			f()
			w.mu.Unlock()
			time.Sleep(probePause + firstPause)
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.session - before
		}
		if n := change(func() {}); n != 0 {
			t.Errorf("%d sessions were opened for nothing", n)
		}
		if n := change(func() { w.stale = true }); n != 1 {
			t.Errorf("%d sessions were opened after a change of policy", n)
		}
		if n := change(func() { w.die["probe"] = 1 }); n != 1 {
			t.Errorf("%d sessions were opened after a restart of the signer", n)
		}
		for _, sealed := range []bool{true, false} {
			change(func() { w.sealed = sealed })
			if s, err := r.Status(t.Context(), hana); err != nil || s.Sealed != sealed {
				t.Errorf("the status is %+v, %v, want sealed %v", s, err, sealed)
			}
		}
		w.mu.Lock()
		w.die["probe"], w.die["hello"] = 1, 100
		w.mu.Unlock()
		time.Sleep(2 * probePause)
		if s, err := r.Status(t.Context(), hana); err != nil || s.Problem == nil {
			t.Errorf("the status is %+v, %v, and the signer is dead", s, err)
		}
	})
}

// TestASecondFront closes our session at every call; neither side may spin.
func TestASecondFront(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.die["sign closed"] = maxTries
		r, stop := running(w)
		defer stop()
		begin := time.Now()
		q, read := wishOf(1, "")
		_, err := r.Submit(t.Context(), q, read)
		if code(err) != ca.E1402 || time.Since(begin) < 3*firstPause {
			t.Errorf("the requester got %v after %v", err, time.Since(begin))
		}
		if _, err := r.Submit(t.Context(), q, read); err != nil {
			t.Error(err)
		}
		if w.session != maxTries+1 {
			t.Errorf("there were %d sessions, want one for each try and one more", w.session)
		}
	})
}

// TestAnUnknownIntentHoldsTheMark issues above an intent that an officer must
// decide, and the mark stays where it was found.
func TestAnUnknownIntentHoldsTheMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		synctest.Wait()
		stop()
		q, read := wishOf(1, "")
		index, _ := w.intend(q, nil, ca.Digest{})
		w.mu.Lock()
		w.mark = index - 1
		w.mu.Unlock()
		w.append(bookWentBack(index), nil)
		r, stop = running(w)
		q, read = wishOf(2, "")
		issued, err := r.Submit(t.Context(), q, read)
		if err != nil {
			t.Fatal(err)
		}
		inBook(t, w, issued)
		if s, err := r.Status(t.Context(), hana); err != nil || s.Unsettled != 1 || s.Mark != index-1 {
			t.Errorf("the status is %+v, %v; the mark must stay at %d", s, err, index-1)
		}
		stop()
		// Another start still knows.
		r, stop = running(w)
		defer stop()
		synctest.Wait()
		if s, err := r.Status(t.Context(), hana); err != nil || s.Unsettled != 1 {
			t.Errorf("after a restart the status is %+v, %v", s, err)
		}
	})
}
