// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chancery/access"
	"chancery/audit"
	"chancery/ca"
	"chancery/policy"
)

// fallTime bounds the revoking of all other certificates of a compromised key, one after the
// other: some ten thousand.
const fallTime = 10 * time.Minute

// A revoking is a step on its way: a leaf, then a row.
type revoking struct {
	step ca.Revoking
	// of is the certificate as the book had it when the step was asked for.
	of   ca.Certificate
	done chan error // takes the one answer; never waited for by who sends it; nil if nobody asks
}

// Revoke revokes a certificate for a reason, and waits until that is in the book;
// every list made from then on has it. It works while the signer's keys are locked.
// ref is as Find takes it, a name that several which stand bear being refused (E2102), or empty for the certificate that the actor's connection has
// proven. Revoking again for the same reason changes nothing; a
// reason can be raised to keyCompromise, once (security rule RV-03). What is held may be
// revoked for any reason, and RemoveFromCRL takes the hold back.
//
// The owner may, and a CA administrator (RV-01), who alone takes back what another than the
// owner holds. The error is a Problem: E1305 for
// want of a role, Find's, E2111 for what cannot be revoked like that, E2303 for more than a
// minute takes, and E2301 if the outcome is not known: asking again finds out.
func (r *Registrar) Revoke(ctx context.Context, who ca.Actor, ref string, why ca.Withdrawal) (ca.Aftermath, error) {
	v, err := r.ready(ctx)
	if err != nil {
		return ca.Aftermath{}, err
	}
	c, err := r.toRevoke(ctx, v, who, ref, why)
	if err != nil {
		return ca.Aftermath{}, err
	}
	after, err := r.withdraw(ctx, who, c, why)
	return after, r.refused(who, err)
}

// toRevoke gives the certificate that somebody means and may revoke.
func (r *Registrar) toRevoke(ctx context.Context, v *view, who ca.Actor, ref string, why ca.Withdrawal) (ca.Certificate, error) {
	if ref == "" {
		return r.itself(who, why)
	}
	found, err := r.Find(ctx, who, ref)
	if err != nil {
		return ca.Certificate{}, err
	}
	c, err := r.onlyOne(ctx, who, ref, found.Certificate, why)
	if err != nil {
		return ca.Certificate{}, err
	}
	if err := r.mayRevoke(ctx, who, c, why); err != nil {
		return ca.Certificate{}, err
	}
	if err := r.mustShow(ctx, v, who, c); err != nil && why.Reason != ca.RemoveFromCRL {
		return ca.Certificate{}, r.refused(who, err)
	}
	if err := r.mayHold(ctx, v, who, c, why); err != nil {
		return ca.Certificate{}, r.refused(who, err)
	}
	return c, r.refused(who, redated(c, why))
}

// redated refuses an invalidity date that would be left aside: that of what is revoked for
// the reason already stays, and none moves to later (security rule RV-03). Other certificates
// of a compromised key keep theirs without a word, since nobody named them.
func redated(c ca.Certificate, why ca.Withdrawal) error {
	have := c.Revoked
	switch {
	case have == nil || why.InvalidSince.IsZero() || why.InvalidSince.Equal(have.InvalidSince):
		return nil
	case have.Reason == why.Reason:
		is := "it has no invalidity date"
		if !have.InvalidSince.IsZero() {
			is = "its invalidity date is " + have.InvalidSince.UTC().Format(time.RFC3339)
		}
		return ca.Refused(ca.E2111, "this certificate is revoked for this reason already, and its invalidity date stays as it is", "leave the date out; a new one is taken when the reason is raised to keyCompromise").
			Because(is).At("invalid_since")
	case !have.InvalidSince.IsZero() && why.InvalidSince.After(have.InvalidSince):
		return ca.Refused(ca.E2111, "the invalidity date never moves to later", "leave it out, or name an earlier one").
			Because("it is " + have.InvalidSince.UTC().Format(time.RFC3339)).At("invalid_since")
	}
	return nil
}

// withdraw revokes a certificate and what falls with it.
func (r *Registrar) withdraw(ctx context.Context, who ca.Actor, c ca.Certificate, why ca.Withdrawal) (after ca.Aftermath, err error) {
	if err := r.revokeOne(ctx, who, c, why); err != nil {
		return after, err
	}
	// What falls with it falls though whoever asked has gone away: nobody may come to ask again.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fallTime)
	defer cancel()
	also := r.ledger(ctx, who)
	err = r.condemned(ctx, c, why, func(other ca.Certificate) error {
		err := r.revokeOne(ctx, who, other, why)
		if err == nil {
			also.enter(&after, other)
		}
		return err
	})
	if err != nil {
		return ca.Aftermath{}, err
	}
	after.Certificate, _, err = r.o.Book.Serial(ctx, c.IssuerKey, c.Serial)
	return after, err
}

// revokeOne has the next step of a certificate taken, unless it stands at that
// reason already.
func (r *Registrar) revokeOne(ctx context.Context, who ca.Actor, c ca.Certificate, why ca.Withdrawal) error {
	step, err := stepOf(c, why)
	if err != nil || step.Step == 0 {
		return err
	}
	step.By, step.Evidence = who.By(), who.Evidence
	v := &revoking{step: step, of: c, done: make(chan error, 1)}
	select {
	case r.revokings <- v:
	default:
		return ca.Busy(ca.E2301, "too many revocations are waiting", "try again in a minute")
	}
	return r.await(ctx, v.done)
}

// stepOf is the step that a reason would be, number 0 if the certificate stands there
// already. Whether a reason can be raised the signer knows. An invalidity date goes from
// step to step, and never moves to later.
func stepOf(c ca.Certificate, why ca.Withdrawal) (ca.Revoking, error) {
	step := ca.Revoking{ID: c.ID, Step: c.Steps + 1, Reason: why.Reason, InvalidSince: why.InvalidSince}
	switch have := c.Revoked; {
	case c.Kind != ca.EndEntity:
		return step, ca.Refused(ca.E2111, "only the certificates that authorities hand out are revoked here", "chancery ca revoke NAME, with the recovery words of what signed it")
	case why.Reason == ca.RemoveFromCRL:
		step.InvalidSince = time.Time{}
		switch {
		case have == nil && c.Steps > 0:
			step.Step = 0
		case have == nil || have.Reason != ca.CertificateHold:
			return step, ca.Refused(ca.E2111, "this certificate is not held", "chancery show "+c.PublicName()+" says how it stands; only a hold is taken back")
		}
	case !why.Reason.Listed():
		return step, ca.Invalid(ca.E2111, "this reason cannot be given", "chancery revoke --help")
	case have == nil:
	case have.Reason == why.Reason:
		step.Step = 0
	case !have.InvalidSince.IsZero() && (why.InvalidSince.IsZero() || why.InvalidSince.After(have.InvalidSince)):
		step.InvalidSince = have.InvalidSince
	}
	return step, nil
}

// await waits for the end of a step or an errand, but not while nothing is answered: after a
// stall it is taken all the same, and asking again finds that out.
func (r *Registrar) await(ctx context.Context, done <-chan error) error {
	for {
		r.mu.Lock()
		closed, problem, changed := r.closed, r.problem, r.changed
		r.mu.Unlock()
		select {
		case err := <-done:
			return err
		default:
		}
		if closed {
			return problem
		}
		select {
		case err := <-done:
			return err
		case <-changed:
		case <-ctx.Done():
			return gaveUp()
		}
	}
}

// mayRevoke lets the owner and CA administrators (security rule RV-01). The owner takes
// back no hold but his own: an officer who holds a certificate means that it shall not be
// used, by its owner neither.
func (r *Registrar) mayRevoke(ctx context.Context, who ca.Actor, c ca.Certificate, why ca.Withdrawal) error {
	if c.Owner != who.ID || r.may(ctx, who, access.RevokeOwn) != nil {
		return r.allow(ctx, who, access.RevokeAny)
	}
	held := c.Revoked != nil && c.Revoked.Reason == ca.CertificateHold
	if why.Reason != ca.RemoveFromCRL || !held || r.may(ctx, who, access.RevokeAny) == nil {
		return nil
	}
	var b ca.RevokedBody
	l, err := r.said(ctx, c.Revoked.Last, audit.Revoked, &b)
	switch {
	case err != nil:
		return fmt.Errorf("find out who holds %s: %w", c.PublicName(), err)
	case l.Issuer == c.IssuerKey && l.Serial == c.Serial && b.Reason == ca.CertificateHold && who.Did(b.By):
		return nil
	}
	return r.refused(who, ca.Forbidden(ca.E1305, "this hold was placed by somebody else, and needs the role ca-admin to be taken back", "ask a CA administrator"))
}

// mayHold says whether somebody may hold a certificate. Where the profile does not say so,
// nobody may. What its owner holds an officer does not hold beside him: revoking twice for one
// reason is no step (security rule RV-03), so that the owner could take his hold back, and with
// it what the officer believes to be his. The officer is told what to do instead.
func (r *Registrar) mayHold(ctx context.Context, v *view, who ca.Actor, c ca.Certificate, why ca.Withdrawal) error {
	switch {
	case why.Reason != ca.CertificateHold || c.Kind != ca.EndEntity:
		return nil
	case c.Revoked == nil:
		return policy.Hold(v.profiles, c.Profile)
	case c.Revoked.Reason != ca.CertificateHold || c.Owner == who.ID:
		return nil
	}
	var b ca.RevokedBody
	if _, err := r.said(ctx, c.Revoked.Last, audit.Revoked, &b); err != nil {
		return fmt.Errorf("find out who holds %s: %w", c.PublicName(), err)
	}
	if owner := (ca.Actor{ID: c.Owner}); !owner.Did(b.By) {
		return nil // it takes an officer to take it back
	}
	return ca.Refused(ca.E2111, "its owner "+ca.Show(c.Owner)+" holds this certificate already, and can take that back",
		"to hold it against him: chancery unhold "+c.PublicName()+", and then hold it; or revoke it for another reason").
		Because("a second hold is no step: reasons can only be raised (security rule RV-03)")
}

// refused notes a no, if it is one, and gives it on.
func (r *Registrar) refused(who ca.Actor, err error) error {
	r.Refuse(who, err)
	return err
}

// revoke takes the steps that wait, leaf first. It is called while nothing is at
// the signer and nothing is being committed, so that no row lifts the mark over a
// leaf that has none yet. After an unknown outcome the steps wait for the next
// shift: taking them again changes nothing.
func (s *shift) revoke(ctx context.Context) {
	all, later := apart(s.r.steps)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	steps := make([]ca.Revoking, len(all))
	for i, v := range all {
		steps[i] = v.step
	}
	answers, err := s.r.o.Log.Revoke(ctx, steps)
	var p *ca.Problem
	switch {
	case errors.As(err, &p) && p.Code != ca.E1402:
		s.r.steps = later
		for _, v := range all {
			s.r.stepped(v, p)
		}
		return
	case err != nil || len(answers) != len(all):
		s.r.o.Report(fmt.Errorf("revoke %d certificates: %d answers: %w", len(all), len(answers), err))
		s.over = true
		return
	}
	var changes []ca.Change
	for i, v := range all {
		if answers[i].Problem != nil {
			continue
		}
		change, err := s.stepRow(v, answers[i])
		if err != nil {
			s.r.o.Report(err)
			s.over = true
			return
		}
		changes = append(changes, change)
	}
	next := max(min(s.known, s.floor), s.mark)
	if err := s.commitSteps(ctx, changes, next); err != nil {
		s.r.o.Report(fmt.Errorf("commit %d revocations: %w", len(changes), err))
		s.over, s.broken = true, true
		return
	}
	s.mark, s.progress, s.r.steps = next, true, later
	for i, v := range all {
		if p := answers[i].Problem; p != nil {
			s.r.stepped(v, p)
			continue
		}
		s.r.revoked(v.of.Authority, v.step.Reason)
		s.r.stepped(v, nil)
	}
}

// stepped tells whoever asked for a step what became of it. Of one that settling finishes
// nobody hears, so that a no is reported.
func (r *Registrar) stepped(v *revoking, err error) {
	switch {
	case v.done != nil:
		v.done <- err
	case err != nil:
		r.o.Report(fmt.Errorf("revoke %s, which falls with its key: %w", v.of.PublicName(), err))
	}
}

// apart gives what one call takes, the first step of each certificate, and those that come
// after it. Two people may revoke the same, or one twice whose first call ran out of time.
func apart(steps []*revoking) (all, later []*revoking) {
	seen := map[ca.ID]bool{}
	for _, v := range steps {
		if seen[v.step.ID] || len(all) == maxBatch {
			later = append(later, v)
		} else {
			seen[v.step.ID], all = true, append(all, v)
		}
	}
	return all, later
}

// commitSteps commits revocations. One whose place is taken was committed before:
// the signer gives the leaf of a step again, never a second one.
func (s *shift) commitSteps(ctx context.Context, changes []ca.Change, next int64) error {
	_, err := s.r.o.Book.Commit(ctx, changes, next)
	if !errors.Is(err, ca.ErrTaken) {
		return err
	}
	for _, c := range changes {
		_, err := s.r.o.Book.Commit(ctx, []ca.Change{c}, s.mark)
		if errors.Is(err, ca.ErrTaken) {
			err = s.own(ctx, *c.Revocation)
		}
		if err != nil {
			return err
		}
	}
	_, err = s.r.o.Book.Commit(ctx, nil, next)
	return err
}

// own finds out whether the row in a revocation's place is its own. Another node's
// is for settling, which abandons the leaf (L06).
func (s *shift) own(ctx context.Context, v ca.Revocation) error {
	stands, err := s.r.o.Records.Step(ctx, v.Certificate, v.Step)
	if err == nil && stands != v.ID {
		err = fmt.Errorf("another row stands in the place of leaf %d", v.ID.Index())
	}
	return err
}

// stepRow makes the row of a step that the signer took.
func (s *shift) stepRow(v *revoking, a ca.RevokeAnswer) (ca.Change, error) {
	l, err := audit.ParseLeaf(a.Leaf)
	if err != nil {
		return ca.Change{}, fmt.Errorf("read the leaf of a revocation: %w", err)
	}
	if l.Kind != audit.Revoked || l.Index != a.Index || l.Serial != v.of.Serial || l.Issuer != v.of.IssuerKey || l.Step != int64(v.step.Step) {
		return ca.Change{}, fmt.Errorf("leaf %d does not revoke certificate %s", a.Index, v.of.PublicName())
	}
	s.known = max(s.known, a.Index+1)
	return revocation(s.v.session.LogNo, Record{Index: a.Index, Leaf: a.Leaf}, l, ca.RevokedBody{
		Intent: v.step.ID.Index(), Reason: v.step.Reason, By: v.step.By, InvalidSince: v.step.InvalidSince, Evidence: v.step.Evidence,
	}), nil
}

// revocation makes the row of a REVOKED leaf. A certificate that was made elsewhere has
// no row, so that its revocation has that of the event alone.
func revocation(logNo uint16, r Record, l audit.Leaf, b ca.RevokedBody) ca.Change {
	id := ca.NewID(logNo, r.Index)
	c := ca.Change{
		Event: ca.Event{ID: id, Kind: eventRevoked, By: b.By, At: leafTime(l), About: string(l.Serial) + " " + b.Reason.String(), Leaf: r.Leaf},
	}
	if b.Intent != 0 {
		c.Revocation = &ca.Revocation{
			ID: id, Certificate: ca.NewID(logNo, b.Intent), IssuerKey: l.Issuer, Serial: l.Serial, Step: int(l.Step),
			Reason: b.Reason, At: leafTime(l), By: b.By, InvalidSince: b.InvalidSince,
		}
	}
	return c
}
