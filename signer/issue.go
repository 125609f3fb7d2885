// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"encoding/json"
	"fmt"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/check"
	"chancery/encode"
	"chancery/internal/csr"
	"chancery/internal/faults"
	"chancery/policy"
	"chancery/signer/journal"
)

const (
	// MaxBatch is the largest number of wishes in one call; it bounds what one
	// group commit holds and what one reply weighs.
	MaxBatch = 256
	// maxOpen is where wishes are refused until intents are settled: what a crash
	// can leave behind stays small enough to settle in a second.
	maxOpen = 4096
)

// A draftee is one wish on its way through a batch.
type draftee struct {
	request ca.Request
	repeats *intent        // an earlier intent that this wish repeats
	cleared policy.Cleared // after the policy
	issuer  *authority     // who signs
	serial  ca.Serial      // of the certificate
	secret  *ca.Challenge  // what is kept of its challenge password
	tbs     []byte         // what is linted, journaled, and then signed
	linted  ca.Digest      // of tbs, taken before it was linted
	der     []byte         // after signing
	problem *ca.Problem    // why not
	placed  journal.Placed // where its INTENT or refusal lies
}

// Issue signs a batch of wishes of one session, at most MaxBatch. Each gets an
// answer in its place: a certificate, or a problem. Every answered certificate
// has its INTENT on stable storage; its FINAL follows within a second.
//
// An error means that nothing is known about the batch: the log failed, and the
// process must end.
func (s *Signer) Issue(session int64, requests []ca.Request) ([]ca.Answer, error) {
	// hello takes the other side of this lock, and so waits out the intents of
	// the sessions it closes: no intent in flight is ever voided.
	s.flights.RLock()
	defer s.flights.RUnlock()
	if err := s.admit(session, len(requests)); err != nil {
		return nil, err
	}
	now, land, err := s.takeOff()
	if err != nil {
		return nil, err
	}
	defer land()
	rules := s.rules.Load()
	batch := make([]draftee, len(requests))
	s.claim(batch, requests)
	defer s.release(batch)
	if err := s.promised(rules, batch, now); err != nil {
		return nil, err
	}
	faults.Point("intended")
	each(len(batch), func(i int) { batch[i].sign(s) })
	faults.Point("signed")
	answers, err := s.conclude(batch)
	faults.Point("concluded")
	return answers, err
}

// promised judges a batch, and has what came of it on the log.
func (s *Signer) promised(rules *rules, batch []draftee, now time.Time) error {
	s.certified.RLock()
	defer s.certified.RUnlock()
	each(len(batch), func(i int) {
		d := &batch[i]
		if d.repeats == nil && d.problem == nil {
			d.problem = problemOf(s.prepare(rules, d, now))
		}
	})
	return s.intend(batch)
}

// admit says whether a batch may be looked at.
func (s *Signer) admit(session int64, wishes int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.fault != nil: // the process is ending, and its key is not used again
		return s.fault
	case session != s.session:
		return ca.Conflict(ca.E1402, "this session was closed by a newer hello", "say hello again")
	case wishes > MaxBatch:
		return ca.Invalid(ca.E1401, fmt.Sprintf("a batch holds at most %d wishes, not %d", MaxBatch, wishes), "split it")
	case len(s.recent.open) > maxOpen:
		return ca.Busy(ca.E2301, "too many certificates are not settled yet", "try again in a minute")
	case wishes > 0 && s.full():
		return nearlyFull()
	case !s.unlocked:
		return ca.Locked(ca.E3001, "the signing key is locked", "chancery key unlock")
	}
	return nil
}

// claim finds repeats and takes the names of the others, so that the same wish
// cannot be in two batches, or twice in one.
func (s *Signer) claim(batch []draftee, requests []ca.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range requests {
		d := &batch[i]
		d.request = r
		if r.ID == "" {
			d.problem = ca.Invalid(ca.E1401, "the request has no number", "give each request one of its own")
			continue
		}
		if d.repeats = s.recent.find(r); d.repeats != nil {
			continue
		}
		for _, name := range claims(r) {
			if _, busy := s.claimed[name]; busy {
				d.problem = ca.Unavailable(ca.E2301, "this request is being worked on already", "ask again in a moment")
			}
		}
		if d.problem == nil {
			for _, name := range claims(r) {
				s.claimed[name] = r.ID
			}
		}
	}
}

// release gives the names back once the intents are known to recent.
func (s *Signer) release(batch []draftee) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range batch {
		for _, name := range claims(batch[i].request) {
			if s.claimed[name] == batch[i].request.ID {
				delete(s.claimed, name)
			}
		}
	}
}

func claims(r ca.Request) []string {
	if key := idempotency(r); key != "" {
		return []string{"request\x00" + string(r.ID), key}
	}
	return []string{"request\x00" + string(r.ID)}
}

// prepare takes a wish to the bytes that would be signed. It is the one place
// that checks a request's signature (security rule SG-09), and it believes
// nothing the front says about the rules.
func (s *Signer) prepare(rules *rules, d *draftee, now time.Time) error {
	if !now.Before(rules.bundle.Expires) {
		return ca.Refused(ca.E2121, "the policy bundle expired "+rules.bundle.Expires.Format(time.DateOnly), "put a new one in force")
	}
	// In the order of the doors, so that a request with two faults hears of the same one.
	parsed, err := s.request(d)
	if err != nil {
		return err
	}
	profile, ok := rules.profiles[d.request.Profile]
	if !ok {
		return ca.NotFound(ca.E2118, fmt.Sprintf("there is no profile %q", d.request.Profile), "use one that the policy in force has")
	}
	line, err := policy.Line(profile, d.request.Line)
	if err != nil {
		return err
	}
	if d.issuer = rules.signs(line); d.issuer == nil {
		return ca.NobodySigns(line, rules.all())
	}
	if err := s.unburnt(d.issuer); err != nil {
		return err
	}
	if err := rules.refusesKey(parsed.CSR.Key); err != nil {
		return err
	}
	if err := s.refusesKey(parsed.CSR.Key); err != nil {
		return err
	}
	by := rules.bundle.Rules(profile, d.issuer.Authority)
	by.Weak = s.Weak
	if d.cleared, err = policy.Vet(by, d.request, parsed.CSR, now); err != nil {
		return err
	}
	// The signature is the dearest check, so it comes when all else has passed.
	if err := csr.Check(parsed); err != nil {
		return err
	}
	if err := s.refusesHeld(parsed.CSR.Key, now); err != nil {
		return err
	}
	if d.serial, err = encode.Serial(s.journal.LogNo(), now, s.Random); err != nil {
		return err
	}
	if d.secret, err = s.challenge(parsed, d.issuer.Key, d.serial); err != nil {
		return err
	}
	draft := d.cleared.Draft()
	if d.tbs, err = d.issuer.encoder.TBS(draft, d.serial); err != nil {
		return fmt.Errorf("encode the certificate: %w", err)
	}
	d.linted = digest(d.tbs)
	if err := check.Leaf(d.tbs, draft, d.serial, profile, d.issuer.Authority); err != nil {
		return fmt.Errorf("the encoded certificate does not match its draft: %w", err)
	}
	return nil
}

// intend makes the batch's INTENT and refusal leaves durable in one group.
func (s *Signer) intend(batch []draftee) error {
	entries := make([]journal.Entry, 0, len(batch))
	at := make([]*draftee, 0, len(batch))
	for i := range batch {
		d := &batch[i]
		if d.repeats != nil {
			continue
		}
		e, err := d.entry()
		if err != nil {
			return err
		}
		entries, at = append(entries, e), append(at, d)
	}
	if len(entries) == 0 {
		return nil
	}
	placed, err := s.journal.Append(entries)
	if err != nil {
		return fmt.Errorf("journal the intents: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, d := range at {
		d.placed = placed[i]
		s.numbered = max(s.numbered, placed[i].Index+1)
		if d.problem == nil {
			s.recent.add(&intent{index: placed[i].Index, request: d.request.ID, key: idempotency(d.request), final: -1})
		}
	}
	return nil
}

// entry is the leaf and body a wish leaves behind: an INTENT, or a refusal.
func (d *draftee) entry() (journal.Entry, error) {
	if d.problem != nil {
		body, err := json.Marshal(ca.RefusalBody{Request: kept(d.request, true), Problem: *d.problem})
		return journal.Entry{Leaf: audit.Leaf{Kind: audit.Refusal}, Body: body}, err
	}
	draft := d.cleared.Draft()
	body, err := json.Marshal(ca.IntentBody{
		Wish: kept(d.request, false), Challenge: d.secret, TBS: d.tbs, Authority: d.issuer.Name, Kind: ca.EndEntity,
		Names: draft.Names, Common: draft.Subject.Get(ca.OIDCommonName),
		Key: draft.Key, KeyType: draft.KeyType, NotBefore: draft.NotBefore, NotAfter: draft.NotAfter,
	})
	return journal.Entry{Leaf: audit.Leaf{
		Kind: audit.Intent, Digest: d.linted, Issuer: d.issuer.Key, Serial: d.serial,
	}, Body: body}, err
}

// sign uses the key, once. A certificate that is not what was linted and
// journaled leaves the process as little as the process goes on.
func (d *draftee) sign(s *Signer) {
	if d.problem != nil || d.repeats != nil {
		return
	}
	der, err := d.issuer.certificate(d.tbs, d.placed.Leaf.Digest)
	if err != nil {
		s.fail(fmt.Errorf("sign intent %d: %w", d.placed.Index, err))
		return
	}
	d.der = der
}

// conclude queues the FINALs and makes the answers.
func (s *Signer) conclude(batch []draftee) ([]ca.Answer, error) {
	if err := s.failure(); err != nil {
		return nil, err
	}
	answers := make([]ca.Answer, len(batch))
	var finals []journal.Entry
	for i := range batch {
		d := &batch[i]
		a := ca.Answer{Request: d.request.ID, Problem: d.problem}
		if d.der != nil {
			a.Index, a.Leaf, a.DER = d.placed.Index, d.placed.Bytes, d.der
			e, err := finalEntry(d.placed.Index, d.der)
			if err != nil {
				return nil, err
			}
			finals = append(finals, e)
		}
		answers[i] = a
	}
	s.hold(answers)
	if err := s.journal.Later(finals, s.finalized); err != nil {
		return nil, err
	}
	for i := range batch {
		if r := batch[i].repeats; r != nil {
			answers[i] = s.again(r)
			answers[i].Request = batch[i].request.ID
		}
	}
	return answers, nil
}

// hold keeps the answers of open intents, so that a reply that was lost can be
// given again before the FINAL is durable.
func (s *Signer) hold(answers []ca.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range answers {
		if i := s.recent.byIndex[a.Index]; a.DER != nil && i != nil {
			i.answer = a
		}
	}
}

// finalized closes the intents whose FINALs have become durable.
func (s *Signer) finalized(placed []journal.Placed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range placed {
		if i := s.recent.open[p.Leaf.Cites]; i != nil {
			i.final = p.Index
			s.recent.settle(i)
		}
	}
}
