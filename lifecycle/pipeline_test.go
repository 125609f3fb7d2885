// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chancery/ca"
)

// running starts a registrar and gives the way to stop it. Stopping is what a
// restart of the front begins with.
func running(w *world) (*Registrar, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	r, ended := w.registrar(), make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	return r, func() {
		cancel()
		if err := <-ended; err != context.Canceled {
			w.t.Errorf("Run ended with %v", err)
		}
	}
}

// inBook fails if an answered certificate is not in the book.
func inBook(t *testing.T, w *world, i ca.Issued) {
	t.Helper()
	c, ok, err := w.Serial(context.Background(), i.Certificate.IssuerKey, i.Certificate.Serial)
	if err != nil || !ok || c.Kind != ca.EndEntity || string(c.DER) != string(i.Certificate.DER) || len(c.DER) == 0 {
		t.Errorf("the answered certificate %s is not in the book: %v, %v", i.Certificate.PublicName(), ok, err)
	}
}

func TestSubmitAnswersWhatIsInTheBook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		q, c := wishOf(1, "key")
		first, err := r.Submit(t.Context(), q, c)
		if err != nil {
			t.Fatal(err)
		}
		inBook(t, w, first)
		if len(first.Chain) != 1 || first.Certificate.Authority != "issuing-g1" || first.Certificate.Owner != "uid:1000" || first.Repeated {
			t.Errorf("the answer is %+v", first)
		}
		q.ID = "request-other"
		again, err := r.Submit(t.Context(), q, c)
		if err != nil || again.Certificate.ID != first.Certificate.ID || !again.Repeated {
			t.Errorf("the same key gave %v, %v", again.Certificate.ID, err)
		}
		other, d := wishOf(2, "key")
		if _, err := r.Submit(t.Context(), other, d); code(err) != ca.E2302 {
			t.Errorf("the same key with another request gave %v", err)
		}
		other.Profile = "none"
		if _, err := r.Submit(t.Context(), other, d); code(err) != ca.E2118 {
			t.Errorf("an unknown profile gave %v", err)
		}
		plan, err := r.Plan(t.Context(), q, c)
		if err != nil || len(plan.Draft.Names) != 1 || len(w.rows) != 1 {
			t.Errorf("the plan is %+v, %v, with %d rows", plan, err, len(w.rows))
		}
		stop()
		w.agree(t)
		if _, err := r.Submit(t.Context(), other, d); code(err) != ca.E2301 {
			t.Errorf("after the stop Submit gave %v", err)
		}
	})
}

// TestEveryDeathIsSettled lets either process die at each point of a wish, and
// asks again until there is a certificate. Whatever the first answer was, it was
// true, and nothing is issued twice for one key.
func TestEveryDeathIsSettled(t *testing.T) {
	for _, c := range []struct {
		point string
		// answer is what the first call gets; "" is a certificate.
		answer ca.Code
		voids  int
	}{
		{point: "sign before intent", answer: ca.E2301},          // S01
		{point: "sign before final", answer: ca.E2301, voids: 1}, // S04
		{point: "sign after final"},                              // S07
		{point: "sign final lost"},                               // S05, at the next start
		{point: "sign closed"},
		{point: "commit before"}, // S07
		{point: "commit after"},  // S08
		{point: "commit late"},   // S08
	} {
		t.Run(c.point, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r, stop := running(w)
				synctest.Wait()
				w.die[c.point] = 1
				q, read := wishOf(1, "key")
				issued, err := r.Submit(t.Context(), q, read)
				if code(err) != c.answer || c.answer == "" && err != nil {
					t.Fatalf("the requester got %v, want %q", err, c.answer)
				}
				if err == nil {
					inBook(t, w, issued)
					if issued.Certificate.Undelivered {
						t.Error("the row says undelivered, and its requester waited")
					}
				}
				q.ID = "request-other"
				again, err := r.Submit(t.Context(), q, read)
				if err != nil {
					t.Fatal(err)
				}
				if c.answer == "" && again.Certificate.ID != issued.Certificate.ID {
					t.Error("one key led to two certificates")
				}
				stop()
				_, stop = running(w) // another front
				synctest.Wait()
				stop()
				w.agree(t)
				if len(w.rows) != 1+c.voids {
					t.Errorf("there are %d rows, want %d", len(w.rows), 1+c.voids)
				}
			})
		})
	}
}

// TestALateCommitAndAVoidExcludeEachOther lets a commit arrive after settling
// looked for its row, and before it voids.
func TestALateCommitAndAVoidExcludeEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		synctest.Wait()
		w.die["commit late"], w.die["sign final lost"] = 1, 1
		q, read := wishOf(1, "key")
		issued, err := r.Submit(t.Context(), q, read)
		if err != nil {
			t.Fatal(err)
		}
		inBook(t, w, issued)
		stop()
		w.agree(t)
	})
}

// TestManyAtOnce keeps both flights busy while single calls die, and compares
// book, log and answers afterwards.
func TestManyAtOnce(t *testing.T) {
	for _, point := range []string{"none", "sign before final", "sign after final", "commit before", "commit after", "sign closed"} {
		t.Run(point, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.pause = 3 * time.Millisecond
				r, stop := running(w)
				synctest.Wait()
				var wg sync.WaitGroup
				for n := range 600 {
					if n == 300 {
						w.mu.Lock()
						w.die[point] = 1
						w.mu.Unlock()
					}
					q, read := wishOf(n, fmt.Sprint("key ", n))
					wg.Go(func() {
						for try := range 5 {
							q.ID = ca.RequestID(fmt.Sprintf("request-%d-%d", n, try))
							issued, err := r.Submit(t.Context(), q, read)
							if err == nil {
								inBook(t, w, issued)
								return
							}
							if code(err) != ca.E2301 {
								t.Errorf("request %d: %v", n, err)
							}
						}
						t.Errorf("request %d was never answered", n)
					})
					if n%10 == 0 {
						time.Sleep(time.Millisecond)
					}
				}
				wg.Wait()
				stop()
				w.agree(t)
				if w.most != maxFlights {
					t.Errorf("%d batches were in flight at once, want %d", w.most, maxFlights)
				}
				if w.commits > 200 {
					t.Errorf("%d commits for 600 certificates: they do not share them", w.commits)
				}
			})
		})
	}
}

// TestSettlingMayDieAnywhere kills settling at each of its calls, in turn, on a
// log that needs every kind of work, and starts again.
func TestSettlingMayDieAnywhere(t *testing.T) {
	build := func(t *testing.T) *world {
		w := newWorld(t)
		for n := range 12 {
			q, _ := wishOf(n, "")
			index, der := w.intend(q, nil, ca.Digest{byte(n)})
			switch n % 6 {
			case 1: // S05
				rowFor(w, index, der)
			case 2: // S06
				rowFor(w, index, nil)
			case 3: // S07
				w.final(index, der)
			case 4: // S08
				w.final(index, der)
				rowFor(w, index, der)
			case 5: // S10
				voidLeaf(w, index)
			} // 0: S04
		}
		return w
	}
	kinds := func(w *world) string {
		out := map[ca.RequestID]ca.CertificateKind{}
		for _, c := range w.rows {
			out[c.Request] = c.Kind
		}
		return fmt.Sprint(out)
	}
	whole := build(t)
	if _, err := whole.registrar().once(t.Context()); err != nil {
		t.Fatal(err)
	}
	whole.agree(t)
	for n := 1; n <= whole.points; n++ {
		w := build(t)
		r := w.registrar()
		w.nth = n
		if _, err := r.once(t.Context()); err == nil {
			t.Fatalf("settling outlived point %d of %d", n, whole.points)
		}
		if _, err := r.once(t.Context()); err != nil {
			t.Fatalf("settling again after point %d: %v", n, err)
		}
		w.agree(t)
		if kinds(w) != kinds(whole) {
			t.Errorf("after dying at point %d the rows are %s, want %s", n, kinds(w), kinds(whole))
		}
	}
}

func TestRequestersWaitFiveSecondsForSettling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.die["hello"] = math.MaxInt
		r, stop := running(w)
		defer stop()
		begin := time.Now()
		q, read := wishOf(1, "")
		_, err := r.Submit(t.Context(), q, read)
		if waited := time.Since(begin); err == nil || waited != maxStall {
			t.Errorf("the requester got %v after %v", err, waited)
		}
		begin = time.Now()
		if _, err := r.Submit(t.Context(), q, read); err == nil || time.Since(begin) != 0 {
			t.Errorf("the next got %v after %v", err, time.Since(begin))
		}
		if s, err := r.Status(t.Context(), hana); err != nil || s.Problem == nil || s.Problem.Code != ca.E1201 {
			t.Errorf("the status is %+v, %v", s, err)
		}
		w.mu.Lock()
		w.die["hello"] = 0
		w.mu.Unlock()
		time.Sleep(maxPause)
		if _, err := r.Submit(t.Context(), q, read); err != nil {
			t.Errorf("when the signer is back: %v", err)
		}
		if s, err := r.Status(t.Context(), hana); err != nil || s.Problem != nil || s.BundleVersion != 4 || s.LogNo != 1 {
			t.Errorf("the status is %+v, %v", s, err)
		}
	})
}

// TestAWishAtTheSignerIsNeverCalledUndone holds the answer of a requester whose
// outcome is unknown apart from that of one whose wish was never sent.
func TestAWishAtTheSignerIsNeverCalledUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		synctest.Wait()
		w.die["sign after final"], w.die["hello"] = 1, 20
		var wg sync.WaitGroup
		for n, want := range []ca.Code{ca.E2301, ca.E1201} {
			q, read := wishOf(n, "")
			wg.Go(func() {
				if _, err := r.Submit(t.Context(), q, read); code(err) != want {
					t.Errorf("requester %d got %v, want %s", n, err, want)
				}
			})
			synctest.Wait()
			time.Sleep(time.Second)
		}
		wg.Wait()
		time.Sleep(time.Minute)
		stop()
		if len(w.rows) != 1 || !w.rows[0].Undelivered {
			t.Errorf("the rows are %+v; the first certificate exists, and nobody was given it", w.rows)
		}
	})
}

func TestAContradictionFreezes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		q, read := wishOf(1, "")
		index, der := w.intend(q, nil, ca.Digest{})
		voidLeaf(w, index)
		rowFor(w, index, der)
		r, stop := running(w)
		defer stop()
		if _, err := r.Submit(t.Context(), q, read); code(err) != ca.E1406 {
			t.Errorf("Submit gave %v", err)
		}
		time.Sleep(time.Hour)
		if s, err := r.Status(t.Context(), hana); err != nil || s.Problem == nil || s.Problem.Code != ca.E1406 || s.Counts.Valid != 1 {
			t.Errorf("the status is %+v, %v", s, err)
		}
		if found, err := r.Find(t.Context(), hana, "65"); err != nil || found.Certificate.Serial != "65" {
			t.Errorf("what was issued is not found: %v", err)
		}
		if _, err := r.List(t.Context(), hana, ca.Filter{}); code(err) != ca.E1401 {
			t.Errorf("a page without a limit gave %v", err)
		}
	})
}

func TestRefusalsAndCrowds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.refuse["request-0001"] = ca.Refused(ca.E2204, "no such key", "")
		r, stop := running(w)
		q, read := wishOf(1, "")
		if _, err := r.Submit(t.Context(), q, read); code(err) != ca.E2204 {
			t.Errorf("the signer's refusal came as %v", err)
		}
		// Whoever gives up before the signer has the wish, leaves nothing behind.
		w.pause = time.Minute / 4
		var wg sync.WaitGroup
		var mu sync.Mutex
		codes := map[ca.Code]int{}
		for n := range maxQueue + 600 {
			q, read := wishOf(n+10, "")
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := r.Submit(ctx, q, read)
				mu.Lock()
				defer mu.Unlock()
				codes[code(err)]++
			})
		}
		wg.Wait()
		if codes[ca.E2301] != maxQueue+600 {
			t.Errorf("the answers are %v", codes)
		}
		time.Sleep(time.Hour)
		stop()
		w.agree(t)
		if len(w.rows) > maxFlights*maxBatch {
			t.Errorf("%d certificates were made, and nobody waited for them", len(w.rows))
		}
	})
}

// TestPR04CallsStaySmall holds every call below the 1 MiB the signer reads, also
// if everybody sends the largest request there is.
func TestPR04CallsStaySmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.pause = time.Millisecond
		r, stop := running(w)
		synctest.Wait()
		var wg sync.WaitGroup
		for n := range 60 {
			q, read := wishOf(n, "")
			q.CSR = append(q.CSR, make([]byte, ca.MaxCSR-len(q.CSR))...)
			read.Raw = q.CSR
			wg.Go(func() {
				if _, err := r.Submit(t.Context(), q, read); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		stop()
		if w.largest == 0 || w.largest > 1<<20 {
			t.Errorf("the largest call had %d octets", w.largest)
		}
	})
	var acts []ca.Settlement
	for range 600 {
		acts = append(acts, ca.Settlement{Act: ca.SettleFinal, DER: make([]byte, 6000)}, ca.Settlement{Act: ca.SettleVoid})
	}
	for len(acts) > 0 {
		n := fits(acts)
		document, err := json.Marshal(acts[:n])
		if err != nil || n < 1 || n > maxGroup || len(document) > 1<<20 {
			t.Fatalf("a call settles %d intents with %d octets, %v", n, len(document), err)
		}
		acts = acts[n:]
	}
}

// TestOneKeyOneCertificate lets many ask at once with one key, also of a node
// that commits its own certificate first.
func TestOneKeyOneCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.pause = time.Millisecond
		r, stop := running(w)
		var wg sync.WaitGroup
		for n := range 20 {
			wg.Go(func() {
				q, read := wishOf(1, "key")
				q.ID = ca.RequestID(fmt.Sprint("request ", n))
				if issued, err := r.Submit(t.Context(), q, read); err != nil || issued.Certificate.Serial != w.rows[0].Serial {
					t.Errorf("asker %d got %v, %v", n, issued.Certificate.Serial, err)
				}
			})
		}
		wg.Wait()
		q, read := wishOf(2, "other")
		winner := ca.Certificate{ID: ca.NewID(2, 5), Serial: "77", Kind: ca.EndEntity, DER: []byte("theirs")}
		wg.Go(func() {
			issued, err := r.Submit(t.Context(), q, read)
			if err != nil || issued.Certificate.Serial != "77" || !issued.Repeated {
				t.Errorf("the loser was given %+v, %v", issued.Certificate, err)
			}
		})
		synctest.Wait()
		w.mu.Lock()
		w.keys[claimOf(q)] = keyed{q, winner}
		w.mu.Unlock()
		wg.Wait()
		stop()
		w.agree(t)
		if len(w.rows) != 2 {
			t.Errorf("there are %d rows; the loser's certificate stands in the book nevertheless", len(w.rows))
		}
	})
}
