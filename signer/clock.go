// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer/journal"
)

const (
	// maxBehind is how far the clock may stand behind the log's last time, maxJump how
	// far it may come apart from the clock that counts since the machine started
	// (security rule TI-02). Slewing stays below both.
	maxBehind, maxJump = 5 * time.Second, 10 * time.Minute
)

// A clock is the wall clock, held against what else is known of the time: the log's
// last time, and a clock that counts since the machine started, suspended or not
// (CLOCK_BOOTTIME). It never lets an implausible time on the log.
type clock struct {
	wall  func() time.Time
	since func() time.Duration // nil: there is nothing to hold it against

	mu    sync.Mutex
	floor time.Time // the log's last time
	// good is the last plausible reading, at the count it was read at.
	good time.Time
	at   time.Duration
}

func newClock(wall func() time.Time, since func() time.Duration) *clock {
	return &clock{wall: wall, since: since}
}

// read gives the time, or E3003 while it cannot be right: then nothing is signed.
func (c *clock) read() (time.Time, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, _, err := c.look()
	return now, err
}

// stamp gives the time that a leaf gets: the wall clock's if it is plausible, else
// what has passed since it was. It never goes back.
func (c *clock) stamp() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, expected, err := c.look()
	if err != nil {
		now = expected
	}
	if now.Before(c.floor) {
		now = c.floor
	}
	c.floor = now
	return now
}

// look reads the clock. expected is what it should show; the caller holds mu.
func (c *clock) look() (now, expected time.Time, err error) {
	now, expected = c.wall(), c.floor
	var count time.Duration
	if c.since != nil {
		count = c.since()
		if !c.good.IsZero() {
			expected = c.good.Add(count - c.at)
			if apart := now.Sub(expected); apart.Abs() > maxJump {
				return now, expected, wrongClock(fmt.Sprintf("it jumped by %s", apart.Round(time.Second)))
			}
		}
	}
	if behind := c.floor.Sub(now); behind > maxBehind {
		return now, expected, wrongClock(fmt.Sprintf("it is %s behind the log", behind.Round(time.Second)))
	}
	c.good, c.at = now, count
	return now, now, nil
}

func wrongClock(why string) error {
	return ca.Unavailable(ca.E3003, "the clock of this machine is wrong, so nothing is signed",
		"set it (timedatectl); if it is right now: chancery recover --time-reset").Because(why)
}

// heard notes the time of a leaf that was read from the log at the start.
func (c *clock) heard(millis int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.floor = time.UnixMilli(millis).UTC()
}

// reset takes the wall clock for right, whatever was known, and says what the
// log's last time was.
func (c *clock) reset() (before, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, now = c.floor, c.wall()
	c.floor, c.good, c.at = now, now, 0
	if c.since != nil {
		c.at = c.since()
	}
	return before, now
}

// TimeBody is the body of a TIME leaf: somebody took the clock for right.
type TimeBody struct {
	// Before was the log's last time; After is the clock's, and the leaf's own.
	Before time.Time `json:"before"`
	After  time.Time `json:"after"`
	UID    int       `json:"uid"`
}

// ResetTime takes the wall clock for right, though the log or the machine's own
// count says otherwise, and puts that on the log with the account that wants it
// (security rule TI-02: by a direct command, on ceremony.sock only).
func (s *Signer) ResetTime(uid int) (TimeBody, error) {
	s.flights.Lock()
	defer s.flights.Unlock()
	if !s.founded() {
		return TimeBody{}, unfounded()
	}
	b := TimeBody{UID: uid}
	b.Before, b.After = s.clock.reset()
	body, err := json.Marshal(b)
	if err != nil {
		return b, fmt.Errorf("write the time: %w", err)
	}
	if _, err := s.journal.Append([]journal.Entry{{Leaf: audit.Leaf{Kind: audit.Time}, Body: body}}); err != nil {
		return b, fmt.Errorf("journal the time: %w", err)
	}
	return b, nil
}
