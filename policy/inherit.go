// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"chancery/ca"
)

// Inherit gives the name constraints that the certificate of an authority must have, so
// that it says the same to whoever takes it for an anchor as to whoever begins at the
// root (RFC 5280 §6.1.1 leaves out what is above an anchor): its own, and those of the
// certificates above it, the nearest first. Excluded spaces are united. Of a type that
// is permitted on both sides, the narrower of each two spaces remain; any two are one
// within the other or have nothing in common. The Problem is E2113: a type of which
// nothing would be left, or more spaces than one certificate has. Constraints above that
// are malformed are for Breaks to refuse, and asked first.
func Inherit(own ca.NameConstraints, above []ca.NameConstraints) (ca.NameConstraints, error) {
	for _, up := range above {
		next := ca.NameConstraints{Excluded: slices.Clone(own.Excluded)}
		for _, t := range []ca.NameType{ca.DNS, ca.Email, ca.URI, ca.IP, ca.DirectoryName} {
			both, err := narrower(permitted(own, t), permitted(up, t))
			if err != nil {
				return own, err
			}
			next.Permitted = append(next.Permitted, both...)
		}
		for _, s := range up.Excluded {
			if !slices.ContainsFunc(next.Excluded, func(wide ca.Subtree) bool { return lies(s, wide) }) {
				next.Excluded = append(next.Excluded, s)
			}
		}
		if err := next.Check(); err != nil {
			return own, ca.Refused(ca.E2113, "its name constraints and those above it do not fit into one certificate", "name fewer spaces").Because(err.Error())
		}
		own = next
	}
	return own, nil
}

// permitted are the permitted spaces of a type. One that is every name permits no more
// than none would.
func permitted(c ca.NameConstraints, t ca.NameType) (list []ca.Subtree) {
	for _, s := range c.Permitted {
		if s.Type == t && s.Value == "" && len(s.Name) == 0 {
			return nil
		}
		if s.Type == t {
			list = append(list, s)
		}
	}
	return list
}

// narrower is what two lists of permitted spaces of one type have in common; an empty one
// permits all.
func narrower(own, up []ca.Subtree) (both []ca.Subtree, err error) {
	if len(own) == 0 || len(up) == 0 {
		return append(own, up...), nil
	}
	for _, s := range own {
		for _, u := range up {
			one := s
			switch {
			case lies(s, u):
			case lies(u, s):
				one = u
			default:
				continue
			}
			if !slices.ContainsFunc(both, func(is ca.Subtree) bool { return is.String() == one.String() }) {
				both = append(both, one)
			}
		}
	}
	if len(both) == 0 {
		return nil, outside(own, up)
	}
	return both, nil
}

// outside refuses permitted spaces that have nothing in common with those above.
func outside(own, up []ca.Subtree) error {
	return ca.Refused(ca.E2113, fmt.Sprintf("the permitted space %s has nothing in common with what is permitted above it: %s", texts(own), texts(up)),
		"name spaces within those above, or choose another authority to sign it").
		Because("a name must be within the constraints of all authorities above it (RFC 5280 §6.1.4 (g))").At("constraints")
}

func texts(spaces []ca.Subtree) string { return list(ca.NameConstraints{Permitted: spaces}.Strings()) }

// lost refuses a permitted space of a new authority of which the constraints above leave
// nothing: whoever asked for it expects that it can be used.
func lost(own, whole ca.NameConstraints) error {
	for _, s := range own.Permitted {
		if !slices.ContainsFunc(whole.Permitted, func(left ca.Subtree) bool { return lies(left, s) }) {
			return outside([]ca.Subtree{s}, permitted(whole, s.Type))
		}
	}
	return nil
}

// lies tells whether every verifier finds all names of one space in the other.
func lies(s, in ca.Subtree) bool {
	if s.Type != in.Type {
		return false
	}
	switch s.Type {
	case ca.DNS:
		return in.Value == "" || s.Value == in.Value || below(s.Value, in.Value)
	case ca.IP:
		a, err1 := netip.ParsePrefix(s.Value)
		b, err2 := netip.ParsePrefix(in.Value)
		return err1 == nil && err2 == nil && b.Bits() <= a.Bits() && b.Contains(a.Addr())
	case ca.Email, ca.URI:
		if s.Value == in.Value {
			return true
		}
		host := s.Value[strings.Index(s.Value, "@")+1:]
		return !strings.Contains(in.Value, "@") && (host == in.Value || in.Value[0] == '.' && below(host, in.Value))
	}
	return begins(s.Name, in.Name, foldASCII)
}
