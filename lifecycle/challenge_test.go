// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"fmt"
	"testing"
	"time"

	"chancery/ca"
)

// KY-06: five guesses are free; then each wrong one doubles the wait, up to a quarter of an
// hour, for that certificate alone. A right one, or a quarter of an hour's peace, begins anew.
func TestKY06_WrongChallengePasswordsMustWait(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	var g guesses
	wrong := func(name string) bool {
		if err := g.enter(name, now); err != nil {
			if code(err) != ca.E1307 {
				t.Fatal(err)
			}
			return false
		}
		g.leave(name, false, now)
		return true
	}
	for i := range freeGuesses {
		if !wrong("a") {
			t.Fatalf("guess %d must wait", i)
		}
	}
	for want, n := firstWait, 0; n < 12; n++ {
		if wrong("a") {
			t.Fatalf("a guess is free that must wait %s", want)
		}
		now = now.Add(want - time.Nanosecond)
		if wrong("a") {
			t.Fatalf("it waited less than %s", want)
		}
		now = now.Add(time.Nanosecond)
		if !wrong("a") {
			t.Fatalf("it must wait longer than %s", want)
		}
		want = min(2*want, lastWait)
	}
	if !wrong("b") {
		t.Error("another certificate must wait too")
	}
	g.leave("a", true, now)
	if !wrong("a") {
		t.Error("after a right one it must wait")
	}
	for range freeGuesses {
		wrong("a")
	}
	now = now.Add(2*lastWait + time.Second)
	for i := range freeGuesses {
		if !wrong("a") {
			t.Errorf("after a long peace guess %d must wait", i)
		}
	}
}

// P8: what is counted is bounded, and forgotten.
func TestGuessesAreBounded(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	var g guesses
	for i := range maxGuessed + 10 {
		name := fmt.Sprint(i)
		if err := g.enter(name, now); (err == nil) != (i < maxGuessed) {
			t.Fatalf("certificate %d: %v", i, err)
		} else if err == nil {
			g.leave(name, false, now)
		}
	}
	now = now.Add(lastWait + time.Second)
	if err := g.enter("another", now); err != nil || len(g.of) != 0 {
		t.Errorf("a quarter of an hour later: %v, %d counted", err, len(g.of))
	}
}
