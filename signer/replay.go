// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"encoding/json"
	"fmt"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer/journal"
)

// replay rebuilds what the signer remembers from its journal: the genesis, the
// policy and authorities in force, the open intents and the recent ones.
// Nothing here signs, and nothing is written.
func (s *Signer) replay() error {
	r := &rules{profiles: map[string]ca.Profile{}, authorities: map[string]*authority{}}
	err := s.journal.Scan(0, func(rec journal.Record) error {
		s.clock.heard(rec.Leaf.Time)
		var err error
		switch rec.Leaf.Kind {
		case audit.Genesis:
			err = json.Unmarshal(rec.Body, &s.genesis)
		case audit.Bundle:
			r, err = s.bundleLeaf(r, rec)
		case audit.Key:
			err = s.keyLeaf(rec)
		case audit.Authority:
			var a ca.Authority
			if err = json.Unmarshal(rec.Body, &a); err == nil {
				r, err = r.withGeneration(a)
			}
		case audit.Revoked:
			err = s.revokedLeaf(rec)
		case audit.Abandoned:
			s.abandoned[rec.Leaf.Cites] = true
		case audit.CRL:
			err = s.listLeaf(rec)
		default:
			err = s.remember(rec)
		}
		if err != nil {
			return fmt.Errorf("leaf %d: %w", rec.Index, err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("replay the journal: %w", err)
	}
	if len(r.authorities) == 0 || s.genesis.Database == "" {
		return halfFounded()
	}
	s.rules.Store(r)
	return nil
}

// withGeneration is withAuthority for a generation read from the log, sealed.
func (r *rules) withGeneration(a ca.Authority) (*rules, error) {
	sealed, err := newAuthority(a, nil)
	if err != nil {
		return nil, err
	}
	return r.withAuthority(sealed), nil
}

// remember enters one leaf about an intent. An erased body (retention) belongs
// to a certificate that ended long ago; nobody repeats its request.
func (s *Signer) remember(rec journal.Record) error {
	switch rec.Leaf.Kind {
	case audit.Intent:
		var body ca.IntentBody
		if !rec.Erased {
			if err := json.Unmarshal(rec.Body, &body); err != nil {
				return err
			}
		}
		s.recent.add(&intent{index: rec.Index, request: body.Wish.ID, key: idempotency(body.Wish), final: -1})
	case audit.Final, audit.Adopted, audit.Void:
		if rec.Leaf.Kind == audit.Void {
			if err := s.voided(rec.Leaf.Cites, rec.Leaf.Time); err != nil {
				return err
			}
		}
		i := s.recent.byIndex[rec.Leaf.Cites]
		if i == nil {
			return nil // settled so long ago that the ring forgot it
		}
		if rec.Leaf.Kind == audit.Void {
			i.void = true
		} else {
			i.final = rec.Index
		}
		s.recent.settle(i)
	}
	return nil
}
