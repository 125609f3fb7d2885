// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"time"

	"chancery/access"
	"chancery/audit"
	"chancery/ca"
	"chancery/policy"
)

const (
	// freeGuesses is how many wrong passwords a certificate takes without a wait, firstWait
	// the wait after them, which doubles to lastWait (security rule KY-06).
	freeGuesses         = 5
	firstWait, lastWait = time.Second, 15 * time.Minute
	// maxGuessed bounds the certificates whose guesses are counted; while there are more,
	// nobody guesses: they are forgotten after lastWait, so that it takes many addresses.
	maxGuessed = 4096
)

// guesses counts wrong challenge passwords by the name that was called, whether or not there
// is such a certificate: who guesses must not learn that.
type guesses struct {
	// busy has room for the one guess that is made, whose memory is the price
	// (policy.ChallengeKey), so that nobody gets ahead of the wait by guessing in parallel
	// either.
	busy chan struct{}
	of   map[string]*guessed // for whoever is in busy
}

// A guessed is how often it was wrong, and until when nobody guesses again.
type guessed struct {
	wrong int
	until time.Time
}

// enter says whether a guess may be made now.
func (g *guesses) enter(name string, now time.Time) error {
	for n, was := range g.of {
		if now.Sub(was.until) > lastWait {
			delete(g.of, n)
		}
	}
	was := g.of[name]
	switch {
	case was == nil && len(g.of) < maxGuessed, was != nil && !now.Before(was.until):
		return nil
	}
	return ca.Busy(ca.E1307, "too many wrong passwords were given for this certificate", "wait, at most a quarter of an hour; or revoke by the key or the account")
}

// leave counts a guess.
func (g *guesses) leave(name string, right bool, now time.Time) {
	if right {
		delete(g.of, name)
		return
	}
	if g.of == nil {
		g.of = map[string]*guessed{}
	}
	was := g.of[name]
	if was == nil {
		was = &guessed{}
		g.of[name] = was
	}
	was.wrong++
	was.until = now
	if over := was.wrong - freeGuesses; over >= 0 {
		was.until = now.Add(min(firstWait<<min(over, 20), lastWait))
	}
}

// RevokeByChallenge revokes the certificate with a public name, because the challenge
// password is known that its request brought (R49). It needs no account and no role; who is
// whose call it was, for counting what is refused. The signer judges what is made of the
// password once more; the password itself goes nowhere.
//
// The error is E1309, in the same words and time whether the password is wrong, there is no
// such certificate or it has no password; E1307 after too many of these; E2111 for a reason
// that is not the owner's; after the proof Revoke's.
func (r *Registrar) RevokeByChallenge(ctx context.Context, who ca.Actor, g ca.Guess) (ca.Certificate, error) {
	owner, c, err := r.knowsChallenge(ctx, g)
	if err == nil {
		c, err = r.withdraw(ctx, owner, c, g.Withdrawal)
	}
	return c, r.refused(who, err)
}

// PlanRevokeByChallenge says what RevokeByChallenge would do, as far as the book knows. A
// wrong password counts as there.
func (r *Registrar) PlanRevokeByChallenge(ctx context.Context, who ca.Actor, g ca.Guess) (ca.Certificate, error) {
	_, c, err := r.knowsChallenge(ctx, g)
	if err == nil {
		c, err = r.wouldStand(c, g.Withdrawal)
	}
	return c, r.refused(who, err)
}

// knowsChallenge gives whom a password makes of somebody.
func (r *Registrar) knowsChallenge(ctx context.Context, g ca.Guess) (who ca.Actor, c ca.Certificate, err error) {
	if _, err = r.ready(ctx); err != nil {
		return who, c, err
	}
	if !g.Reason.Owners() {
		return who, c, policy.NotOwners()
	}
	c, kept, err := r.challengeOf(ctx, g.Certificate)
	if err != nil {
		return who, c, err
	}
	select {
	case r.guesses.busy <- struct{}{}:
		defer func() { <-r.guesses.busy }()
	case <-ctx.Done():
		return who, c, gaveUp()
	}
	if err := r.guesses.enter(g.Certificate, r.o.Now()); err != nil {
		return who, c, err
	}
	salt := make([]byte, policy.ChallengeSalt) // where there is none, guessing costs the same
	if kept != nil {
		salt = kept.Salt
	}
	key := policy.ChallengeKey(g.Password, salt)
	right := policy.ChallengeProven(key, kept)
	r.guesses.leave(g.Certificate, right, r.o.Now())
	if !right {
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
