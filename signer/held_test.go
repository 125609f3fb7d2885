// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"errors"
	"testing"
	"time"

	"chancery/ca"
)

// RV-03: a key is free again once its held certificates have ended, and not before; what a
// certificate that has ended was is forgotten.
func TestRV03_AKeyIsFreeOnceItsHeldCertificatesHaveEnded(t *testing.T) {
	first, last := time.Unix(1_800_000_000, 0), time.Unix(1_800_086_400, 0)
	key, other := ca.Digest{1}, ca.Digest{2}
	held := func(n byte, ends time.Time) step {
		return step{serial: [20]byte{n}, ends: ends.Unix(), number: 1, reason: uint8(ca.CertificateHold)}
	}
	s := &Signer{onHold: map[ca.Digest]holding{}}
	s.holds(key, held(1, first))
	s.holds(key, held(2, last))
	s.holds(other, held(3, last))
	for _, c := range []struct {
		now  time.Time
		free bool
	}{{first.Add(-time.Second), false}, {first, false}, {last.Add(-time.Second), false}, {last, true}} {
		err := s.refusesHeld(key, c.now)
		var p *ca.Problem
		if c.free != (err == nil) || err != nil && (!errors.As(err, &p) || p.Code != ca.E2111) {
			t.Errorf("at %v: %v, want free %v", c.now, err, c.free)
		}
	}
	if len(s.onHold) != 1 || len(s.onHold[other]) != 1 {
		t.Errorf("what is remembered: %v", s.onHold)
	}
	if err := s.refusesHeld(other, first); err == nil {
		t.Error("another key is free with it")
	}
}
