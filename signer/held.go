// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"chancery/audit"
	"chancery/ca"
)

// A holding is a certificate that is held, of a key that gets no other one meanwhile: what is
// being looked into would be gone round by asking once more (security rule RV-03).
type holding struct {
	serial [20]byte
	ends   int64 // the certificate's, in seconds since 1970: nobody is held for longer
}

// holds enters a step of a certificate of a key: it is held from then on, or not any more.
func (s *Signer) holds(key ca.Digest, t step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := slices.DeleteFunc(s.onHold[key], func(h holding) bool { return h.serial == t.serial })
	if ca.Reason(t.reason) == ca.CertificateHold {
		rest = append(rest, holding{t.serial, t.ends})
	}
	if s.onHold[key] = rest; len(rest) == 0 {
		delete(s.onHold, key)
	}
}

// refusesHeld refuses a key of which a certificate is held.
func (s *Signer) refusesHeld(key ca.Digest, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.ContainsFunc(s.onHold[key], func(h holding) bool { return h.ends > now.Unix() }) {
		return nil
	}
	return ca.Refused(ca.E2111, "a certificate of this key is held, and the key gets no other meanwhile", "chancery unhold takes the hold back; a request with a new key is judged by itself").
		Because("a new certificate would be a way around the hold (security rule RV-03)")
}

// findHeld makes onHold from what was revoked. A step does not know its key, and few are held, so
// the key is read from the step's leaf.
func (s *Signer) findHeld() error {
	s.onHold = map[ca.Digest][]holding{}
	elsewhere := map[int64]bool{} // leaves that are lists from elsewhere, with many steps each and no keys
	for _, r := range s.revoked {
		for one := range r.steps() {
			if ca.Reason(one.reason) != ca.CertificateHold || elsewhere[one.leaf] {
				continue
			}
			rec, err := s.journal.Leaf(one.leaf)
			if err != nil {
				return fmt.Errorf("read hold %d: %w", one.leaf, err)
			}
			if rec.Leaf.Kind != audit.Revoked || rec.Erased { // or its certificate ended long ago
				elsewhere[one.leaf] = true
				continue
			}
			var body ca.RevokedBody
			if err := json.Unmarshal(rec.Body, &body); err != nil {
				return fmt.Errorf("read hold %d: %w", one.leaf, err)
			}
			s.holds(body.Key, one)
		}
	}
	return nil
}
