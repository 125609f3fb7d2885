// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"chancery/ca"
)

// names takes the names the profile allows, and refuses all if one is not
// allowed: a certificate with fewer names than asked for fails at the customer.
func names(v *vetting) error {
	p, asked := v.profile, v.csr.Names
	moved, err := subjectEmails(v)
	if err != nil {
		return err
	}
	if len(asked)+len(moved) == 0 {
		return nameFromSubject(v)
	}
	asked = slices.Clone(asked)
	for _, n := range moved {
		if !slices.Contains(asked, n) {
			asked = append(asked, n)
		}
	}
	if len(asked) > p.Names.Max {
		return ca.Refused(ca.E2109, fmt.Sprintf("the request has %d names, profile %s allows %d", len(asked), p.Name, p.Names.Max), "split it into several requests").
			Because(fmt.Sprintf("rule names.max is %d", p.Names.Max))
	}
	var counts [4]int // by type, for messages
	for _, n := range asked {
		k := slices.Index(nameTypes[:], n.Type)
		if err := faultOfName(p, n); err != nil {
			if k < 0 {
				return err // a type nobody knows is no text to show
			}
			return err.At(fmt.Sprintf("%s[%d]", n.Type, counts[k]))
		}
		counts[k]++
	}
	v.draft.Names = asked
	v.deep()
	return nil
}

// deep says how far wildcards reach: most expect more, or less (RFC 9525 §6.3).
func (v *vetting) deep() {
	for _, n := range v.draft.Names {
		if below, ok := strings.CutPrefix(n.Value, "*."); ok && n.Type == ca.DNS {
			v.notice(fmt.Sprintf("%s stands for one label: a.%s, and neither a.b.%s nor %s itself", n.Value, below, below, below))
		}
	}
}

// nameTypes are the types that can be asked for; faultOfName refuses others.
var nameTypes = [...]ca.NameType{ca.DNS, ca.IP, ca.Email, ca.URI}

// nameFromSubject serves tools that know no alternative names: the common name,
// if the profile takes it. Names in the subject alone are not looked at any more
// by those who check certificates (RFC 9525 §2), so it becomes a DNS name.
func nameFromSubject(v *vetting) error {
	p, cn := v.profile, strings.TrimPrefix(v.csr.Subject.Get(ca.OIDCommonName), v.profile.Subject.CommonNamePrefix)
	if !p.Names.FromCN || cn == "" {
		return ca.Refused(ca.E2106, "the request names nothing", "ask for names: `openssl req -new … -addext subjectAltName=DNS:NAME`").
			Because("every certificate carries subject alternative names (security rule PF-02)")
	}
	n, err := ca.NewName(ca.DNS, cn)
	if ip, bad := netip.ParseAddr(cn); bad == nil {
		return ca.Refused(ca.E2106, "the request has no names, and its common name "+cn+" is an address", "ask for the address: `openssl req -new … -addext subjectAltName=IP:"+ip.String()+"`").
			Because("programs look for addresses among the names only (RFC 9525 §6.5)").At("subject.CN")
	}
	if err != nil {
		return ca.Refused(ca.E2106, "the request has no names, and its common name "+ca.Show(cn)+" is no DNS name", "ask for names: `openssl req -new … -addext subjectAltName=DNS:NAME`").
			At("subject.CN")
	}
	if err := faultOfName(p, n); err != nil {
		return err.At("subject.CN")
	}
	v.draft.Names = []ca.Name{n}
	v.notice("the common name " + n.Value + " was taken as the DNS name")
	return nil
}

// faultOfName judges one name. It also asks whether the name is canonical, so
// that nothing rests on who parsed it.
func faultOfName(p *ca.Profile, n ca.Name) *ca.Problem {
	if canonical, err := ca.NewName(n.Type, n.Value); err != nil || canonical != n {
		return ca.Invalid(ca.E2110, ca.Show(n.Value)+" is not in the form a certificate carries", "correct the name and make the request again")
	}
	if n.Type == ca.DNS && strings.HasPrefix(n.Value, "*.") && !p.Names.Wildcards {
		return ca.Refused(ca.E2107, fmt.Sprintf("%q is a wildcard, which profile %s does not allow", n.Value, p.Name), "ask for each name, or use a profile with wildcards").
			Because("rule names.wildcards is off")
	}
	allowed := patternsOf(&p.Names, n.Type)
	if matches(allowed, n) {
		return nil
	}
	return ca.Refused(ca.E2107, fmt.Sprintf("%q is not allowed by profile %s", n.Value, p.Name), nameFor(p, n)).
		Because(fmt.Sprintf("allowed %s names are %s (rule names.%s)", n.Type, list(allowed), n.Type))
}

// patternsOf are the patterns for a type of name.
func patternsOf(r *ca.NameRules, t ca.NameType) []string {
	switch t {
	case ca.DNS:
		return r.DNS
	case ca.IP:
		return r.IP
	case ca.Email:
		return r.Email
	case ca.URI:
		return r.URI
	}
	return nil
}

// matches tells whether one of the patterns of its type allows a name.
func matches(patterns []string, n ca.Name) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return allows(pattern, n) })
}

// allows tells whether one pattern of its type allows a name. Explain names patterns by it,
// too, so that no certificate is explained by another rule than decided.
func allows(pattern string, n ca.Name) bool {
	switch n.Type {
	case ca.DNS:
		return dnsMatches(pattern, n.Value)
	case ca.IP:
		a, err := netip.ParseAddr(n.Value)
		return err == nil && ipMatches(pattern, a)
	case ca.Email:
		return emailMatches(pattern, n.Value)
	case ca.URI:
		return strings.HasSuffix(pattern, "/") && strings.HasPrefix(n.Value, pattern)
	}
	return false
}

// dnsMatches compares on label boundaries: "*.lab.example" allows what ends in
// ".lab.example", and "evillab.example" does not. A wildcard name needs a pattern
// that allows every name it stands for.
func dnsMatches(pattern, name string) bool {
	if pattern == "*" {
		return true
	}
	if suffix, ok := strings.CutPrefix(pattern, "*"); ok {
		return strings.HasPrefix(suffix, ".") && len(name) > len(suffix) && strings.HasSuffix(name, suffix)
	}
	return pattern == name
}

// ipMatches compares with a prefix or one address.
func ipMatches(pattern string, a netip.Addr) bool {
	if prefix, err := netip.ParsePrefix(pattern); err == nil {
		return prefix.Contains(a)
	}
	one, err := netip.ParseAddr(pattern)
	return err == nil && one == a
}

// emailMatches compares with a whole address or "@domain".
func emailMatches(pattern, address string) bool {
	if strings.HasPrefix(pattern, "@") {
		return strings.HasSuffix(address, pattern)
	}
	return pattern == address
}
