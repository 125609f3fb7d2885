// SPDX-License-Identifier: Apache-2.0

package signer

import "time"

// A flight is a batch under way.
type flight struct{ began time.Time }

// takeOff reads the clock for a batch, and has FeedGround know of it until land is called,
// when its intents are on the log. The clock is read while mu is held, so that no look
// comes between the reading and the entry.
func (s *Signer) takeOff() (now time.Time, land func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now, err = s.clock.read(); err != nil {
		return now, nil, err
	}
	f := &flight{began: now}
	s.airborne[f] = struct{}{}
	return now, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.airborne, f)
	}, nil
}

// horizon is the second up to which everything that this signer numbered is on the log,
// below a leaf. It lies behind by what the clock may be set back: a later certificate must
// not have an earlier second.
func (s *Signer) horizon() (now, horizon time.Time, leaves int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now, err = s.clock.read(); err != nil {
		return now, now, 0, err
	}
	first := now
	for f := range s.airborne {
		if f.began.Before(first) {
			first = f.began
		}
	}
	return now, first.UTC().Truncate(time.Second).Add(-time.Second - maxBehind), s.numbered, nil
}
