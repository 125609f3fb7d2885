// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"slices"
	"strings"

	"chancery/ca"
)

// CheckPatterns finds what is no pattern of names; the Problem is E2110.
func CheckPatterns(patterns []string) error {
	_, _, _, err := sortNames(patterns)
	return err
}

// Within tells whether a certificate of a profile, with these names, is in a scope. It
// compares names as profiles do. Without a name a certificate is in no scope of names: an
// empty list would else be a way around it. So would be a common name that is none of the
// names: there are programs that read it, and signers of mail or code are shown by it.
func Within(s ca.Scope, profile string, names []ca.Name, common string) bool {
	if len(s.Profiles) > 0 && !slices.Contains(s.Profiles, profile) {
		return false
	}
	if len(s.Names) == 0 {
		return true
	}
	outside := func(n ca.Name) bool {
		return !slices.ContainsFunc(s.Names, func(pattern string) bool { return nameMatches(pattern, n) })
	}
	named := common == "" || slices.ContainsFunc(names, func(n ca.Name) bool { return strings.EqualFold(n.Value, common) })
	return named && len(names) > 0 && !slices.ContainsFunc(names, outside)
}

// Named tells whether a scope of names has a name that is asked for, of whatever type.
func Named(s ca.Scope, name string) bool {
	return !strings.Contains(name, "*") && slices.ContainsFunc(s.Names, func(pattern string) bool {
		return slices.ContainsFunc([]ca.NameType{ca.DNS, ca.IP, ca.Email}, func(t ca.NameType) bool {
			return nameMatches(pattern, ca.Name{Type: t, Value: strings.ToLower(name)})
		})
	})
}

// nameMatches compares a name of any type with a pattern of any.
func nameMatches(pattern string, n ca.Name) bool {
	mail := strings.Contains(pattern, "@")
	switch n.Type {
	case ca.DNS:
		return !mail && dnsMatches(pattern, n.Value)
	case ca.IP:
		a, err := netip.ParseAddr(n.Value)
		return err == nil && ipMatches(pattern, a)
	case ca.Email:
		return mail && emailMatches(pattern, n.Value)
	}
	return false // nobody can write a pattern for it
}
