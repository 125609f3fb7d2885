// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"chancery/ca"
)

// A purse is a world that keeps tokens.
type purse struct {
	*world
	tokens []ca.Token
}

func (p *purse) Commit(ctx context.Context, changes []ca.Change, next int64) ([]ca.RequestID, error) {
	lost, err := p.world.Commit(ctx, changes, next)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range changes {
		if _, written := p.events[c.Event.ID]; !written {
			continue
		}
		if c.Token != nil {
			p.tokens = append(p.tokens, *c.Token)
		}
		if at := slices.IndexFunc(p.tokens, func(t ca.Token) bool { return c.TokenEnd != nil && t.Digest() == c.TokenEnd.Token }); at >= 0 {
			p.tokens[at].Ended = c.TokenEnd
		}
	}
	return lost, err
}

// Hello says which tokens the log has, as the signer does.
func (p *purse) Hello(ctx context.Context, database string, next int64) (ca.Session, error) {
	h, err := p.world.Hello(ctx, database, next)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.leaves {
		var e ca.EventBody
		if json.Unmarshal(r.Body, &e) != nil {
			continue
		}
		digest, _, ok := ca.TokenAbout(e.About)
		if !ok {
			continue
		}
		switch e.Kind {
		case ca.EventTokenMade:
			h.Tokens = append(h.Tokens, digest)
		case ca.EventTokenRevoked:
			h.Tokens = slices.DeleteFunc(h.Tokens, func(d ca.Digest) bool { return d == digest })
		}
	}
	return h, err
}

func (p *purse) TokenBySecret(_ context.Context, secret ca.Digest) (ca.Token, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := slices.IndexFunc(p.tokens, func(t ca.Token) bool { return t.Secret == secret })
	if at < 0 {
		return ca.Token{}, false, nil
	}
	return p.tokens[at], true, nil
}

func (p *purse) Tokens(_ context.Context, owner string, below ca.ID, _ int) (out []ca.Token, _ error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.tokens {
		if (owner == "" || t.Owner == owner) && (below == 0 || t.ID < below) {
			out = append(out, t)
		}
	}
	return out, nil
}

func (p *purse) TokenUsed(context.Context, ca.Digest, time.Time) error { return nil }

// withPurse runs a registrar over a world with tokens.
func withPurse(t *testing.T, test func(t *testing.T, p *purse, r *Registrar)) {
	synctest.Test(t, func(t *testing.T) {
		p := &purse{world: newWorld(t)}
		r := p.registrar()
		r.o.Book, r.o.Tokens, r.o.Log = p, p, p
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		defer func() { stop(); <-ended }()
		test(t, p, r)
	})
}

// AN-04, RO-03: a token works from the moment it is made to the call after it was
// revoked or ended, and says which of the two it was.
func TestAN04_ATokenLivesUntilItIsRevokedOrEnds(t *testing.T) {
	withPurse(t, func(t *testing.T, _ *purse, r *Registrar) {
		ctx := t.Context()
		made, err := r.MakeToken(ctx, hana, "ci", ca.Scope{Roles: []ca.Role{ca.Requester}}, 0)
		if err != nil {
			t.Fatal(err)
		}
		if days := made.Expires.Sub(made.Made).Hours() / 24; days != ca.TokenDays {
			t.Errorf("it lives %v days", days)
		}
		who, err := r.SignIn(ctx, made.Token)
		if err != nil || who.ID != hana.ID || who.Method != ca.MethodToken {
			t.Fatalf("signs in as %+v, %v", who, err)
		}
		if _, err := r.RevokeToken(ctx, hana, "ci"); err != nil {
			t.Fatal(err)
		}
		if _, err := r.SignIn(ctx, made.Token); code(err) != ca.E1305 {
			t.Errorf("after it was revoked: %v", err)
		}
		if _, err := r.RevokeToken(ctx, hana, made.ID); err != nil {
			t.Errorf("revoking twice: %v", err)
		}
		made, err = r.MakeToken(ctx, hana, "ci", ca.Scope{Roles: []ca.Role{ca.Requester}}, 2)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(48*time.Hour - time.Second) // of the bubble's clock
		if _, err := r.SignIn(ctx, made.Token); err != nil {
			t.Errorf("a second before its end: %v", err)
		}
		time.Sleep(time.Second)
		if _, err := r.SignIn(ctx, made.Token); code(err) != ca.E1305 {
			t.Errorf("at its end: %v", err)
		}
	})
}

// RO-02: rows that the log does not know are nobody's, whoever wrote them: a new one,
// one with more roles, and one whose revocation was taken away.
func TestRO02_ARowThatIsNotOnTheLogSignsNobodyIn(t *testing.T) {
	withPurse(t, func(t *testing.T, p *purse, r *Registrar) {
		ctx := t.Context()
		made, err := r.MakeToken(ctx, hana, "ci", ca.Scope{Roles: []ca.Role{ca.Requester}}, 1)
		if err != nil {
			t.Fatal(err)
		}
		genuine := p.tokens[0]
		refused := func(how, text string) {
			t.Helper()
			if _, err := r.SignIn(ctx, text); code(err) != ca.E1306 || err.Error() != unknownToken().Error() {
				t.Errorf("%s: %v", how, err)
			}
		}
		p.tokens[0].Scope.Roles = []ca.Role{ca.SecurityAdmin}
		refused("more roles", made.Token)
		p.tokens[0] = genuine
		p.tokens[0].Expires = genuine.Expires.Add(time.Hour)
		refused("a later end", made.Token)

		secret := [ca.SecretOctets]byte{7}
		forged := genuine
		forged.Secret, _ = ca.TokenSecret(ca.TokenText(secret))
		p.tokens = []ca.Token{genuine, forged}
		refused("a row of its own", ca.TokenText(secret))
		refused("no row at all", ca.TokenText([ca.SecretOctets]byte{8}))
		refused("no token at all", "chy_nothing")

		if _, err := r.RevokeToken(ctx, hana, "ci"); err != nil {
			t.Fatal(err)
		}
		p.tokens = []ca.Token{genuine} // without its end
		refused("a revocation that was taken away", made.Token)
	})
}

// A token never does more than its maker may, when it is made and whenever it is used.
func TestRO03_ATokenLosesWhatItsMakerLoses(t *testing.T) {
	withPurse(t, func(t *testing.T, p *purse, r *Registrar) {
		ctx := t.Context()
		requester := peer(1001)
		if _, err := r.MakeToken(ctx, requester, "more", ca.Scope{Roles: []ca.Role{ca.CAAdmin}}, 1); code(err) != ca.E1305 {
			t.Errorf("more than the maker has: %v", err)
		}
		made, err := r.MakeToken(ctx, requester, "ci", ca.Scope{Roles: []ca.Role{ca.Requester}}, 1)
		if err != nil {
			t.Fatal(err)
		}
		who, err := r.SignIn(ctx, made.Token)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.MakeToken(ctx, who, "child", ca.Scope{Roles: []ca.Role{ca.Requester}}, 1); code(err) != ca.E1305 {
			t.Errorf("a token made a token: %v", err)
		}
		q, c := wishOf(1, "")
		q.From = who
		if _, err := r.Submit(ctx, q, c); err != nil {
			t.Fatal(err)
		}
		p.mu.Lock()
		delete(p.accounts, 1001)
		p.stale = true // as after a change of policy
		p.mu.Unlock()
		time.Sleep(2 * time.Second) // of the bubble's clock: the next look at the signer
		q, c = wishOf(2, "")
		q.From = who
		if _, err := r.Submit(ctx, q, c); code(err) != ca.E1305 {
			t.Errorf("after the maker's role was withdrawn: %v", err)
		}
	})
}

// HX-02: what a token is not for is refused, and what it may not see is not there; so it
// is with certificates that another token of the same owner got.
func TestHX02_ATokenKeepsToItsProfilesAndNames(t *testing.T) {
	withPurse(t, func(t *testing.T, _ *purse, r *Registrar) {
		ctx := t.Context()
		sign := func(scope ca.Scope) ca.Actor {
			t.Helper()
			scope.Roles = []ca.Role{ca.Requester, ca.CAAdmin, ca.Auditor, ca.SecurityAdmin}
			made, err := r.MakeToken(ctx, hana, "ci", scope, 1)
			if err != nil {
				t.Fatal(err)
			}
			who, err := r.SignIn(ctx, made.Token)
			if err != nil {
				t.Fatal(err)
			}
			return who
		}
		wide, names, profiles := sign(ca.Scope{}), sign(ca.Scope{Names: []string{"host1.lab.example"}}), sign(ca.Scope{Profiles: []string{"client"}})
		submit := func(n int, key string, who ca.Actor) (ca.Issued, error) {
			q, c := wishOf(n, key)
			q.From = who
			return r.Submit(ctx, q, c)
		}
		if _, err := submit(1, "", names); err != nil {
			t.Errorf("a name it is for: %v", err)
		}
		if _, err := submit(2, "", names); code(err) != ca.E1305 {
			t.Errorf("another name: %v", err)
		}
		if _, err := submit(3, "", profiles); code(err) != ca.E1305 {
			t.Errorf("another profile: %v", err)
		}
		other, err := submit(4, "k", wide)
		if err != nil {
			t.Fatal(err)
		}
		// The same key by another token of the same owner leads to the same certificate.
		if got, err := submit(4, "k", names); code(err) != ca.E1305 || len(got.Certificate.DER) > 0 {
			t.Errorf("the answer to another token: %v", err)
		}
		// By a name that it is for it lists what it finds by that name, and nothing of others.
		for name, want := range map[string]ca.Code{"host1.lab.example": "", "HOST1.lab.example": "", "host4.lab.example": ca.E1305, "*.lab.example": ca.E1305, "host*": ca.E1305, "": ca.E1305} {
			got, err := r.List(ctx, names, ca.Filter{Limit: 9, Name: name})
			if code(err) != want || (err == nil) != (len(got) == 1) || len(got) == 1 && got[0].Names[0].Value != "host1.lab.example" {
				t.Errorf("by names lists %q: %+v, %v", name, got, err)
			}
			if _, err := r.Count(ctx, names, ca.Filter{Limit: 9, Name: name}); code(err) != ca.E1305 {
				t.Errorf("by names counts %q: %v", name, err)
			}
		}
		for who, how := range map[*ca.Actor]string{&names: "names", &profiles: "profiles"} {
			if _, err := r.Find(ctx, *who, string(other.Certificate.Serial)); code(err) != ca.E2101 {
				t.Errorf("by %s finds: %v", how, err)
			}
			if _, err := r.Revoke(ctx, *who, string(other.Certificate.Serial), ca.Withdrawal{Reason: ca.Superseded}); code(err) != ca.E2101 {
				t.Errorf("by %s revokes: %v", how, err)
			}
			if _, err := r.List(ctx, *who, ca.Filter{Limit: 9, Profile: "server"}); code(err) != ca.E1305 {
				t.Errorf("by %s lists: %v", how, err)
			}
			if _, err := r.Unknown(ctx, *who); code(err) != ca.E1305 {
				t.Errorf("by %s decides: %v", how, err)
			}
			q, c := wishOf(5, "")
			q.From = *who
			if _, err := r.Plan(ctx, q, c); code(err) != ca.E1305 {
				t.Errorf("by %s plans: %v", how, err)
			}
		}
	})
}

// Whatever dies between leaf and row, a revocation that was begun holds once log and book
// are settled, and a token whose maker was not answered is nobody's.
func TestATokenIsWholeOrNobodysWhoeverDies(t *testing.T) {
	for _, point := range []string{"append before", "append after", "commit before", "commit after", "commit late"} {
		t.Run(point, func(t *testing.T) {
			withPurse(t, func(t *testing.T, p *purse, r *Registrar) {
				ctx := t.Context()
				scope := ca.Scope{Roles: []ca.Role{ca.Requester}}
				dies := func() {
					p.mu.Lock()
					p.die[point] = 1
					p.mu.Unlock()
				}
				made, err := r.MakeToken(ctx, hana, "ci", scope, 1)
				if err != nil {
					t.Fatal(err)
				}
				dies()
				if _, err := r.MakeToken(ctx, hana, "lost", scope, 1); code(err) != ca.E2301 {
					t.Errorf("making one: %v", err)
				}
				time.Sleep(10 * time.Second) // of the bubble's clock: it is settled
				if _, err := r.SignIn(ctx, made.Token); err != nil {
					t.Errorf("the one before: %v", err)
				}
				dies()
				if _, err := r.RevokeToken(ctx, hana, made.ID); code(err) != ca.E2301 {
					t.Errorf("revoking: %v", err)
				}
				time.Sleep(10 * time.Second)
				// It was begun, or it was not and is done when it is asked for again.
				if _, err := r.RevokeToken(ctx, hana, made.ID); err != nil {
					t.Errorf("revoking again: %v", err)
				}
				if _, err := r.SignIn(ctx, made.Token); code(err) != ca.E1305 {
					t.Errorf("after that: %v", err)
				}
				if _, err := r.MakeToken(ctx, hana, "ci", scope, 1); err != nil {
					t.Errorf("another one: %v", err)
				}
			})
		})
	}
}

// RO-03: a revocation holds, and a token that was made is no forged one, also when the
// caller hung up before the answer.
func TestRO03_ARevocationHoldsWhenItsCallerHungUp(t *testing.T) {
	withPurse(t, func(t *testing.T, p *purse, r *Registrar) {
		ctx := t.Context()
		gone, cancel := context.WithCancel(ctx)
		cancel()
		scope := ca.Scope{Roles: []ca.Role{ca.Requester}}
		made, err := r.MakeToken(ctx, hana, "ci", scope, 0)
		if err != nil {
			t.Fatal(err)
		}
		// Either answer may win: the event's, or the end of the caller's time.
		if _, err := r.RevokeToken(gone, hana, "ci"); err != nil && code(err) != ca.E2301 {
			t.Fatal(err)
		}
		synctest.Wait()
		if p.tokens[0].Ended == nil {
			t.Fatal("the book does not have the revocation")
		}
		if _, err := r.SignIn(ctx, made.Token); code(err) != ca.E1305 {
			t.Errorf("a token whose revocation is in the book: %v", err)
		}
		if inForce, _ := r.tokens.has(p.tokens[0].Digest()); inForce {
			t.Error("it is still held to be in force")
		}
		if _, err := r.MakeToken(gone, hana, "other", scope, 0); err != nil && code(err) != ca.E2301 {
			t.Fatal(err)
		}
		synctest.Wait()
		all, _, err := r.TokensOf(ctx, hana, false, 0)
		if err != nil || len(all) != 2 || all[0].Status != "revoked" || all[1].Status != "valid" {
			t.Errorf("the list is %+v, %v", all, err)
		}
		// A row of an end is obeyed, even if only the book has it.
		p.tokens[1].Ended = &ca.TokenEnd{By: hana.ID, At: time.Now()}
		if all, _, _ := r.TokensOf(ctx, hana, false, 0); all[1].Status != "revoked" {
			t.Errorf("it is shown as %+v", all[1])
		}
	})
}
