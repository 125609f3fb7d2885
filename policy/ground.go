// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"chancery/ca"
)

// Explain vets a request as Vet does, and says by which rules it passed: why each name was
// allowed, and what the other rules came to. It asks the very functions that decide, so that
// what is told cannot be another rule. Who set a rule, and when, it leaves open. The error is
// Vet's.
func Explain(by Rules, r ca.Request, c ca.CSR, now time.Time) (Cleared, []ca.NameGround, []ca.Decided, error) {
	cleared, err := Vet(by, r, c, now)
	if err != nil {
		return Cleared{}, nil, nil, err
	}
	d := &cleared.c.draft
	names := make([]ca.NameGround, 0, len(d.Names))
	for _, n := range d.Names {
		names = append(names, ground(by, r.From.ID, c, n))
	}
	return cleared, names, decided(by, r, c, d), nil
}

// VettedAt is the second in which a certificate was vetted, by its own beginning and the
// time of its leaf: notBefore lies that far before it, unless the authority began later.
func VettedAt(notBefore, issued time.Time) time.Time {
	// The signer's clock was read when the batch began, and its leaf was written at its end.
	if at := notBefore.Add(backdate); at.Sub(issued).Abs() < time.Minute {
		return at
	}
	return issued
}

// ground says why a name was allowed that was.
func ground(by Rules, who string, c ca.CSR, n ca.Name) ca.NameGround {
	p := &by.Profile
	g := ca.NameGround{
		Name: n, From: "names", Wildcard: n.Type == ca.DNS && strings.HasPrefix(n.Value, "*."),
		Rule: ca.NameRule{Key: "names." + string(n.Type), Patterns: allowing(patternsOf(&p.Names, n.Type), n)},
	}
	switch {
	case slices.Contains(c.Names, n):
	case n.Type == ca.Email:
		g.From = "subject.emailAddress"
	default:
		g.From = "subject.CN"
	}
	if p.Names.Granted {
		for _, one := range by.Grants {
			if one.covers(who, p.Name, n) {
				rules := one.rules()
				g.Grants = append(g.Grants, ca.NameRule{Key: "grants." + string(n.Type), Patterns: allowing(patternsOf(&rules, n.Type), n)})
			}
		}
	}
	for _, chain := range by.Authority.Constraints {
		for _, s := range chain.Permitted {
			if s.Type == n.Type && (bound{Name: n}).within(s) {
				g.Subtrees = append(g.Subtrees, s.String())
			}
		}
	}
	return g
}

// allowing are the patterns that have a name.
func allowing(patterns []string, n ca.Name) (out []string) {
	for _, pattern := range patterns {
		if allows(pattern, n) {
			out = append(out, pattern)
		}
	}
	return out
}

// Grants tells whether the grant allows a name to somebody under a profile by this very
// pattern, as Explain names it.
func (g Grant) Grants(who, profile, pattern string, n ca.Name) bool {
	rules := g.rules()
	return g.covers(who, profile, n) && slices.Contains(patternsOf(&rules, n.Type), pattern)
}

// Allows tells whether a profile has a pattern for names of a type, as Explain names it.
func Allows(p ca.Profile, t ca.NameType, pattern string) bool {
	return slices.Contains(patternsOf(&p.Names, t), pattern)
}

// decided are the rules beside those of names, with what they made of a request that passed.
func decided(by Rules, r ca.Request, c ca.CSR, d *ca.Draft) []ca.Decided {
	p := &by.Profile
	var out []ca.Decided
	say := func(rule, value, came string) { out = append(out, ca.Decided{Rule: rule, Value: value, Came: came}) }
	say("doors", list(p.Doors), "it came by "+string(r.Door))
	if r.Line != "" && r.Line != p.Line {
		say("lines", list(p.Lines), "asked for was "+r.Line+"; signed by "+d.Authority)
	} else {
		say("line", p.Line, "signed by "+d.Authority)
	}
	say("use", list(p.Use), "set by the profile")
	taking := slices.DeleteFunc(slices.Clone(p.Keys), func(pattern string) bool { return !keyMatches(pattern, c.KeyType) })
	say("keys", list(taking), fmt.Sprintf("the key is %s, and the policy did not refuse this one", c.KeyType))
	if len(p.KeyUsage) > 0 {
		say("key_usage", list(p.KeyUsage), "set to "+list(d.KeyUsage))
	}
	out = append(out, decidedLife(p, r, d))
	for i := range subjectFields {
		f := &subjectFields[i]
		for _, a := range d.Subject {
			if a.OID == f.oid {
				say("subject."+f.key, *f.rule(&p.Subject), f.name+"="+ca.Show(a.Value))
			}
		}
	}
	for _, e := range d.Extensions {
		taken := slices.ContainsFunc(p.Extensions.Take, func(word string) bool { return ca.ExtensionOID(word) == e.OID })
		if asked := slices.ContainsFunc(c.Extensions, func(a ca.Extension) bool { return a.OID == e.OID }); taken && asked {
			say("extensions.take", extensionName(e.OID), "taken from the request")
		} else {
			say("extensions.add", extensionName(e.OID), "set by the profile")
		}
	}
	if len(d.Policies) > 0 {
		say("extensions.add", extensionName(ca.OIDPolicies), "set by the profile")
	}
	if p.Unique != NotUnique {
		say("unique", p.Unique, "no other live certificate had it")
	}
	for i, one := range p.Rules {
		say(fmt.Sprintf("rule[%d]", i), shown(one.Require), "it held")
	}
	return out
}

// decidedLife is the rule that set a certificate's end.
func decidedLife(p *ca.Profile, r ca.Request, d *ca.Draft) ca.Decided {
	came := fmt.Sprintf("%d days, until %s", lifeInDays(d), date(d.NotAfter))
	if r.NotAfter.IsZero() {
		return ca.Decided{Rule: "days", Value: fmt.Sprint(p.Days), Came: "none were asked for; " + came}
	}
	return ca.Decided{Rule: "max_days", Value: fmt.Sprint(p.MaxDays), Came: "asked for was " + date(r.NotAfter) + "; " + came}
}
