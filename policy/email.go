// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"slices"

	"chancery/ca"
)

// subjectEmails are the e-mail addresses of a request's subject that become names:
// only where the profile says copy or move (R58). They are judged as all names are.
func subjectEmails(v *vetting) ([]ca.Name, error) {
	if rule := v.profile.Subject.Email; rule != copyEmail && rule != moveEmail {
		return nil, nil
	}
	var out []ca.Name
	for _, a := range v.csr.Subject {
		if a.OID != ca.OIDEmail {
			continue
		}
		n, err := ca.NewName(ca.Email, a.Value)
		if err != nil {
			return nil, ca.Invalid(ca.E2110, "the subject's emailAddress "+ca.Show(a.Value)+" is no address", "correct it and make the request again").At("subject.emailAddress")
		}
		out = append(out, n)
	}
	return out, nil
}

// emailField is what the rule leaves of them in the subject: with copy those that have
// become names, in their spelling (RFC 5280 §4.1.2.6 wants them there too).
func (v *vetting) emailField(rule string, asked []string) (kept []string) {
	for _, address := range asked {
		a := ca.Attribute{OID: ca.OIDEmail, Value: address}
		switch n, err := ca.NewName(ca.Email, address); {
		case err != nil || !slices.Contains(v.draft.Names, n) || rule != copyEmail && rule != moveEmail:
			v.dropped(a)
		case rule == moveEmail:
			v.notice("the subject's emailAddress " + ca.Show(n.Value) + " was moved to the names")
		case !slices.Contains(kept, n.Value):
			kept = append(kept, n.Value)
		}
	}
	return kept
}

// told says what old programs would read in a common name that is no name (R54, R55).
func (v *vetting) told() {
	cn := v.draft.Subject.Get(ca.OIDCommonName)
	if cn == "" || !slices.Contains(v.profile.Use, "server") {
		return // a person's common name is no name
	}
	named := slices.ContainsFunc(v.draft.Names, func(n ca.Name) bool { return n.Value == cn })
	_, err := netip.ParseAddr(cn)
	switch {
	case err == nil && named:
		v.notice("the common name " + ca.Show(cn) + " is an address; programs look for addresses among the names only")
	case err == nil:
		v.notice("the common name " + ca.Show(cn) + " is an address and not among the names: no program will accept it for that host")
	case !named:
		v.notice("the common name " + ca.Show(cn) + " is not among the names: programs that check a host's name do not look at it")
	}
}
