// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chancery/audit"
	"chancery/ca"
)

// Append implements Log.
func (w *world) Append(_ context.Context, e ca.EventBody) (ca.Placed, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.stale:
		return ca.Placed{}, ca.Conflict(ca.E1402, "this session was closed", "")
	case w.flying > 0:
		w.t.Error("an event is put on the log while wishes are at the signer")
	case w.dies("append before"):
		return ca.Placed{}, errDied
	}
	body, err := json.Marshal(e)
	if err != nil {
		return ca.Placed{}, err
	}
	i := w.append(audit.Leaf{Kind: audit.FrontEvent}, body)
	if w.dies("append after") {
		return ca.Placed{}, errDied
	}
	return ca.Placed{Index: i, Leaf: w.leaves[i].Leaf}, nil
}

// told gives the refusals on the world's log as "by: about"; each must have its row.
func (w *world) told() []string {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for i := range w.leaves {
		if w.leaf(int64(i)).Kind != audit.FrontEvent {
			continue
		}
		var e ca.EventBody
		if err := json.Unmarshal(w.leaves[i].Body, &e); err != nil || e.Kind != "refused" {
			w.t.Errorf("event %d is %+v, %v", i, e, err)
		}
		row := w.events[ca.NewID(1, int64(i))]
		if row.By != e.By || row.About != e.About || row.Kind != e.Kind || string(row.Leaf) != string(w.leaves[i].Leaf) {
			w.t.Errorf("the row of %+v is %+v", e, row)
		}
		out = append(out, e.By+": "+e.About)
	}
	return out
}

// What is refused here is on the log within a second or two, with who and why,
// and nothing else is stored. What the signer refuses it tells itself.
func TestARefusalIsOnTheLogAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		synctest.Wait()
		q, c := wishOf(1, "")
		c.Names[0].Value = "www.bank.example"
		if _, err := r.Submit(t.Context(), q, c); code(err) != ca.E2107 {
			t.Fatal(err)
		}
		q.Profile = "none"
		if _, err := r.Submit(t.Context(), q, c); code(err) != ca.E2118 {
			t.Fatal(err)
		}
		if _, err := call(t, r, peer(1005), "submit", ""); code(err) != ca.E1305 {
			t.Fatal(err)
		}
		bySigner, read := wishOf(2, "")
		w.mu.Lock()
		w.refuse[bySigner.ID] = ca.Refused(ca.E2204, "weak key", "")
		w.mu.Unlock()
		if _, err := r.Submit(t.Context(), bySigner, read); code(err) != ca.E2204 {
			t.Fatal(err)
		}
		// A plan is a question and not a request.
		if _, err := r.Plan(t.Context(), q, c); code(err) != ca.E2118 {
			t.Fatal(err)
		}
		r.Refuse(peer(1001), ca.Invalid(ca.E2203, "this is a \x1b[31mCERTIFICATE", ""))
		r.Refuse(peer(1001), ca.Busy(ca.E2301, "too many wait", ""))
		r.Refuse(peer(1001), fmt.Errorf("ours"))
		r.Refuse(peer(1001), nil)
		time.Sleep(2 * probePause)
		synctest.Wait()
		told := w.told()
		want := []string{"uid:1000: E2107 ", "uid:1000: E2118 ", "uid:1005: E1305 ", "uid:1001: E2203 "}
		if len(told) != len(want) {
			t.Fatalf("the log tells %q", told)
		}
		for i := range want {
			if !strings.HasPrefix(told[i], want[i]) || !ca.PlainText(told[i]) {
				t.Errorf("the log tells %q, want %q", told[i], want[i])
			}
		}
		if len(w.rows) != 0 {
			t.Error("a refused request left a row")
		}
		good, read := wishOf(3, "")
		if _, err := r.Submit(t.Context(), good, read); err != nil {
			t.Error(err)
		}
		stop()
		w.agree(t)
	})
}

// Strangers at many addresses do not keep from the log what is refused to an account.
func TestStrangersTakeNoPlaceOfAccountsInRefusals(t *testing.T) {
	var f refusals
	now := time.Unix(1_800_000_000, 0)
	no := ca.Forbidden(ca.E1309, "no", "")
	for i := range 2 * maxTallies {
		f.note(ca.Actor{ID: fmt.Sprintf("source 192.0.2.%d/32", i), Method: ca.MethodEvidence, UID: -1}, no, 0, now)
	}
	f.note(peer(1001), no, maxTold, now)
	if len(f.due) != 1 || f.due[0].By != peer(1001).By() {
		t.Errorf("what is told one by one: %+v", f.due)
	}
}

// What is refused in the last moment is told before the end, so that a command
// that starts the service for itself leaves its refusal too.
func TestARefusalJustBeforeTheEndIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		synctest.Wait()
		_, _ = call(t, r, peer(1005), "submit", "")
		_ = r.Admit(t.Context(), peer(4711))
		stop()
		if told := w.told(); len(told) != 2 || !strings.HasPrefix(told[0], "uid:1005: E1305") || told[1] != "uid:4711: 1 calls, the last with E1305" {
			t.Errorf("the log tells %q", told)
		}
	})
}

// A flood of refusals is a number on the log: ten a minute and account one by one,
// strangers counted only, and 64 accounts told apart.
func TestAFloodOfRefusalsCannotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		synctest.Wait()
		const calls = 10000
		for range calls {
			_, _ = call(t, r, peer(1005), "submit", "")
			_ = r.Admit(t.Context(), peer(4711))
		}
		for uid := range 500 {
			_ = r.Admit(t.Context(), peer(100000+uid))
		}
		time.Sleep(2 * probePause)
		synctest.Wait()
		if told := w.told(); len(told) != maxTold {
			t.Errorf("after two seconds the log tells %d", len(told))
		}
		time.Sleep(aMinute)
		synctest.Wait()
		told := w.told()
		if want := maxTold + 1 + 1 + (maxTallies - 2) + 1; len(told) != want {
			t.Errorf("after a minute the log tells %d of %d calls, want %d", len(told), 2*calls+500, want)
		}
		for _, want := range []string{
			fmt.Sprintf("uid:1005: %d calls, the last with E1305", calls-maxTold),
			fmt.Sprintf("uid:4711: %d calls, the last with E1305", calls),
			fmt.Sprintf("others: %d calls, the last with E1305", 500-(maxTallies-2)),
		} {
			if !slices.Contains(told, want) {
				t.Errorf("the log does not tell %q", want)
			}
		}
		stop()
		w.agree(t)
	})
}

// While the log cannot be reached, what waits for it is bounded.
func TestRefusalsThatWaitAreBounded(t *testing.T) {
	var f refusals
	now := time.Unix(1e9, 0)
	p := ca.Refused(ca.E2107, strings.Repeat("ü", 500), "")
	for minute := range 200 {
		for uid := range 100 {
			for range 12 {
				f.note(peer(uid), p, maxTold, now.Add(time.Duration(minute)*aMinute))
			}
		}
	}
	due := f.take(now, true)
	if len(due) > maxDue+2*maxTallies || len(f.tallies) > maxTallies+1 {
		t.Errorf("%d events and %d tallies wait", len(due), len(f.tallies))
	}
	for _, e := range due {
		if len(e.About) > 256 || !ca.PlainText(e.About) {
			t.Fatalf("the log does not take %q", e.About)
		}
	}
}

// A refusal is told at least once whoever dies on the way, and its row never is
// missing below the mark.
func TestARefusalSurvivesADeath(t *testing.T) {
	for _, point := range []string{"append before", "append after", "commit before", "commit after", "commit late", "sign before final"} {
		t.Run(point, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r, stop := running(w)
				synctest.Wait()
				w.mu.Lock()
				w.die[point] = 1
				w.mu.Unlock()
				_, _ = call(t, r, peer(1005), "submit", "")
				if point == "sign before final" {
					q, c := wishOf(1, "")
					_, _ = r.Submit(t.Context(), q, c)
				}
				time.Sleep(10 * probePause)
				synctest.Wait()
				if told := w.told(); len(told) < 1 || len(told) > 2 || !strings.HasPrefix(told[0], "uid:1005: E1305") {
					t.Errorf("the log tells %q", told)
				}
				q, c := wishOf(2, "")
				if _, err := r.Submit(t.Context(), q, c); err != nil {
					t.Error(err)
				}
				stop()
				w.agree(t)
			})
		})
	}
}
