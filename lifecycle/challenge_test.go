// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chancery/ca"
)

// stranger is somebody at an address who has not signed in.
func stranger(network string) ca.Actor {
	return ca.Actor{ID: ca.SourcePrefix + network, Method: ca.MethodEvidence, UID: -1}
}

// wrongly guesses wrong if it may.
func wrongly(t *testing.T, g *guesses, who ca.Actor, name string, now time.Time) bool {
	t.Helper()
	if err := g.enter(who, name, now); err != nil {
		if code(err) != ca.E1307 {
			t.Fatal(err)
		}
		return false
	}
	g.wrong(who, name, now)
	return true
}

// KY-06: whoever guesses all day, as often as he may, has his count, and keeps no owner from
// guessing: neither at another address, nor with an account, nor at another certificate.
func TestKY06_AGuesserDoesNotKeepTheOwnerFromRevoking(t *testing.T) {
	for _, c := range []struct {
		name string
		from func(n int) ca.Actor
		most int
	}{
		{"from one address", func(int) ca.Actor { return stranger("192.0.2.1/32") }, 5 + 24*5},
		{"by one account", func(int) ca.Actor { return ca.Actor{ID: "uid:1005", Method: ca.MethodPeer, UID: 1005} }, 5 + 24*5},
		{"from a network of IPv4", func(n int) ca.Actor { return stranger(fmt.Sprintf("192.0.2.%d/32", n%256)) }, 15 + 24*15},
		{"from a customer's IPv6", func(n int) ca.Actor { return stranger(fmt.Sprintf("2001:db8:7:%x::/64", n%65536)) }, 15 + 24*15},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, now := newGuesses(), time.Unix(1_800_000_000, 0)
			made := 0
			for n := range 24 * 60 * 60 {
				if wrongly(t, g, c.from(n), "a", now) {
					made++
				}
				if n%3600 == 0 {
					for _, owner := range []ca.Actor{stranger("198.51.100.7/32"), stranger("2001:db8:8:1::/64"), {ID: "uid:1000", Method: ca.MethodPeer, UID: 1000}} {
						if err := g.enter(owner, "a", now); err != nil {
							t.Fatalf("after %s %s is kept out: %v", now.Sub(time.Unix(1_800_000_000, 0)), owner.ID, err)
						}
					}
				}
				now = now.Add(time.Second)
			}
			if made < c.most/2 || made > c.most {
				t.Errorf("%d guesses in a day, want at most %d", made, c.most)
			}
			if !wrongly(t, g, c.from(0), "b", now) {
				t.Error("another certificate must wait too")
			}
		})
	}
}

// KY-06: with all networks of the world nobody guesses more than docs/adr/0021 says, and who
// has an account is not kept out even then.
func TestKY06_AllStrangersTogetherAreBounded(t *testing.T) {
	g, now := newGuesses(), time.Unix(1_800_000_000, 0)
	made := 0
	for n := range 24 * 60 * 60 {
		if wrongly(t, g, stranger(fmt.Sprintf("10.%d.%d.1/32", n/256%256, n%256)), "a", now) {
			made++
		}
		now = now.Add(time.Second)
	}
	if most := allGuesses + 24*120; made > most || made < most-2 {
		t.Errorf("%d guesses in a day, want %d", made, most)
	}
	for n := range 9 {
		wrongly(t, g, stranger(fmt.Sprintf("10.0.%d.2/32", n)), "a", now)
	}
	err := g.enter(stranger("198.51.100.7/32"), "a", now)
	if code(err) != ca.E1307 {
		t.Errorf("the next stranger: %v", err)
	}
	if err := g.enter(ca.Actor{ID: "uid:1000", Method: ca.MethodPeer}, "a", now); err != nil {
		t.Errorf("an account: %v", err)
	}
}

// KY-06: five at once, one more every twelve minutes, all again after an hour; a refusal says
// how long to wait, and which other ways there are. A clock that is set back keeps nobody out
// for longer.
func TestKY06_WrongChallengePasswordsMustWait(t *testing.T) {
	g, now, who := newGuesses(), time.Unix(1_800_000_000, 0), stranger("192.0.2.1/32")
	guessed := func() (n int) {
		for wrongly(t, g, who, "issuing-g1-41", now) {
			n++
		}
		return n
	}
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{0, 5}, {ownPause - time.Second, 0}, {time.Second, 1}, {time.Hour, 5}, {-24 * time.Hour, 0}, {ownPause + time.Second, 1}} {
		now = now.Add(c.after)
		if got := guessed(); got != c.want {
			t.Errorf("%s later: %d guesses, want %d", c.after, got, c.want)
		}
	}
	refused := g.enter(who, "issuing-g1-41", now)
	var p *ca.Problem
	if !errors.As(refused, &p) {
		t.Fatal(refused)
	}
	for _, want := range []string{"wait 12 minutes", "--key KEY", "chancery revoke NAME", "CA administrator"} {
		if !strings.Contains(p.Fix, want) {
			t.Errorf("the refusal does not say %q: %s", want, p.Fix)
		}
	}
}

// P8, KY-06: memory is bounded, and full of nothing that keeps others out.
func TestGuessesAreBounded(t *testing.T) {
	g, now := newGuesses(), time.Unix(1_800_000_000, 0)
	for i := range 100_000 {
		g.wrong(stranger(fmt.Sprintf("10.%d.%d.%d/32", i>>16, i>>8&255, i&255)), fmt.Sprint(i), now)
	}
	kept := 0
	for i := range 100 {
		if g.enter(stranger("192.0.2.1/32"), fmt.Sprint("b", i), now) != nil {
			kept++
		}
	}
	if kept > 5 { // by chance: a cell that five others share
		t.Errorf("%d of 100 are kept out", kept)
	}
	if g.known.until != nil { // no chance that an account is
		t.Error("strangers spend what is for accounts")
	}
	if n := len(g.own.until) + len(g.near.until) + len(g.all.until) + len(g.known.until); n > 4*budgetCells {
		t.Errorf("%d cells", n)
	}
}

// KY-06, PR-04: who may not guess any more has nothing read, of the log or the book, however
// often he asks.
func TestKY06_WhoMayNotGuessHasNothingRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, stop := running(w)
		defer stop()
		c := issuedOne(t, r, 1)
		guess := ca.Guess{Certificate: c.PublicName(), Password: ca.Private("wrong"), Withdrawal: ca.Withdrawal{Reason: ca.Superseded}}
		who, codes := stranger("192.0.2.1/32"), map[ca.Code]int{}
		before := w.reads
		for n := range 50 {
			guess := guess
			if n%2 == 1 {
				_, err := r.PlanRevokeByChallenge(t.Context(), who, guess)
				codes[code(err)]++
				continue
			}
			_, err := r.RevokeByChallenge(t.Context(), who, guess)
			codes[code(err)]++
		}
		r.guesses.strangers <- struct{}{} // and they are at it
		if _, err := r.RevokeByChallenge(t.Context(), ca.Actor{ID: "uid:1005", Method: ca.MethodPeer, UID: 1005}, guess); code(err) != ca.E1309 {
			t.Errorf("an account is told %v", err) // and waits for no stranger
		}
		before++
		if codes[ca.E1309] != ownGuesses || codes[ca.E1307] != 50-ownGuesses || w.reads-before != ownGuesses {
			t.Errorf("the answers were %v, and %d leaves were read", codes, w.reads-before)
		}
	})
}
