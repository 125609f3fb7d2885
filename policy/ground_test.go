// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"chancery/ca"
	"chancery/policy"
)

// patternsOf is where a profile or a grant has the patterns of a type.
func patternsOf(r *ca.NameRules, t ca.NameType) *[]string {
	return map[ca.NameType]*[]string{ca.DNS: &r.DNS, ca.IP: &r.IP, ca.Email: &r.Email, ca.URI: &r.URI}[t]
}

// The rules that an explanation names are those that decide, in generated requests:
// without them the very name is refused, and each of their patterns alone lets it pass.
func TestTheRulesThatAreNamedAreThoseThatDecide(t *testing.T) {
	named := 0
	for seed := range uint64(2000) {
		d := dice{rand.New(rand.NewPCG(seed, 38))}
		p, holds := d.profile()
		sound, err := policy.Sound(p)
		if err != nil {
			continue
		}
		sound.Digest = ca.ProfileDigest([]byte("generated"))
		for range 8 {
			r := d.reference(sound, holds)
			r.profile.Rules = nil // an expression may ask for a name
			r.profile.Subject.CommonNameInNames = false
			named += explained(t, seed, r)
		}
	}
	if named < 1000 {
		t.Fatalf("only %d names were explained", named)
	}
}

// explained holds one request's explanation against the decision, and gives the number of
// names that were explained.
func explained(t *testing.T, seed uint64, r reference) int {
	t.Helper()
	by := policy.Rules{Profile: r.profile, Authority: r.authority, Grants: r.grants}
	cleared, grounds, decided, err := policy.Explain(by, r.request, r.csr, r.now)
	again, vetted := policy.Vet(by, r.request, r.csr, r.now)
	if (err == nil) != (vetted == nil) || err == nil && plainDraft(cleared.Draft()) != plainDraft(again.Draft()) {
		t.Fatalf("seed %d: explained as %v, and judged as %v", seed, err, vetted)
	}
	if err != nil {
		return 0
	}
	if len(decided) < 5 || len(grounds) != len(cleared.Draft().Names) {
		t.Fatalf("seed %d: %d names, grounds %+v, decided %+v", seed, len(cleared.Draft().Names), grounds, decided)
	}
	for _, g := range grounds {
		lawOfGround(t, seed, by, r, g)
	}
	return len(grounds)
}

// lawOfGround takes the rules away that are named, and all but each of them.
func lawOfGround(t *testing.T, seed uint64, by policy.Rules, r reference, g ca.NameGround) {
	t.Helper()
	refused := func(by policy.Rules, codes ...ca.Code) bool {
		_, err := policy.Vet(by, r.request, r.csr, r.now)
		var p *ca.Problem
		return errors.As(err, &p) && slices.Contains(codes, p.Code)
	}
	with := func(change func([]string) []string) policy.Rules {
		out := by
		list := patternsOf(&out.Profile.Names, g.Name.Type)
		*list = change(slices.Clone(*list))
		return out
	}
	without := with(func(all []string) []string {
		return slices.DeleteFunc(all, func(p string) bool { return slices.Contains(g.Rule.Patterns, p) })
	})
	if len(g.Rule.Patterns) == 0 || !refused(without, ca.E2107) {
		t.Fatalf("seed %d: without %v the name %v still passes", seed, g.Rule, g.Name)
	}
	for _, only := range g.Rule.Patterns {
		one := with(func(all []string) []string {
			return slices.DeleteFunc(all, func(p string) bool { return p != only && slices.Contains(g.Rule.Patterns, p) })
		})
		if _, err := policy.Vet(one, r.request, r.csr, r.now); err != nil {
			// Another name may have needed what was taken away; this one must not.
			var p *ca.Problem
			one.Profile.Subject.Email = "drop"
			if _, alone, _, own := policy.Explain(one, r.request, onlyName(r.csr, g.Name), r.now); errors.As(own, &p) && p.Code == ca.E2107 {
				t.Fatalf("seed %d: %q alone does not allow %v: %v %v", seed, only, g.Name, own, alone)
			}
		}
	}
	if by.Profile.Names.Granted {
		ungranted := by
		ungranted.Grants = slices.DeleteFunc(slices.Clone(by.Grants), func(one policy.Grant) bool {
			return slices.ContainsFunc(g.Grants, func(of ca.NameRule) bool {
				return slices.ContainsFunc(of.Patterns, func(p string) bool { return one.Grants(r.request.From.ID, by.Profile.Name, p, g.Name) })
			})
		})
		if len(g.Grants) == 0 || !refused(ungranted, ca.E2124) {
			t.Fatalf("seed %d: without the grants %v the name %v still passes", seed, g.Grants, g.Name)
		}
	} else if len(g.Grants) > 0 {
		t.Fatalf("seed %d: grants %v are named, and none was wanted", seed, g.Grants)
	}
	if g.Wildcard {
		none := by
		none.Profile.Names.Wildcards = false
		if !refused(none, ca.E2107) {
			t.Fatalf("seed %d: the wildcard %v passes without names.wildcards", seed, g.Name)
		}
	}
}

// onlyName is the request with one of its names.
func onlyName(c ca.CSR, n ca.Name) ca.CSR {
	c.Names = []ca.Name{n}
	return c
}

// An explanation says what the other rules came to, and where a name stood.
func TestExplainingSaysWhatTheRulesCameTo(t *testing.T) {
	d := dice{rand.New(rand.NewPCG(1, 2))}
	for range 500 {
		p, holds := d.profile()
		sound, err := policy.Sound(p)
		if err != nil {
			continue
		}
		sound.Digest = ca.ProfileDigest([]byte("generated"))
		r := d.reference(sound, holds)
		_, grounds, decided, err := policy.Explain(policy.Rules{Profile: r.profile, Authority: r.authority, Grants: r.grants}, r.request, r.csr, r.now)
		if err != nil {
			continue
		}
		said := map[string]bool{}
		for _, one := range decided {
			if one.Rule == "" || one.Value == "" || one.Came == "" {
				t.Fatalf("it says half of %+v", one)
			}
			said[one.Rule] = true
		}
		life := "days"
		if !r.request.NotAfter.IsZero() {
			life = "max_days"
		}
		if !said["doors"] || !said["keys"] || !said["use"] || !said[life] {
			t.Fatalf("it says %+v", decided)
		}
		for _, g := range grounds {
			if g.From == "names" != slices.Contains(r.csr.Names, g.Name) {
				t.Fatalf("%v is said to be from %s", g.Name, g.From)
			}
		}
	}
}
