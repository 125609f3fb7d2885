// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"chancery/access"
	"chancery/ca"
	"chancery/policy"
)

// Admit says whether somebody has a role here at all (security rule PR-03): a
// door asks before it reads a word of theirs. The Problem is E1305, or why the
// policy in force is not known. What each call needs beyond that, the call asks; whoever
// brings evidence has no role, and nothing but that one call.
func (r *Registrar) Admit(ctx context.Context, who ca.Actor) error {
	if who.Method == ca.MethodEvidence {
		return nil
	}
	roles, err := r.rolesOf(ctx, who)
	if err != nil || len(roles) > 0 {
		return err
	}
	p := r.stranger(who)
	r.refuse(who, p, 0) // counted only, as it knows nobody here and need not be known
	return p
}

// allow is may, and notes a no.
func (r *Registrar) allow(ctx context.Context, who ca.Actor, a access.Action) error {
	err := r.may(ctx, who, a)
	r.Refuse(who, err)
	return err
}

// may says whether somebody may do something (security rule RO-05). The Problem
// is E1305, or why the policy in force is not known.
func (r *Registrar) may(ctx context.Context, who ca.Actor, a access.Action) error {
	roles, err := r.rolesOf(ctx, who)
	switch {
	case err != nil:
		return err
	case len(roles) == 0:
		return r.stranger(who)
	}
	if who.Method == ca.MethodRenewal && a != access.Renew {
		return ca.Forbidden(ca.E1305, "this certificate renews itself and does nothing else", "use a token, or a certificate that the policy maps to an account")
	}
	if err = access.Allow(roles, a); err == nil && who.Token != nil && who.Token.Scope.Narrow() {
		err = access.AllowNarrowed(a)
	}
	var p *ca.Problem
	if !errors.As(err, &p) {
		return err
	}
	has := make([]string, len(roles))
	for i, role := range roles {
		has[i] = string(role)
	}
	return p.Because(fmt.Sprintf("%s is %s", who.ID, strings.Join(has, " and ")))
}

// reads says whether somebody may read, and whether what others asked for too.
func (r *Registrar) reads(ctx context.Context, who ca.Actor) (all bool, err error) {
	if r.may(ctx, who, access.ReadAll) == nil {
		return true, nil
	}
	return false, r.allow(ctx, who, access.ReadOwn)
}

// rolesOf gives the roles that the policy in force maps an actor to. Before this
// front first met the signer no policy is known, and others than those who hold
// the files wait for it.
func (r *Registrar) rolesOf(ctx context.Context, who ca.Actor) ([]ca.Role, error) {
	for {
		r.mu.Lock()
		rules, closed, problem, changed := r.rules, r.closed, r.problem, r.changed
		r.mu.Unlock()
		switch {
		case rules != nil:
			return rolesIn(*rules, who), nil
		case who.Method != ca.MethodPeer: // nobody has proven anything else to us
		case who.UID == 0 || who.UID == r.o.Account:
			// They can read the database without us, and learn why the signer is silent.
			return []ca.Role{ca.SystemAdmin, ca.Auditor}, nil
		case closed:
			return nil, problem
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, gaveUp()
		}
	}
}

// rolesIn are the roles that a policy gives an actor. Who signs in with a token has what
// the token's maker has now, and of that what the token was made for.
func rolesIn(rules policy.Bundle, who ca.Actor) []ca.Role {
	switch who.Method {
	case ca.MethodPeer:
		return rules.PeerRoles(who.UID)
	case ca.MethodCertificate, ca.MethodRenewal:
		return rules.AccountRoles(who.UID)
	case ca.MethodService:
		return []ca.Role{ca.Requester} // under a profile that nobody else can use
	case ca.MethodToken:
		if who.Token == nil {
			return nil
		}
		return slices.DeleteFunc(rules.AccountRoles(who.UID), func(r ca.Role) bool { return !slices.Contains(who.Token.Scope.Roles, r) })
	}
	return nil
}

// inScope refuses what the token that somebody signed in with was not made for.
func inScope(who ca.Actor, profile string, names []ca.Name, common string) error {
	if who.Token == nil || policy.Within(who.Token.Scope, profile, names, common) {
		return nil
	}
	return ca.Forbidden(ca.E1305, "the token "+who.Token.Name+" is not for this profile and these names", "use one that is, or the account itself: chancery whoami says what it is for")
}

// narrowed restricts a list to what the token that somebody signed in with is for. One
// that is for names lists what has one of them, which must be asked for (see List): a page is
// not chosen by patterns.
func narrowed(who ca.Actor, f ca.Filter) (ca.Filter, error) {
	if who.Token == nil || !who.Token.Scope.Narrow() {
		return f, nil
	}
	only := who.Token.Scope.Profiles
	if f.Profile == "" && len(only) == 1 {
		f.Profile = only[0]
	}
	switch {
	case len(who.Token.Scope.Names) > 0 && policy.Named(who.Token.Scope, f.Name):
		return f, nil
	case len(who.Token.Scope.Names) > 0:
		return f, ca.Forbidden(ca.E1305, "the token "+who.Token.Name+" is for certain names, and lists no others", "ask for a name that it is for, or use another token").At("name")
	case !slices.Contains(only, f.Profile):
		return f, ca.Forbidden(ca.E1305, "the token "+who.Token.Name+" is not for all profiles", "name one that it is for: "+strings.Join(only, ", ")).At("profile")
	}
	return f, nil
}

// stranger refuses somebody without a role.
func (r *Registrar) stranger(who ca.Actor) *ca.Problem {
	r.mu.Lock()
	rules := r.rules
	r.mu.Unlock()
	p := ca.Forbidden(ca.E1305, "the account "+who.ID+" has no role here", "ask a security administrator for a role")
	switch {
	case who.Method != ca.MethodPeer || rules == nil:
		return p
	case rules.Assurance != ca.Solo:
		return p.Because("in a separated installation this socket is for system administrators (security rule RO-07)")
	}
	p.Fix = fmt.Sprintf("use the account that founded this authority: sudo -u '#%d' chancery …", rules.UID)
	return p.Because("the policy in force names the accounts that may use this socket (security rule PR-03)")
}
