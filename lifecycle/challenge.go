// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"

	"chancery/access"
	"chancery/audit"
	"chancery/ca"
	"chancery/policy"
)

// RevokeByChallenge revokes the certificate with a public name, because the challenge
// password is known that its request brought (R49). It needs no account and no role; who is
// whose call it was, for counting what is refused. The signer judges what is made of the
// password once more; the password itself goes nowhere.
//
// The error is E1309, in the same words and time whether the password is wrong, there is no
// such certificate or it has no password; E1307 after too many of these from one caller, or
// of all strangers together; E2111 for a reason
// that is not the owner's; after the proof Revoke's.
func (r *Registrar) RevokeByChallenge(ctx context.Context, who ca.Actor, g ca.Guess) (after ca.Aftermath, err error) {
	owner, c, err := r.knowsChallenge(ctx, who, g)
	if err == nil {
		after, err = r.withdraw(ctx, owner, c, g.Withdrawal)
	}
	return after, r.refused(who, err)
}

// PlanRevokeByChallenge says what RevokeByChallenge would do, as far as the book knows. A
// wrong password counts as there.
func (r *Registrar) PlanRevokeByChallenge(ctx context.Context, who ca.Actor, g ca.Guess) (after ca.Aftermath, err error) {
	owner, c, err := r.knowsChallenge(ctx, who, g)
	if err == nil {
		after, err = r.wouldWithdraw(ctx, owner, c, g.Withdrawal)
	}
	return after, r.refused(who, err)
}

// knowsChallenge gives whom a password makes of somebody. by guesses.
func (r *Registrar) knowsChallenge(ctx context.Context, by ca.Actor, g ca.Guess) (who ca.Actor, c ca.Certificate, err error) {
	if _, err = r.ready(ctx); err != nil {
		return who, c, err
	}
	if !g.Reason.Owners() {
		return who, c, policy.NotOwners()
	}
	// Before it waits, and again when it is its turn: nothing is read for whoever may not.
	if err := r.guesses.enter(by, g.Certificate, r.o.Now()); err != nil {
		return who, c, err
	}
	busy := r.guesses.busy(by)
	select {
	case busy <- struct{}{}:
		defer func() { <-busy }()
	case <-ctx.Done():
		return who, c, gaveUp()
	}
	if err := r.guesses.enter(by, g.Certificate, r.o.Now()); err != nil {
		return who, c, err
	}
	c, kept, err := r.challengeOf(ctx, g.Certificate)
	if err != nil {
		return who, c, err
	}
	salt := make([]byte, policy.ChallengeSalt) // where there is none, guessing costs the same
	if kept != nil {
		salt = kept.Salt
	}
	key := policy.ChallengeKey(g.Password, salt)
	if !policy.ChallengeProven(key, kept) {
		r.guesses.wrong(by, g.Certificate, r.o.Now())
		return who, c, policy.NotProven()
	}
	return bearer(c, ca.Evidence{Of: c.ID, Challenge: key}), c, nil
}

// challengeOf gives a certificate and what is kept of its challenge password, nil if there is
// no password, or no such certificate.
func (r *Registrar) challengeOf(ctx context.Context, name string) (ca.Certificate, *ca.Challenge, error) {
	v, err := r.ready(ctx)
	if err != nil {
		return ca.Certificate{}, nil, err
	}
	c, err := r.publicly(ctx, name)
	if p, is := errors.AsType[*ca.Problem](err); is && p.Code == ca.E1309 {
		return c, nil, nil
	}
	if err != nil {
		return c, nil, err
	}
	if c.ID.LogNo() != v.session.LogNo { // of a log before a restore: its owner has other ways
		return c, nil, nil
	}
	var body ca.IntentBody
	l, err := r.said(ctx, c.ID, audit.Intent, &body)
	if err != nil || l.Issuer != c.IssuerKey || l.Serial != c.Serial {
		return c, nil, err
	}
	return c, body.Challenge, nil
}

// mustShow refuses an account where the profile in force wants the owner to show the challenge
// password of his request, and it brought one (R49). A CA administrator need not, nor whoever
// holds the key.
func (r *Registrar) mustShow(ctx context.Context, v *view, who ca.Actor, c ca.Certificate) error {
	if !v.profiles[c.Profile].RevokeChallenge || c.Kind != ca.EndEntity || r.may(ctx, who, access.RevokeAny) == nil {
		return nil
	}
	_, kept, err := r.challengeOf(ctx, c.PublicName())
	if err != nil || kept == nil {
		return err
	}
	return ca.Forbidden(ca.E1305, "this certificate is revoked with the challenge password of its request", "chancery revoke "+c.PublicName()+" --challenge-file FILE; or have a CA administrator revoke it").
		Because("its profile has revoke_challenge = true")
}
