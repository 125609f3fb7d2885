// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"fmt"

	"chancery/access"
	"chancery/audit"
	"chancery/ca"
)

// condemned calls a function with each certificate that falls with one which is revoked for a
// reason: all that stand of a key that somebody else may hold, whoever asked for them
// (security rule RV-03). Here alone it is decided which those are. What ends half-way goes on
// when the certificate is revoked again, and at the end of the next settling.
func (r *Registrar) condemned(ctx context.Context, c ca.Certificate, why ca.Withdrawal, fall func(ca.Certificate) error) error {
	if why.Reason != ca.KeyCompromise {
		return nil
	}
	for _, status := range []string{"valid", "held"} {
		f := ca.Filter{Key: c.Key, Status: status, Now: r.o.Now(), Limit: ca.MaxPage}
		for {
			standing, err := r.o.Shelf.Certificates(ctx, f)
			if err != nil {
				return fmt.Errorf("look for certificates of a compromised key: %w", err)
			}
			for _, other := range standing {
				if other.Kind != ca.EndEntity || other.ID == c.ID || other.NotAfter.Before(f.Now) {
					continue
				}
				if err := fall(other); err != nil {
					return err
				}
			}
			if len(standing) < f.Limit {
				break
			}
			f.After = standing[len(standing)-1].ID
		}
	}
	return nil
}

// maxFalling bounds what one settling finishes: a second's work, and less than half of what
// the signer revokes in a minute. The next one goes on.
const maxFalling = 4096

// finishFalling begins the steps that are missing where the front died, or was refused, between
// a revocation for keyCompromise and those of the other certificates of the key. It is called
// by Run alone, when everything is settled and no wish passes yet.
func (r *Registrar) finishFalling(ctx context.Context, logNo uint16) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	first, err := r.o.Condemned(ctx, logNo, r.o.Now())
	for _, leaf := range first {
		err = errors.Join(err, r.fallWith(ctx, leaf))
	}
	return err
}

// fallWith begins the steps of what falls with the certificate of a REVOKED leaf. Who revoked
// that revokes them; the service, where it was shown by evidence, which may be out of date by
// now.
func (r *Registrar) fallWith(ctx context.Context, leaf ca.ID) error {
	var b ca.RevokedBody
	if _, err := r.bodyOf(ctx, leaf, audit.Revoked, &b); err != nil {
		return err
	}
	if b.Key.IsZero() { // every certificate would be of it
		return fmt.Errorf("leaf %d names no key", leaf.Index())
	}
	by := b.By
	if b.Evidence != nil {
		by = ca.MethodService
	}
	waits := map[ca.ID]bool{} // of unknown outcome, and taken again
	for _, step := range r.steps {
		waits[step.step.ID] = true
	}
	of := ca.Certificate{ID: ca.NewID(leaf.LogNo(), b.Intent), Key: b.Key}
	why := ca.Withdrawal{Reason: b.Reason, InvalidSince: b.InvalidSince}
	return r.condemned(ctx, of, why, func(other ca.Certificate) error {
		step, err := stepOf(other, why)
		if err != nil || step.Step == 0 || waits[other.ID] || other.ID.LogNo() != leaf.LogNo() || len(r.steps) >= maxFalling {
			return err
		}
		step.By = by
		r.steps = append(r.steps, &revoking{step: step, of: other})
		return nil
	})
}

// wouldWithdraw says what withdraw would do.
func (r *Registrar) wouldWithdraw(ctx context.Context, who ca.Actor, c ca.Certificate, why ca.Withdrawal) (after ca.Aftermath, err error) {
	if after.Certificate, err = r.wouldStand(c, why); err != nil {
		return after, err
	}
	also := r.ledger(ctx, who)
	err = r.condemned(ctx, c, why, func(other ca.Certificate) error {
		also.enter(&after, other)
		return nil
	})
	return after, err
}

// A ledger enters what falls with a certificate. Whoever compromises a key may do that to
// certificates of others, whose names are not told for it (security rule RO-06).
type ledger struct {
	who      ca.Actor
	all, own bool
}

// ledger is that of somebody. It notes no refusal: nothing was asked for.
func (r *Registrar) ledger(ctx context.Context, who ca.Actor) ledger {
	all := r.may(ctx, who, access.ReadAll) == nil
	return ledger{who: who, all: all, own: all || r.may(ctx, who, access.ReadOwn) == nil}
}

// enter names a certificate to whoever may read it, and counts it otherwise.
func (l ledger) enter(after *ca.Aftermath, c ca.Certificate) {
	reads := l.all || l.own && c.Owner == l.who.ID
	if !reads || len(after.Also) == ca.MaxAlso || inScope(l.who, c.Profile, c.Names, c.Common) != nil {
		after.AlsoUnnamed++
		return
	}
	after.Also = append(after.Also, c.PublicName())
}
