// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"chancery/ca"
	"chancery/policy"
)

// maxPolicies is how many policies are looked back through for who set a rule: those of
// years, in some megabytes.
const maxPolicies = 500

// A pastPolicy is one that was in force.
type pastPolicy struct {
	leaf   int64
	bundle policy.Bundle
	// document is the profile's that is asked about, empty if it had none.
	document string
	profile  ca.Profile
}

// set is who put it in force.
func (p pastPolicy) set() ca.RuleSet {
	return ca.RuleSet{By: fmt.Sprintf("uid:%d", p.bundle.UID), At: p.bundle.Issued, Version: p.bundle.Version, Leaf: p.leaf}
}

// A traced is a rule of the policy a certificate was issued under, on the way back to the
// first policy that had it.
type traced struct {
	set   *ca.RuleSet
	holds func(pastPolicy) bool
	done  bool
}

// policies finds the policy that the certificate was issued under on the log, and vets the
// request once more by it.
func (e *explaining) policies(ctx context.Context) {
	c := &e.p.Certificate
	e.p.Policy = ca.PolicyAt{Profile: c.Profile, Digest: c.ProfileDigest, InForce: e.v.profiles[c.Profile].Digest == c.ProfileDigest}
	if e.r.o.Archive == nil || c.ID.LogNo() != e.v.session.LogNo {
		e.unknown("the policy of then is on another log, which is not read here", nil)
		return
	}
	var then pastPolicy
	var traces []*traced
	looked := 0
	for below := c.ID.Index(); looked < maxPolicies; {
		page, err := e.r.o.Archive.Policies(ctx, below)
		if err != nil {
			e.unknown("the policies of then cannot be read", err)
			return
		}
		if len(page) == 0 {
			break
		}
		for _, record := range page {
			below = record.Index
			next, err := e.past(record, then)
			if err != nil {
				e.unknown(fmt.Sprintf("the policy at leaf %d cannot be read", record.Index), err)
				return
			}
			if looked++; looked == 1 {
				if traces = e.judged(next); traces == nil {
					return
				}
			}
			then = next
			if trace(traces, next); !slices.ContainsFunc(traces, func(t *traced) bool { return !t.done }) {
				return
			}
		}
	}
	for _, t := range traces {
		t.set.Before = !t.done && looked >= maxPolicies
	}
}

// trace takes each rule back to a policy that has it.
func trace(all []*traced, to pastPolicy) {
	for _, t := range all {
		if t.done = t.done || !t.holds(to); !t.done {
			*t.set = to.set()
		}
	}
}

// past reads a policy; after is the one that followed it, and mostly has the same document.
func (e *explaining) past(r Record, after pastPolicy) (pastPolicy, error) {
	body, _, err := readPolicy(r)
	if err != nil {
		return pastPolicy{}, err
	}
	out := pastPolicy{leaf: r.Index}
	if out.bundle, err = policy.ParseBundle(body.Document); err != nil {
		return out, err
	}
	for _, d := range out.bundle.Profiles {
		if d.Name == e.p.Certificate.Profile {
			out.document = d.Document
		}
	}
	switch {
	case out.document == "":
	case out.document == after.document:
		out.profile = after.profile
	default:
		out.profile, err = policy.Load([]byte(out.document), e.r.o.Profile)
	}
	return out, err
}

// judged explains the certificate by the policy that was in force, and gives the rules whose
// beginning is to be found; nil if it cannot be explained.
func (e *explaining) judged(then pastPolicy) []*traced {
	c, at := &e.p.Certificate, &e.p.Policy
	at.Version, at.Leaf, at.Document = then.bundle.Version, then.leaf, then.document
	if then.profile.Digest != c.ProfileDigest || e.wish.Digest != c.ProfileDigest {
		e.unknown("the log's policy before this leaf has another version of profile "+c.Profile+": chancery audit verify", nil)
		return nil
	}
	e.approval(then)
	i := slices.IndexFunc(e.v.authorities, func(a ca.Authority) bool { return a.Name == c.Authority })
	if i < 0 {
		e.unknown("there is no authority "+c.Authority+" here", nil)
		return nil
	}
	authority := e.v.authorities[i]
	authority.State, authority.Fallen = ca.Active, "" // as it was when it signed
	request, err := e.r.o.CSR(e.wish.CSR)
	var cleared policy.Cleared
	if err == nil {
		cleared, e.p.Names, e.p.Rules, err = policy.Explain(then.bundle.Rules(then.profile, authority), e.wish, request, policy.VettedAt(c.NotBefore, c.IssuedAt))
	}
	if err != nil {
		e.p.Names, e.p.Rules = []ca.NameGround{}, []ca.Decided{}
		e.unknown("by the policy of then, as this program reads it, the request would be refused", err)
	} else if d := cleared.Draft(); !slices.Equal(d.Names, c.Names) || d.Key != c.Key || !d.NotAfter.Equal(c.NotAfter) {
		e.unknown("by the policy of then, as this program reads it, the certificate would have another name, key or end: chancery audit verify", nil)
	}
	e.p.Notices = append(e.p.Notices, cleared.Notices()...)
	return e.traced(then)
}

// traced are the rules of names, and the profile's version as a whole.
func (e *explaining) traced(then pastPolicy) []*traced {
	out := []*traced{{set: &e.p.Policy.Since, holds: func(p pastPolicy) bool { return p.document == then.document }}}
	for i := range e.p.Names {
		g := &e.p.Names[i]
		out = append(out, &traced{set: &g.Rule.Set, holds: func(p pastPolicy) bool {
			return slices.ContainsFunc(g.Rule.Patterns, func(pattern string) bool { return policy.Allows(p.profile, g.Name.Type, pattern) })
		}})
		for k := range g.Grants {
			one := &g.Grants[k]
			out = append(out, &traced{set: &one.Set, holds: func(p pastPolicy) bool {
				return slices.ContainsFunc(one.Patterns, func(pattern string) bool {
					return slices.ContainsFunc(p.bundle.Grants, func(b policy.Grant) bool {
						return b.Grants(e.wish.From.ID, then.profile.Name, pattern, g.Name)
					})
				})
			}})
		}
	}
	return out
}

// approval says why nobody else had to agree.
func (e *explaining) approval(then pastPolicy) {
	q := e.wish
	why := fmt.Sprintf("none was needed: no profile of policy %d asks for a second person", then.bundle.Version)
	switch roles := rolesIn(then.bundle, q.From); {
	case q.From.Method == ca.MethodRenewal:
		why += "; the certificate that it renews spoke for itself"
	case q.Door == ca.DoorService:
		why += "; the service asked for its own listeners"
	case q.From.Method == ca.MethodToken:
		why += "; " + q.From.By() + " had of the roles of its account what the token was made for"
	case len(roles) > 0:
		why += "; " + q.From.By() + " had the roles " + people(roles)
	}
	e.p.Approval.Why = why
}

// today judges the request as if it came now. It is no repeat of itself, and what came
// with a challenge password lies sealed at the signer.
func (e *explaining) today(ctx context.Context) {
	q := e.wish
	if !q.NotAfter.IsZero() {
		q.NotAfter = e.now.Add(q.NotAfter.Sub(q.At))
	}
	q.At, q.Digest, q.Key, q.Renews = e.now, ca.Digest{}, "", e.p.Certificate.ID
	request, err := e.r.o.CSR(q.CSR)
	var plan ca.Plan
	if err == nil {
		plan, err = e.r.judge(ctx, hypothesis{view: e.v}, q, request)
	}
	var p *ca.Problem
	switch errors.As(err, &p); {
	case err == nil:
		e.p.Today = &plan
	case p != nil && p.Kind != ca.LockedKind && p.Kind != ca.BusyKind && p.Kind != ca.UnavailableKind:
		e.p.Problem = p
	default: // locked keys and a full disk are no word on the request
		e.unknown("what would become of the request today is not known", err)
	}
}
