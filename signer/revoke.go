// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/internal/faults"
	"chancery/policy"
	"chancery/signer/journal"
)

// maxSteps is how many steps a minute are taken (security rule SG-11): a captured
// front must not take down everything before somebody looks.
const maxSteps = 10_000

// lastStep is how many steps a certificate has at most: a hold may come and go.
const lastStep = 250

// maxBy bounds the name of whoever revokes; the log keeps it for good.
const maxBy = 256

// Revoke takes steps, at most MaxBatch, each of another certificate. Every answer
// has its leaf on stable storage, and every list made from then on has the entry. It
// works while the keys are locked. A step that was taken before in the same way is
// answered with the leaf it has, so that a call whose answer was lost can be
// repeated.
//
// A certificate is known by its INTENT: what is not on this log cannot be revoked
// here. An error means that nothing is known about the batch.
func (s *Signer) Revoke(session int64, wishes []ca.Revoking) ([]ca.RevokeAnswer, error) {
	s.flights.RLock()
	defer s.flights.RUnlock()
	if err := s.current(session); err != nil {
		return nil, err
	}
	s.revoking.Lock()
	defer s.revoking.Unlock()
	if len(wishes) > MaxBatch {
		return nil, ca.Invalid(ca.E1401, fmt.Sprintf("a batch holds at most %d revocations", MaxBatch), "split it")
	}
	answers := make([]ca.RevokeAnswer, len(wishes))
	taken := map[ca.ID]bool{}
	var steps []stepping
	for i, w := range wishes {
		if taken[w.ID] {
			answers[i].Problem = ca.Invalid(ca.E1401, "the same certificate is revoked twice in one call", "take one step after another")
			continue
		}
		taken[w.ID] = true
		t, err := s.stepOf(w)
		switch {
		case err != nil:
			answers[i].Problem = problemOf(err)
		case t.repeats:
			answers[i].Placed, err = s.placed(t.leaf)
			if err != nil {
				return nil, err
			}
		default:
			t.answer = &answers[i]
			steps = append(steps, t)
		}
	}
	steps = spared(steps)
	// What is refused takes down nothing: whoever asks for that without end keeps nobody else
	// from revoking.
	if !s.stepped.take(len(steps), maxSteps, s.clock.stamp()) {
		return nil, ca.Busy(ca.E2303, fmt.Sprintf("more than %d revocations in a minute", maxSteps), "the same again in a minute goes on")
	}
	return answers, s.take(steps)
}

// A stepping is a step that may be taken, or was taken before.
type stepping struct {
	step
	issuer  ca.Digest
	key     ca.Digest
	entry   journal.Entry
	repeats bool
	answer  *ca.RevokeAnswer
}

// take journals steps, and what belongs to them, and only then counts them. The caller
// holds revoking.
func (s *Signer) take(steps []stepping, more ...journal.Entry) error {
	if len(steps)+len(more) == 0 {
		return nil
	}
	entries := make([]journal.Entry, 0, len(steps)+len(more))
	for _, t := range steps {
		entries = append(entries, t.entry)
	}
	entries = append(entries, more...)
	if slices.ContainsFunc(steps, stepping.blocks) {
		s.certified.Lock()
		defer s.certified.Unlock()
	}
	s.spend()
	placed, err := s.journal.Append(entries)
	if err != nil {
		return fmt.Errorf("journal the revocations: %w", err)
	}
	faults.Point("revoked")
	for i, t := range steps {
		if t.answer != nil {
			t.answer.Placed = ca.Placed{Index: placed[i].Index, Leaf: placed[i].Bytes}
		}
		t.at, t.leaf = placed[i].Leaf.Time/1000, placed[i].Index
		s.revokedOf(t.issuer).put(t.step)
		s.condemn(t.key, ca.Reason(t.reason))
		s.holds(t.key, t.step)
	}
	return nil
}

// blocks tells whether the key of a step gets no other certificate from then on.
func (t stepping) blocks() bool {
	why := ca.Reason(t.reason)
	return why.Compromises() || why == ca.CertificateHold
}

// condemn blocks a key that somebody else may hold, for ever (security rule RV-03).
func (s *Signer) condemn(key ca.Digest, why ca.Reason) {
	if !why.Compromises() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.compromised[key] = true
}

// condemned refuses to take a hold back from a key that somebody else may have.
func condemned() *ca.Problem {
	return ca.Refused(ca.E2111, "the key of this certificate was revoked as compromised, so its hold stays", "chancery revoke, for keyCompromise, and make a new key").
		Because("what somebody else may sign with is never good again (security rule RV-03)")
}

// spared gives the steps of a batch without those that take a hold back from a key which
// another step of the same batch condemns: each was judged before any is taken.
func spared(steps []stepping) []stepping {
	lost := map[ca.Digest]bool{}
	for _, t := range steps {
		if ca.Reason(t.reason).Compromises() {
			lost[t.key] = true
		}
	}
	return slices.DeleteFunc(steps, func(t stepping) bool {
		if !t.lifted() || !lost[t.key] {
			return false
		}
		t.answer.Problem = condemned()
		return true
	})
}

// refusesKey refuses a key that was revoked as compromised.
func (s *Signer) refusesKey(key ca.Digest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.compromised[key] {
		return nil
	}
	return ca.Refused(ca.E2204, "this key was revoked as compromised, and is never certified again", "make a new key, and put the file of the old one away")
}

// unburnt is refusesKey for the keys of authorities: neither certified again, nor used to
// certify, even if a power cut came before what makes their generation retired.
func (s *Signer) unburnt(all ...*authority) error {
	for _, a := range all {
		if err := s.refusesKey(a.Key); err != nil {
			return ca.Refused(ca.E2204, "the key of "+a.Name+" was revoked as compromised", "chancery ca revoke "+a.Name+" once more, if it is not retired; then make the next generation: chancery ca create").
				Because("what somebody else may sign with is never good again (security rule RV-03)")
		}
	}
	return nil
}

// stepOf judges a wish. The error is a Problem, or a damaged log.
func (s *Signer) stepOf(w ca.Revoking) (stepping, error) {
	switch {
	case !w.Reason.Listed() && w.Reason != ca.RemoveFromCRL || len(w.By) > maxBy || !ca.PlainText(w.By):
		return stepping{}, ca.Invalid(ca.E1401, "the reason cannot be given, or the name of who revokes is too long", "see docs/sockets.md")
	case w.InvalidSince.IsZero():
	case w.Reason == ca.RemoveFromCRL || w.InvalidSince.Nanosecond() != 0 || w.InvalidSince.Unix() < 1 || w.InvalidSince.After(s.clock.stamp()):
		return stepping{}, ca.Invalid(ca.E2111, "the invalidity date is none: it is in whole seconds, from 1970 to now", "name a day that is over").At("invalid_since")
	}
	intent, body, err := intentOf(s.journal, w.ID)
	if err != nil {
		return stepping{}, err
	}
	if body.Kind != ca.EndEntity {
		return stepping{}, ca.Refused(ca.E2111, "this is the certificate of an authority", "chancery ca revoke NAME, with the recovery words of what signed it")
	}
	if err := s.evident(w, intent, body); err != nil {
		return stepping{}, err
	}
	return s.judged(w, intent, body)
}

// evident judges what whoever revokes brought to prove that he may, by nothing but what
// stands on the log: a front that was taken over cannot say that an owner revoked.
func (s *Signer) evident(w ca.Revoking, intent audit.Leaf, body ca.IntentBody) error {
	target := provenOf(intent, body)
	if before, ok := s.revokedOf(intent.Issuer).find(wide(intent.Serial)); ok {
		target.InvalidSince = before.invalidSince()
	}
	of := target
	if w.Evidence != nil && w.Evidence.Of != w.ID {
		leaf, other, err := intentOf(s.journal, w.Evidence.Of)
		if err != nil {
			return err
		}
		of = provenOf(leaf, other)
	}
	return policy.Evident(w, of, target, s.clock.stamp())
}

func provenOf(intent audit.Leaf, body ca.IntentBody) policy.Proven {
	return policy.Proven{Certificate: ca.Certificate{Authority: body.Authority, Serial: intent.Serial}.PublicName(), Key: body.Key, Challenge: body.Challenge}
}

// judged judges a step of the certificate that an INTENT describes. The caller holds
// revoking.
func (s *Signer) judged(w ca.Revoking, intent audit.Leaf, body ca.IntentBody) (stepping, error) {
	switch {
	case !body.NotAfter.After(s.clock.stamp()):
		return stepping{}, ca.Refused(ca.E2111, "this certificate has ended, and nobody accepts it any more", "nothing needs to be done")
	}
	t := stepping{issuer: intent.Issuer, key: body.Key, step: step{
		serial: wide(intent.Serial), ends: body.NotAfter.Unix(), number: uint8(w.Step), reason: uint8(w.Reason), since: sinceOf(w.InvalidSince), //nolint:gosec // below
	}}
	before, ok := s.revokedOf(t.issuer).find(t.serial)
	switch last := int(before.number); {
	case ok && last == 0:
		return stepping{}, ca.Refused(ca.E2111, "this serial number is void: no certificate was handed out for it", "nothing needs to be done")
	case ok && last == w.Step && before.reason == t.reason:
		t.leaf, t.repeats = before.leaf, true
		return t, nil
	case w.Step != last+1 || w.Step > lastStep:
		return stepping{}, ca.Conflict(ca.E2111, "this certificate was revoked meanwhile", "look at it again: chancery show").
			Because(fmt.Sprintf("its last step is %d, for %s", last, ca.Reason(before.reason)))
	case !ok && w.Reason == ca.RemoveFromCRL || ok && before.lifted() && w.Reason == ca.RemoveFromCRL:
		return stepping{}, ca.Refused(ca.E2111, "this certificate is not held", "nothing needs to be done")
	case w.Reason == ca.RemoveFromCRL && s.refusesKey(body.Key) != nil:
		return stepping{}, condemned()
	case w.Reason == ca.CertificateHold && (!ok || before.lifted()):
		if err := policy.Hold(s.rules.Load().profiles, body.Wish.Profile); err != nil {
			return stepping{}, err
		}
	case ok && !w.Reason.Follows(ca.Reason(before.reason)):
		return stepping{}, ca.Refused(ca.E2111, "this certificate is revoked", "its reason can only be raised to keyCompromise").
			Because("it was revoked for " + ca.Reason(before.reason).String())
	case ok && !before.lifted() && !t.lifted() && before.since != 0 && (t.since == 0 || t.since > before.since):
		return stepping{}, ca.Refused(ca.E2111, "the invalidity date never moves to later", "leave it out, or name an earlier one").
			Because("it is " + before.invalidSince().Format(time.RFC3339)).At("invalid_since")
	}
	content, err := json.Marshal(ca.RevokedBody{Intent: w.ID.Index(), Reason: w.Reason, By: w.By, InvalidSince: w.InvalidSince, NotAfter: body.NotAfter, Key: body.Key, Evidence: w.Evidence})
	if err != nil {
		return stepping{}, fmt.Errorf("write the revocation: %w", err)
	}
	t.entry = journal.Entry{
		Leaf: audit.Leaf{Kind: audit.Revoked, Issuer: intent.Issuer, Serial: intent.Serial, Step: int64(w.Step)}, Body: content,
	}
	return t, nil
}

// intentOf reads the INTENT that a certificate's id names.
func intentOf(log *journal.Journal, id ca.ID) (audit.Leaf, ca.IntentBody, error) {
	var body ca.IntentBody
	unknown := ca.NotFound(ca.E2101, "this certificate is not on this log", "chancery list")
	if id.LogNo() != log.LogNo() || id.Index() >= log.Size() {
		return audit.Leaf{}, body, unknown
	}
	rec, err := log.Leaf(id.Index())
	if err != nil {
		return audit.Leaf{}, body, fmt.Errorf("read intent %d: %w", id.Index(), err)
	}
	if rec.Leaf.Kind != audit.Intent || rec.Erased {
		return audit.Leaf{}, body, unknown
	}
	if err := json.Unmarshal(rec.Body, &body); err != nil {
		return audit.Leaf{}, body, fmt.Errorf("read the body of intent %d: %w", id.Index(), err)
	}
	return rec.Leaf, body, nil
}

// placed gives where a leaf lies, and its bytes.
func (s *Signer) placed(index int64) (ca.Placed, error) {
	rec, err := s.journal.Leaf(index)
	if err != nil {
		return ca.Placed{}, fmt.Errorf("read revocation %d: %w", index, err)
	}
	return ca.Placed{Index: rec.Index, Leaf: rec.Bytes}, nil
}

// revokedOf is what was revoked of a key's certificates. The caller holds revoking.
func (s *Signer) revokedOf(issuer ca.Digest) *revoked {
	s.keyed.Lock()
	defer s.keyed.Unlock()
	return revokedIn(s.revoked, issuer)
}

func revokedIn(all map[ca.Digest]*revoked, issuer ca.Digest) *revoked {
	r := all[issuer]
	if r == nil {
		r = &revoked{}
		all[issuer] = r
	}
	return r
}

// revokedLeaf enters a REVOKED leaf.
func (m *memory) revokedLeaf(rec journal.Record) error {
	if rec.Erased {
		return nil // retention took it, long after its certificate ended
	}
	var body ca.RevokedBody
	if err := json.Unmarshal(rec.Body, &body); err != nil {
		return err
	}
	if body.Reason.Compromises() {
		m.compromised[body.Key] = true
	}
	revokedIn(m.revoked, rec.Leaf.Issuer).put(step{
		serial: wide(rec.Leaf.Serial), at: rec.Leaf.Time / 1000, ends: body.NotAfter.Unix(), leaf: rec.Index,
		number: uint8(rec.Leaf.Step), reason: uint8(body.Reason), since: sinceOf(body.InvalidSince), //nolint:gosec // as stepOf wrote them
	})
	return nil
}

// voided enters an intent that a VOID leaf gave up.
func (s *Signer) voided(intent int64, void journal.Placed) error {
	issuer, given, err := voidStep(s.journal, intent, void.Index, void.Leaf.Time)
	if err != nil {
		return err
	}
	s.revoking.Lock()
	defer s.revoking.Unlock()
	s.revokedOf(issuer).put(given)
	return nil
}

// voidStep is what an intent that was given up counts for: a certificate may have
// been signed for it that nobody knows, so it is reported revoked until its end. The VOID
// leaf has a time in milliseconds since 1970.
func voidStep(log *journal.Journal, intent, void, millis int64) (issuer ca.Digest, given step, err error) {
	leaf, body, err := intentOf(log, ca.NewID(log.LogNo(), intent))
	return leaf.Issuer, step{
		serial: wide(leaf.Serial), at: time.UnixMilli(millis).Unix(), ends: body.NotAfter.Unix(), leaf: void, reason: uint8(ca.CessationOfOperation),
	}, err
}
