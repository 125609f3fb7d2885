// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/encode"
	"chancery/signer/journal"
)

// madeElsewhere gives those steps of a list from elsewhere that are of certificates made
// elsewhere. One of this log is revoked by a REVOKED leaf: without it, the list would have
// what the book and every list of certificates call good, and no step could be taken any
// more. A list with one that is good here is E2602.
func (s *Signer) madeElsewhere(issuer ca.Digest, steps []step, now time.Time) ([]step, error) {
	ours, err := s.issuedHere(issuer, steps, now)
	if err != nil || len(ours) == 0 {
		return steps, err
	}
	s.revoking.Lock()
	defer s.revoking.Unlock()
	known := s.revokedOf(issuer)
	var good []ca.Serial
	for serial, live := range ours {
		if before, ok := known.find(wide(serial)); live && (!ok || before.lifted()) {
			good = append(good, serial)
		}
	}
	if len(good) > 0 {
		slices.Sort(good)
		return nil, untakeable(fmt.Sprintf("the list revokes %d certificates that were made here and are good here, the first of serial number %s", len(good), good[0]),
			"revoke them here, then bring the list again: chancery revoke "+string(good[0])+", or chancery ca revoke for that of an authority").
			Because("only what is on this log is revoked for everybody who asks it; and whoever made this list has the key too")
	}
	return slices.DeleteFunc(steps, func(one step) bool { // they are revoked here, or have ended
		e, err := one.entry()
		_, is := ours[e.Serial]
		return err == nil && is
	}), nil
}

// issuedHere tells which of the certificates that steps are of have an INTENT on this log,
// and whether they live. Their numbers look like those of any other log of the same number,
// so that the log is read, all of it: where in it an INTENT lies, no clock tells for sure.
func (s *Signer) issuedHere(issuer ca.Digest, sorted []step, now time.Time) (map[ca.Serial]bool, error) {
	alike := func(one step) bool {
		e, err := one.entry()
		_, is := encode.SerialTime(s.journal.LogNo(), e.Serial)
		return err == nil && is
	}
	if !slices.ContainsFunc(sorted, alike) {
		return nil, nil
	}
	ours := map[ca.Serial]bool{}
	err := s.journal.Scan(0, func(rec journal.Record) error {
		if rec.Leaf.Kind != audit.Intent || rec.Leaf.Issuer != issuer {
			return nil
		}
		if _, is := slices.BinarySearchFunc(sorted, wide(rec.Leaf.Serial), step.compare); !is {
			return nil
		}
		var body ca.IntentBody
		if !rec.Erased { // retention takes what has ended
			if err := json.Unmarshal(rec.Body, &body); err != nil {
				return fmt.Errorf("read the body of intent %d: %w", rec.Index, err)
			}
		}
		ours[rec.Leaf.Serial] = body.NotAfter.After(now)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for the certificates of a list: %w", err)
	}
	return ours, nil
}
