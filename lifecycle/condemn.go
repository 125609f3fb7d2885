// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"fmt"

	"chancery/access"
	"chancery/ca"
)

// condemned calls a function with each certificate that falls with one which is revoked for a
// reason: all that stand of a key that somebody else may hold, whoever asked for them
// (security rule RV-03). Here alone it is decided which those are. What ends half-way goes on
// when the certificate is revoked again.
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
