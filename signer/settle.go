// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"crypto/x509"
	"encoding/json"
	"fmt"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer/journal"
)

// Settle closes intents from the book's side, as the table in docs/recovery.md
// says. It never signs. All leaves it appends are durable when it returns.
//
// A certificate brought for an intent is believed only if its to-be-signed bytes
// are those of the INTENT and its signature verifies with the issuer's key: a
// front cannot put a certificate on the log that the signer did not make.
func (s *Signer) Settle(session int64, settlements []ca.Settlement) error {
	// A batch in flight belongs to an intent that must not be voided under it.
	s.flights.Lock()
	defer s.flights.Unlock()
	if err := s.current(session); err != nil {
		return err
	}
	if len(settlements) > MaxBatch {
		return ca.Invalid(ca.E1401, fmt.Sprintf("at most %d settlements at a time", MaxBatch), "split them")
	}
	var entries []journal.Entry
	var closed []*intent
	for _, t := range settlements {
		e, i, err := s.settlement(t)
		if err != nil {
			return err
		}
		if e != nil {
			entries, closed = append(entries, *e), append(closed, i)
		}
	}
	if len(entries) == 0 {
		return nil
	}
	s.spend()
	placed, err := s.journal.Append(entries)
	if err != nil {
		return fmt.Errorf("journal the settlements: %w", err)
	}
	for n, e := range entries {
		if e.Leaf.Kind == audit.Void {
			if err := s.voided(e.Leaf.Cites, placed[n]); err != nil {
				return err
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, i := range closed {
		if i == nil {
			s.abandoned[entries[n].Leaf.Cites] = true
			continue
		}
		if entries[n].Leaf.Kind == audit.Void {
			i.void = true
		} else {
			i.final = placed[n].Index
		}
		s.recent.settle(i)
	}
	return nil
}

// settlement gives the leaf that closes an intent, or none if it is closed
// already in the same way: settling may be repeated after a lost reply.
func (s *Signer) settlement(t ca.Settlement) (*journal.Entry, *intent, error) {
	if t.Act == ca.SettleAbandoned {
		e, err := s.abandonment(t.Index)
		return e, nil, err
	}
	s.mu.Lock()
	i := s.recent.byIndex[t.Index]
	s.mu.Unlock()
	if i == nil {
		return nil, nil, ca.Conflict(ca.E1402, fmt.Sprintf("leaf %d is not an intent that can be settled", t.Index), "read the leaves again")
	}
	switch t.Act {
	case ca.SettleFinal:
		if i.final >= 0 {
			return nil, nil, nil
		}
		if i.void {
			return nil, nil, contradiction(t.Index, "the book has a certificate, the log has it void")
		}
		if err := s.matches(t); err != nil {
			return nil, nil, err
		}
		e, err := finalEntry(t.Index, t.DER)
		return &e, i, err
	case ca.SettleVoid:
		if i.void {
			return nil, nil, nil
		}
		if i.final >= 0 {
			return nil, nil, contradiction(t.Index, "the book has it void, the log has a signature")
		}
		e := journal.Entry{Leaf: audit.Leaf{Kind: audit.Void, Cites: t.Index}}
		return &e, i, nil
	}
	return nil, nil, ca.Invalid(ca.E1401, fmt.Sprintf("unknown settlement %q", t.Act), "final, void or abandoned")
}

// abandonment says of a revocation that another one has its place in the book. The
// certificate stays revoked. It gives none if that was said before.
func (s *Signer) abandonment(index int64) (*journal.Entry, error) {
	r, err := s.journal.Leaf(index)
	if err != nil || r.Leaf.Kind != audit.Revoked {
		return nil, ca.Conflict(ca.E1402, fmt.Sprintf("leaf %d is not a revocation", index), "read the leaves again")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.abandoned[index] {
		return nil, nil
	}
	return &journal.Entry{Leaf: audit.Leaf{Kind: audit.Abandoned, Cites: index}}, nil
}

func contradiction(index int64, what string) error {
	return ca.Conflict(ca.E1406, fmt.Sprintf("intent %d: %s", index, what), "see docs/recovery.md: an officer must decide")
}

// matches checks a certificate of the book against its INTENT.
func (s *Signer) matches(t ca.Settlement) error {
	r, err := s.journal.Leaf(t.Index)
	if err != nil {
		return fmt.Errorf("read intent %d: %w", t.Index, err)
	}
	var body ca.IntentBody
	if err := json.Unmarshal(r.Body, &body); err != nil {
		return fmt.Errorf("read the body of intent %d: %w", t.Index, err)
	}
	a := s.rules.Load().authorities[body.Authority]
	if a == nil {
		return contradiction(t.Index, "its authority is not known here")
	}
	certificate, err := x509.ParseCertificate(t.DER)
	if err != nil || digest(certificate.RawTBSCertificate) != r.Leaf.Digest {
		return contradiction(t.Index, "the book's certificate is not the one that was intended")
	}
	if !a.verify(certificate.RawTBSCertificate, certificate.Signature) {
		return contradiction(t.Index, "the signature of the book's certificate does not verify")
	}
	return nil
}

// current says whether a session is the newest one.
func (s *Signer) current(session int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if session != s.session {
		return ca.Conflict(ca.E1402, "this session was closed by a newer hello", "say hello again")
	}
	return nil
}
