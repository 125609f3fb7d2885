// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chancery/ca"
)

// The same key with the same request gives the same certificate, and with any
// other E2302, whoever remembers the key: the request under way, the book, the
// signer after the book forgot, or another node that was first.
func TestIS04_AKeyStandsForOneRequest(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*ca.Request)
		same   bool
	}{
		{"the same", func(*ca.Request) {}, true},
		{"the same, sent later", func(q *ca.Request) { q.At = q.At.Add(time.Minute); q.NotAfter = q.NotAfter.Add(time.Minute) }, true},
		{"other names", func(q *ca.Request) { other, _ := wishOf(2, ""); q.CSR = other.CSR }, false},
		{"one day less", func(q *ca.Request) { q.NotAfter = q.NotAfter.AddDate(0, 0, -1) }, false},
		{"the usual end", func(q *ca.Request) { q.NotAfter = time.Time{} }, false},
	} {
		for _, memory := range []string{"under way", "the book", "another front", "the signer"} {
			t.Run(c.name+", "+memory, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					w.pause = time.Millisecond
					r, stop := running(w)
					if _, err := r.Profiles(t.Context(), hana); err != nil { // waits for the first settling
						t.Fatal(err)
					}
					q, read := wishOf(1, "key")
					q.NotAfter = q.At.AddDate(0, 0, 10)
					again := q
					again.ID = "request-again"
					c.change(&again)
					readAgain := read
					if string(again.CSR) != string(q.CSR) {
						_, readAgain = wishOf(2, "")
					}
					var first ca.Issued
					var wg sync.WaitGroup
					wg.Go(func() {
						var err error
						if first, err = r.Submit(t.Context(), q, read); err != nil {
							t.Error(err)
						}
					})
					switch memory {
					case "under way":
						synctest.Wait()
					case "another front":
						wg.Wait()
						stop()
						r, stop = running(w)
					case "the signer":
						wg.Wait()
						w.mu.Lock()
						clear(w.keys)
						w.mu.Unlock()
						if string(again.CSR) == string(q.CSR) {
							c.same = true // it knows no more of the request
						}
					default:
						wg.Wait()
					}
					issued, err := r.Submit(t.Context(), again, readAgain)
					wg.Wait()
					switch {
					case c.same && (err != nil || issued.Certificate.ID != first.Certificate.ID):
						t.Errorf("the same request gave %v, %v", issued.Certificate.ID, err)
					case !c.same && (code(err) != ca.E2302 || err.(*ca.Problem).Kind != ca.RefusedKind):
						t.Errorf("another request gave %v, %v", issued.Certificate.ID, err)
					}
					stop()
					if w.agree(t); len(w.rows) != 1 {
						t.Errorf("%d certificates were made for one key", len(w.rows))
					}
				})
			})
		}
	}
}

// A loser between two nodes is given the winner's certificate only for the same
// request.
func TestTheLoserOfAnotherRequestIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.pause = time.Millisecond
		r, stop := running(w)
		if _, err := r.Profiles(t.Context(), hana); err != nil {
			t.Fatal(err)
		}
		q, read := wishOf(2, "key")
		var wg sync.WaitGroup
		wg.Go(func() {
			if issued, err := r.Submit(t.Context(), q, read); code(err) != ca.E2302 {
				t.Errorf("the loser was given %+v, %v", issued.Certificate, err)
			}
		})
		synctest.Wait()
		winner, _ := wishOf(3, "key")
		w.mu.Lock()
		w.keys[claimOf(q)] = keyed{winner, ca.Certificate{ID: ca.NewID(2, 5), Serial: "77", Kind: ca.EndEntity, DER: []byte("theirs")}}
		w.mu.Unlock()
		wg.Wait()
		stop()
	})
}
