// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"encoding/json"
	"fmt"
	"time"

	"chancery/audit"
	"chancery/ca"
)

// A holding has the certificates of a key that are held, with their ends in seconds since 1970:
// nobody is held for longer. The key gets no other certificate meanwhile, since what is being
// looked into would be gone round by asking once more (security rule RV-03). One key may have as
// many as the front likes, so that none of these functions goes through all.
type holding map[[20]byte]int64

// holds enters a step of a certificate of a key: it is held from then on, or not any more.
func (s *Signer) holds(key ca.Digest, t step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.onHold[key]
	switch {
	case ca.Reason(t.reason) != ca.CertificateHold:
		if delete(all, t.serial); len(all) == 0 {
			delete(s.onHold, key)
		}
	case all == nil:
		s.onHold[key] = holding{t.serial: t.ends}
	default:
		all[t.serial] = t.ends
	}
}

// refusesHeld refuses a key of which a certificate is held. Those that have ended are dropped
// on the way to one that has not, so that they are met once.
func (s *Signer) refusesHeld(key ca.Digest, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for serial, ends := range s.onHold[key] {
		if ends > now.Unix() {
			return ca.Refused(ca.E2111, "a certificate of this key is held, and the key gets no other meanwhile", "chancery unhold takes the hold back; a request with a new key is judged by itself").
				Because("a new certificate would be a way around the hold (security rule RV-03)")
		}
		delete(s.onHold[key], serial)
	}
	delete(s.onHold, key)
	return nil
}

// findHeld makes onHold from what was revoked. A step does not know its key, and few are held, so
// the key is read from the step's leaf.
func (s *Signer) findHeld() error {
	s.onHold = map[ca.Digest]holding{}
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
