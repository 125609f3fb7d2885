// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"time"

	"chancery/access"
	"chancery/ca"
	"chancery/policy"
)

// Tokens is what the book has of API tokens. Nothing a row says is believed before the
// signer's log was asked for its digest (security rule RO-02).
type Tokens interface {
	// TokenBySecret gives the row of a token by the SHA-256 of its text.
	TokenBySecret(ctx context.Context, secret ca.Digest) (ca.Token, bool, error)
	// Tokens gives a page of those of an owner, or of all, newest first.
	Tokens(ctx context.Context, owner string, below ca.ID, limit int) ([]ca.Token, error)
	// TokenUsed notes when one was used last.
	TokenUsed(ctx context.Context, token ca.Digest, at time.Time) error
}

// maxAlarms is how many forged rows are told of one by one; a restart forgets them.
const maxAlarms = 256

// issuedTokens are the tokens in force as the log has them.
type issuedTokens struct {
	mu sync.Mutex
	// known are those that the signer named, and those made since; nil before it was met.
	known map[ca.Digest]bool
	// told are rows without a leaf that were told of; used when a token's use was noted.
	told map[ca.ID]bool
	used map[ca.Digest]time.Time
}

// hear takes what the signer says of its log.
func (t *issuedTokens) hear(all []ca.Digest) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known, t.used = make(map[ca.Digest]bool, len(all)), map[ca.Digest]time.Time{}
	for _, d := range all {
		t.known[d] = true
	}
}

// set takes what this process put on the log itself. Run's goroutine alone calls it and
// hear, so that no late word of one comes after the other.
func (t *issuedTokens) set(d ca.Digest, inForce bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil {
		return
	}
	if t.known[d] = inForce; !inForce {
		delete(t.known, d)
	}
}

// has tells whether a token is in force, and whether that is known at all.
func (t *issuedTokens) has(d ca.Digest) (inForce, met bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.known[d], t.known != nil
}

// first tells whether a row without a leaf was not yet told of.
func (t *issuedTokens) first(row ca.ID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.told[row] || len(t.told) >= maxAlarms {
		return false
	}
	if t.told == nil {
		t.told = map[ca.ID]bool{}
	}
	t.told[row] = true
	return true
}

// due tells whether the use of a token is to be noted: once an hour.
func (t *issuedTokens) due(d ca.Digest, hour time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.used[d].Equal(hour) || t.used == nil {
		return false
	}
	t.used[d] = hour
	return true
}

// SignIn gives the actor of a token. It asks book and log each time, so that what was
// revoked is gone with the next call (security rule RO-03). The Problem is E1306, in the
// same words whether there is no such token, its row is not on the log, or it is no token
// at all; whoever knows the secret of one that ended is told so (E1305). What is refused is
// counted on the log (AU-05).
func (r *Registrar) SignIn(ctx context.Context, text string) (ca.Actor, error) {
	who, err := r.byToken(ctx, text)
	return r.signedIn(who, err)
}

// signedIn notes who was not let in. It is counted only: whoever guesses must not be able
// to fill the log.
func (r *Registrar) signedIn(who ca.Actor, err error) (ca.Actor, error) {
	if err == nil {
		return who, nil
	}
	if who.ID == "" {
		who.ID = nobody
	}
	r.refuse(who, err, 0)
	return ca.Actor{}, err
}

// nobody stands on the log for all who brought nothing that is known here.
const nobody = "nobody"

// byToken is SignIn; beside an error it gives whose token it was, as far as that is known.
func (r *Registrar) byToken(ctx context.Context, text string) (ca.Actor, error) {
	secret, ok := ca.TokenSecret(text)
	if !ok || r.o.Tokens == nil {
		return ca.Actor{}, unknownToken()
	}
	t, found, err := r.o.Tokens.TokenBySecret(ctx, secret)
	if err != nil {
		return ca.Actor{}, err
	}
	if !found || t.Secret != secret {
		return ca.Actor{}, unknownToken()
	}
	digest := t.Digest()
	who := ca.Actor{ID: t.Owner, Name: "token " + t.Name + " " + t.PublicName(), Method: ca.MethodToken, UID: t.UID, Token: &t}
	inForce, met := r.tokens.has(digest)
	switch {
	case !met: // nobody can tell yet whether the log has it
		return ca.Actor{}, ca.Unavailable(ca.E2301, "the service is starting", "try again in a moment")
	case t.Ended != nil: // whatever else: a revocation that only the book has is obeyed too
		return who, ca.Forbidden(ca.E1305, "this token was revoked on "+t.Ended.At.Format(time.DateOnly), "ask its owner for another one: chancery token create")
	case !r.o.Now().Before(t.Expires):
		return who, ca.Forbidden(ca.E1305, "this token expired on "+t.Expires.Format(time.DateOnly), "ask its owner for another one: chancery token create")
	case !inForce:
		r.alarm(t)
		return ca.Actor{}, unknownToken()
	}
	if hour := r.o.Now().Truncate(time.Hour); r.tokens.due(digest, hour) {
		if err := r.o.Tokens.TokenUsed(ctx, digest, hour); err != nil {
			r.o.Report(err)
		}
	}
	return who, nil
}

// alarm tells of a row that no leaf speaks of: somebody wrote it, changed it, or took the
// row of a revocation away.
func (r *Registrar) alarm(t ca.Token) {
	if !r.tokens.first(t.ID) {
		return
	}
	r.o.Report(fmt.Errorf("ALARM: row %d of the table token, said to be of %s, is not what the log has; it is ignored: chancery audit verify", t.ID, ca.Show(t.Owner)))
	r.Refuse(ca.Actor{ID: "database"}, ca.Forbidden(ca.E1306, fmt.Sprintf("row %d of the table token is on no log", t.ID), ""))
}

func unknownToken() *ca.Problem {
	return ca.Forbidden(ca.E1306, "this token is not known here", "look whether it was copied whole, and to the right server")
}

// MakeToken makes a token in the name of who asks, and gives it with its text, which is
// nowhere else. Its scope is at most what the maker may do now, and each use is held
// against what he may do then. The error is a Problem: E1305 for want of a role, E1401
// and E2110 for what no token may be.
func (r *Registrar) MakeToken(ctx context.Context, who ca.Actor, name string, scope ca.Scope, days int) (ca.TokenView, error) {
	t, err := r.wanted(ctx, who, name, scope, days)
	if err != nil {
		return ca.TokenView{}, err
	}
	var secret [ca.SecretOctets]byte
	_, _ = rand.Read(secret[:]) // never fails (crypto/rand)
	text := ca.TokenText(secret)
	t.Secret, _ = ca.TokenSecret(text)
	err = r.send(ctx, ca.EventBody{Kind: ca.EventTokenMade, By: who.By(), About: t.About()}, func(c *ca.Change) {
		t.ID = c.Event.ID
		made := t
		c.Token = &made
	})
	if err != nil {
		return ca.TokenView{}, err
	}
	v := t.View(true, t.Made)
	v.Token = text
	return v, nil
}

// PlanToken is MakeToken without making it: the answer has neither id nor secret.
func (r *Registrar) PlanToken(ctx context.Context, who ca.Actor, name string, scope ca.Scope, days int) (ca.TokenView, error) {
	t, err := r.wanted(ctx, who, name, scope, days)
	if err != nil {
		return ca.TokenView{}, err
	}
	v := t.View(true, t.Made)
	v.ID = ""
	return v, nil
}

// wanted is the token that somebody may have made, yet without a secret.
func (r *Registrar) wanted(ctx context.Context, who ca.Actor, name string, scope ca.Scope, days int) (ca.Token, error) {
	none := ca.Token{}
	if _, err := r.ready(ctx); err != nil {
		return none, err
	}
	if err := r.allow(ctx, who, access.MakeToken); err != nil {
		return none, err
	}
	// An empty list bounds nothing, and who sends one meant a bound.
	if scope.Profiles != nil && len(scope.Profiles) == 0 || scope.Names != nil && len(scope.Names) == 0 {
		return none, ca.Invalid(ca.E1401, "an empty list bounds the token to nothing that is said", "leave the member out, or say which")
	}
	if days == 0 {
		days = ca.TokenDays
	}
	now := r.o.Now().UTC().Truncate(time.Millisecond)
	t := ca.Token{Name: name, Owner: who.ID, UID: who.UID, Scope: scope, Made: now, Expires: now.Add(time.Duration(min(days, ca.MaxTokenDays+1)) * 24 * time.Hour)}
	if err := t.Sound(); err != nil {
		return none, err
	}
	if err := policy.CheckPatterns(scope.Names); err != nil {
		return none, err
	}
	if err := r.narrower(ctx, who, scope); err != nil {
		return none, r.refused(who, err)
	}
	return t, nil
}

// shown shows a token.
func (r *Registrar) shown(t ca.Token) ca.TokenView {
	inForce, _ := r.tokens.has(t.Digest())
	return t.View(inForce, r.o.Now())
}

// Whoami says who somebody is here, and what he may do.
func (r *Registrar) Whoami(ctx context.Context, who ca.Actor) (ca.Identity, error) {
	roles, err := r.rolesOf(ctx, who)
	if who.Method == ca.MethodRenewal {
		roles = nil // its owner's let it renew itself, and nothing else
	}
	i := ca.Identity{ID: who.ID, Name: who.Name, Method: who.Method, Roles: append([]ca.Role{}, roles...)}
	if who.Token != nil {
		v := r.shown(*who.Token)
		i.Token = &v
	}
	if who.Shown != nil {
		i.Certificate = who.Shown.PublicName()
	}
	return i, err
}

// narrower refuses a scope that has roles which its maker has not, and makers who did not
// prove their account itself.
func (r *Registrar) narrower(ctx context.Context, who ca.Actor, s ca.Scope) error {
	roles, err := r.rolesOf(ctx, who)
	if err != nil {
		return err
	}
	for _, role := range s.Roles {
		if !slices.Contains(roles, role) {
			return ca.Forbidden(ca.E1305, "a token cannot do what its maker may not: he is no "+string(role), "leave the role out, or ask somebody who has it").At("roles")
		}
	}
	if who.Method != ca.MethodPeer {
		// What is revoked would leave a token behind that lives for a year.
		return ca.Forbidden(ca.E1305, "a token or a certificate makes no tokens", "make it by the account itself: chancery token create")
	}
	return nil
}

// TokensOf gives the tokens of who asks, or with all those of everybody, newest first:
// a page below an id, and where the next one begins, zero for none. The Problem is E1305.
func (r *Registrar) TokensOf(ctx context.Context, who ca.Actor, all bool, below ca.ID) ([]ca.TokenView, ca.ID, error) {
	owner := who.ID
	action := access.MakeToken
	if all {
		owner, action = "", access.ReadTokens
	}
	if err := r.allow(ctx, who, action); err != nil {
		return nil, 0, err
	}
	page, err := r.o.Tokens.Tokens(ctx, owner, below, ca.MaxPage)
	out := make([]ca.TokenView, len(page))
	for i, t := range page {
		out[i] = r.shown(t)
	}
	if err != nil || len(page) < ca.MaxPage {
		return out, 0, err
	}
	return out, page[len(page)-1].ID, nil
}

// RevokeToken revokes one by its public name or, if it is one's own and only one has it,
// its name. Revoking again changes nothing. The error is a Problem: E2101 for none, also
// for those of others that one may not see, E2102 for several.
func (r *Registrar) RevokeToken(ctx context.Context, who ca.Actor, ref string) (ca.TokenView, error) {
	t, err := r.revocable(ctx, who, ref)
	if err != nil {
		return ca.TokenView{}, err
	}
	digest := t.Digest()
	// The log is asked, not the row: an end that only the book has is none yet.
	if inForce, _ := r.tokens.has(digest); !inForce {
		return r.shown(t), nil
	}
	err = r.send(ctx, ca.EventBody{Kind: ca.EventTokenRevoked, By: who.By(), About: t.About()}, func(c *ca.Change) {
		c.TokenEnd = tokenEnd(c.Event, digest)
		end := *c.TokenEnd
		t.Ended = &end
	})
	if err != nil {
		return ca.TokenView{}, err
	}
	return r.shown(t), nil
}

// PlanTokenEnd is RevokeToken without revoking it.
func (r *Registrar) PlanTokenEnd(ctx context.Context, who ca.Actor, ref string) (ca.TokenView, error) {
	t, err := r.revocable(ctx, who, ref)
	if err != nil {
		return ca.TokenView{}, err
	}
	return r.shown(t), nil
}

// revocable is the token that somebody means, if he may revoke it.
func (r *Registrar) revocable(ctx context.Context, who ca.Actor, ref string) (ca.Token, error) {
	if _, err := r.ready(ctx); err != nil {
		return ca.Token{}, err
	}
	if err := r.allow(ctx, who, access.MakeToken); err != nil {
		return ca.Token{}, err
	}
	return r.tokenCalled(ctx, who, ref)
}

// tokenEnd is the row of a token's revocation.
func tokenEnd(e ca.Event, token ca.Digest) *ca.TokenEnd {
	return &ca.TokenEnd{ID: e.ID, Token: token, By: e.By, At: e.At}
}

// tokenCalled finds a token among those that somebody may revoke: those in force come
// before those that are not.
func (r *Registrar) tokenCalled(ctx context.Context, who ca.Actor, ref string) (ca.Token, error) {
	owner := who.ID
	if r.may(ctx, who, access.RevokeAnyToken) == nil {
		owner = ""
	}
	var found []ca.Token
	for below := ca.ID(0); ; {
		page, err := r.o.Tokens.Tokens(ctx, owner, below, ca.MaxPage)
		if err != nil {
			return ca.Token{}, err
		}
		for _, t := range page {
			if inForce, _ := r.tokens.has(t.Digest()); t.PublicName() == ref || inForce && t.Name == ref && t.Owner == who.ID {
				found = append(found, t)
			}
			below = t.ID
		}
		if len(page) < ca.MaxPage || len(found) > maxCandidates {
			break
		}
	}
	switch {
	case len(found) == 0:
		return ca.Token{}, ca.NotFound(ca.E2101, "there is no token "+ca.Show(ref), "chancery token list")
	case len(found) > 1:
		names := ""
		for _, t := range found[:min(len(found), maxCandidates)] {
			names += " " + t.PublicName()
		}
		return ca.Token{}, ca.Invalid(ca.E2102, ca.Show(ref)+" means more than one token", "use one of these names:"+names)
	}
	return found[0], nil
}
