// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"chancery/ca"
)

// A machine has a wall clock that can be set, and a count that cannot.
type machine struct {
	wall  time.Time
	count time.Duration
}

func (m *machine) pass(d time.Duration) { m.wall, m.count = m.wall.Add(d), m.count+d }

func (m *machine) clock() *clock {
	return newClock(func() time.Time { return m.wall }, func() time.Duration { return m.count })
}

func wrong(err error) bool {
	var p *ca.Problem
	return errors.As(err, &p) && p.Code == ca.E3003
}

// TI-02, FT-04: the clock set by any amount at any moment, before and after a
// restart, around the dates where encodings change. Nothing is signed at an
// implausible time, leaves never go back, and a reset mends it.
func TestTI02FT04_AClockThatIsSet(t *testing.T) {
	var moved []time.Duration
	for _, d := range []time.Duration{
		time.Second, 4 * time.Second, 6 * time.Second, time.Minute, 9 * time.Minute, 11 * time.Minute, time.Hour,
		24 * time.Hour, 31 * 24 * time.Hour, 365 * 24 * time.Hour, 3652 * 24 * time.Hour,
	} {
		moved = append(moved, d, -d)
	}
	cases := 0
	for _, begin := range []string{"2026-11-21T12:00:00Z", "2038-01-19T03:14:07Z", "2049-12-31T23:59:58Z", "2050-01-01T00:00:00Z"} {
		start, err := time.Parse(time.RFC3339, begin)
		if err != nil {
			t.Fatal(err)
		}
		for _, by := range moved {
			for _, restarted := range []bool{false, true} {
				for _, quiet := range []time.Duration{0, time.Second, 48 * time.Hour} {
					cases++
					t.Run(fmt.Sprintf("%s by %s after %s, restarted %v", begin, by, quiet, restarted), func(t *testing.T) {
						setBy(t, start, by, quiet, restarted)
					})
				}
			}
		}
	}
	if cases < 500 {
		t.Errorf("%d cases, want 500", cases)
	}
}

func setBy(t *testing.T, start time.Time, by, quiet time.Duration, restarted bool) {
	m := &machine{wall: start, count: time.Hour}
	c := m.clock()
	if _, err := c.read(); err != nil {
		t.Fatal(err)
	}
	last := c.stamp()
	m.pass(quiet)
	if restarted {
		c = m.clock()
		c.heard(last.UnixMilli())
	}
	m.wall = m.wall.Add(by)
	behind := last.Sub(m.wall) > maxBehind
	jumped := !restarted && by.Abs() > maxJump
	now, err := c.read()
	if wrong(err) != (behind || jumped) {
		t.Fatalf("the clock was set by %s: %v", by, err)
	}
	if err == nil && !now.Equal(m.wall) {
		t.Errorf("it reads %s, the wall clock says %s", now, m.wall)
	}
	for range 3 {
		m.pass(time.Second)
		next := c.stamp()
		if next.Before(last) {
			t.Fatalf("a leaf's time went from %s to %s", last, next)
		}
		if late := next.Sub(start.Add(quiet + 4*time.Second)); !restarted && late > maxJump+4*time.Second {
			t.Fatalf("a leaf got the time %s, %s ahead", next, late)
		}
		last = next
	}
	if before, now := c.reset(); !now.Equal(m.wall) || before.Before(start) {
		t.Errorf("reset from %s to %s", before, now)
	}
	if _, err := c.read(); err != nil {
		t.Errorf("after the reset: %v", err)
	}
	m.pass(time.Hour)
	if now, err := c.read(); err != nil || !c.stamp().Equal(now) {
		t.Errorf("an hour later: %v", err)
	}
}

// A suspended machine and slow slewing are no jumps.
func TestTI02_SuspendAndSlewAreNoJumps(t *testing.T) {
	m := &machine{wall: time.Unix(1_800_000_000, 0)}
	c := m.clock()
	for range 1000 {
		m.pass(8 * time.Hour)
		m.wall = m.wall.Add(-4 * time.Second) // a clock that is slewed back
		if _, err := c.read(); err != nil {
			t.Fatal(err)
		}
		c.stamp()
	}
}
