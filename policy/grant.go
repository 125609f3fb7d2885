// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"fmt"
	"slices"

	"chancery/ca"
)

// Bounds of grants within a bundle.
const (
	maxGrants  = 1000
	maxGrantee = 200
)

// A Grant says which names somebody may have certified under which profiles. It only
// counts where a profile asks for grants, and never widens one: a name must be in the
// profile's patterns too. So it does no harm that the signer knows a requester from the
// front alone (security rule SG-09).
type Grant struct {
	// To is the requester's ca.Actor.ID, such as uid:1001.
	To string `json:"to"`
	// Profiles are those it counts for. Not empty.
	Profiles []string `json:"profiles"`
	// DNS, IP, Email and URI are patterns as in a profile.
	DNS   []string `json:"dns,omitempty"`
	IP    []string `json:"ip,omitempty"`
	Email []string `json:"email,omitempty"`
	URI   []string `json:"uri,omitempty"`
}

// granted demands that each name lies in a grant of the requester, where the profile
// asks for that (security rule PF-03).
func granted(v *vetting) error {
	if !v.profile.Names.Granted {
		return nil
	}
	who := v.request.From.ID
	var counts [len(nameTypes)]int // by type, for messages
	for _, n := range v.draft.Names {
		k := slices.Index(nameTypes[:], n.Type)
		if !slices.ContainsFunc(v.grants, func(g Grant) bool { return g.covers(who, v.profile.Name, n) }) {
			return ca.Refused(ca.E2124, fmt.Sprintf("%q is in no grant of %s for profile %s", n.Value, ca.Show(who), v.profile.Name), "ask a security administrator for a grant, or leave the name out").
				Because("rule names.granted: each name needs a grant (security rule PF-03)").At(fmt.Sprintf("%s[%d]", n.Type, counts[k]))
		}
		counts[k]++
	}
	return nil
}

// covers tells whether the grant allows a name to somebody under a profile.
func (g Grant) covers(who, profile string, n ca.Name) bool {
	rules := g.rules()
	return g.To == who && slices.Contains(g.Profiles, profile) && matches(patternsOf(&rules, n.Type), n)
}

// rules are the grant's patterns as those of a profile.
func (g Grant) rules() ca.NameRules {
	return ca.NameRules{Max: maxNames, DNS: g.DNS, IP: g.IP, Email: g.Email, URI: g.URI}
}

// Sound says what is wrong with the names of a grant that somebody wants to make: a
// ca.Problem (E2110) for each.
func (g Grant) Sound() error {
	f := faults{of: "the grant"}
	f.names(g.rules())
	var all []error
	for _, p := range ca.Problems(errors.Join(f.all...)) {
		all = append(all, ca.Invalid(ca.E2110, p.Detail, "write names such as lab.example, *.lab.example, 10.0.0.0/8 or @lab.example").At(p.Field))
	}
	return errors.Join(all...)
}

// checkGrants wants grants that can count: to somebody, for profiles that are there, of
// sound patterns.
func (b Bundle) checkGrants() error {
	if len(b.Grants) > maxGrants {
		return badBundle(fmt.Sprintf("it has more than %d grants", maxGrants))
	}
	for i, g := range b.Grants {
		name := fmt.Sprintf("grant %d", i+1)
		if g.To == "" || len(g.To) > maxGrantee || !ca.PlainText(g.To) {
			return badBundle(name + " is to nobody")
		}
		for k, p := range g.Profiles {
			if !slices.ContainsFunc(b.Profiles, func(d Document) bool { return d.Name == p }) || slices.Contains(g.Profiles[:k], p) {
				return badBundle(name + " is for profile " + ca.Show(p) + ", which is not there, or stands twice")
			}
		}
		f := faults{of: name}
		f.names(g.rules())
		switch {
		case len(g.Profiles) == 0:
			return badBundle(name + " is for no profile")
		case len(f.all) > 0:
			return badBundle(plain(f.all[0]))
		}
	}
	return nil
}
