// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"chancery/ca"
)

// constraints applies the name constraints of the issuing chain to what is about
// to be signed (security rule PF-05): whoever verifies will, and would refuse it.
func constraints(v *vetting) error {
	return Breaks(v.authority.Constraints, v.draft.Subject, v.draft.Names)
}

// A bound is a name of a certificate as constraints see it.
type bound struct {
	ca.Name
	subject ca.Subject // of a directory name
	field   string     // where, for messages
}

// Breaks says whether a certificate with this subject and these alternative names
// would break one of the name constraints (RFC 5280 §4.2.1.10, §6.1.3), or that
// the constraints are malformed, which is obeyed by refusing everything. Nil is no
// breach. The Problem is E2113 or E2114.
//
// Where verifiers differ, a permitted subtree is read as narrowly as any of them
// does, an excluded one as widely: wildcards are held against every name they
// stand for, a common name that looks like a host is one, each e-mail address in
// the subject counts, and hosts of URIs must be such that none reads another.
func Breaks(chain []ca.NameConstraints, subject ca.Subject, names []ca.Name) error {
	if len(chain) == 0 {
		return nil
	}
	for _, c := range chain {
		if err := c.Check(); err != nil {
			return ca.Refused(ca.E2113, "the name constraints of the issuing chain cannot be read, so nothing is signed below it", "bring a certificate of the authority whose constraints can be read, or use another authority").
				Because(err.Error())
		}
	}
	for _, b := range bounds(subject, names) {
		for _, c := range chain {
			if err := b.keeps(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// bounds lists the names of a certificate.
func bounds(subject ca.Subject, names []ca.Name) []bound {
	list := make([]bound, 0, len(names)+2)
	for i, n := range names {
		list = append(list, bound{Name: n, field: fmt.Sprintf("names[%d]", i)})
	}
	if len(subject) > 0 { // an empty one is no name: RFC 5280 §6.1.3 (b)
		list = append(list, bound{Name: ca.Name{Type: ca.DirectoryName, Value: subject.String()}, subject: subject, field: "subject"})
	}
	for _, a := range subject {
		switch {
		case a.OID == ca.OIDEmail:
			list = append(list, bound{Name: ca.Name{Type: ca.Email, Value: a.Value}, field: "subject"})
		case a.OID == ca.OIDCommonName && looksLikeHost(a.Value):
			list = append(list, bound{Name: ca.Name{Type: ca.DNS, Value: a.Value}, field: "subject"})
		}
	}
	return list
}

// looksLikeHost tells whether old programs, and OpenSSL where there are no other
// DNS names, take a common name for a host: one word with a dot within.
func looksLikeHost(cn string) bool {
	other := func(r rune) bool {
		return r != '-' && r != '_' && r != '.' && r != '*' && (r >= utf8.RuneSelf || !unicode.IsLetter(r) && !unicode.IsDigit(r))
	}
	return strings.Contains(strings.Trim(cn, "."), ".") && !strings.ContainsFunc(cn, other)
}

// keeps refuses a name that is in no permitted subtree of its type, or in an
// excluded one.
func (b bound) keeps(c ca.NameConstraints) error {
	ofType := func(s ca.Subtree) bool { return s.Type == b.Type }
	limited := slices.ContainsFunc(c.Permitted, ofType)
	if !limited && !slices.ContainsFunc(c.Excluded, ofType) {
		if _, err := netip.ParseAddr(b.host()); b.Type == ca.URI && err == nil {
			return b.refused("has an address for a host, which crypto/x509 refuses below constraints of any type", c)
		}
		return nil
	}
	if fault := b.fault(); fault != "" {
		return b.refused(fault, c)
	}
	if limited && !slices.ContainsFunc(c.Permitted, func(s ca.Subtree) bool { return ofType(s) && b.within(s) }) {
		return b.refused("is in none of the permitted spaces", c)
	}
	for _, s := range c.Excluded {
		if ofType(s) && b.touches(s) {
			return b.refused("is in the excluded space "+s.String(), c)
		}
	}
	return nil
}

func (b bound) refused(what string, c ca.NameConstraints) error {
	texts := slices.DeleteFunc(c.Strings(), func(s string) bool {
		return !strings.HasPrefix(strings.TrimPrefix(s, "!"), string(b.Type)+":")
	})
	return ca.Refused(ca.E2114, fmt.Sprintf("the %s name %s %s", b.Type, ca.Show(b.Value), what), "ask for other names, or another authority's profile").
		Because("the issuing chain's name constraints of this type are " + list(texts)).At(b.field)
}

// fault says why a name cannot be compared, or "".
func (b bound) fault() string {
	if b.Type == ca.DirectoryName {
		return ""
	}
	if _, err := ca.NewName(b.Type, b.Value); err != nil {
		return "is malformed, and constraints cannot be applied to it"
	}
	if b.Type != ca.URI {
		return ""
	}
	// RFC 5280 §4.2.1.10: a URI under constraints has a host with a name. OpenSSL ends
	// the host at the first colon, else at the first slash, wherever they stand; what
	// it would read differently is refused.
	u, err := url.Parse(b.Value)
	if err != nil {
		return "is no URI"
	}
	host := u.Hostname()
	if n, err := ca.NewName(ca.DNS, host); err != nil || strings.HasPrefix(n.Value, "*") {
		return "has no host with a name, which constraints could be applied to"
	}
	_, rest, _ := strings.Cut(b.Value, "://")
	end := strings.IndexByte(rest, ':')
	if end < 0 {
		end = strings.IndexByte(rest, '/')
	}
	if end >= 0 {
		rest = rest[:end]
	}
	if rest != host {
		return "has a host that verifiers read differently"
	}
	return ""
}

// host is what a name's DNS-like comparison is about, in lower case.
func (b bound) host() string {
	switch b.Type {
	case ca.URI:
		if u, err := url.Parse(b.Value); err == nil {
			return strings.ToLower(u.Hostname())
		}
		return ""
	case ca.Email:
		_, host, _ := strings.Cut(b.Value, "@")
		return strings.ToLower(host)
	}
	return strings.ToLower(b.Value)
}

// within tells whether every verifier finds the name in the subtree.
func (b bound) within(s ca.Subtree) bool {
	host := b.host()
	switch b.Type {
	case ca.DNS:
		return s.Value == "" || host == s.Value || below(host, s.Value)
	case ca.IP:
		return inPrefix(b.Value, s.Value)
	case ca.Email:
		if local, of, whole := strings.Cut(s.Value, "@"); whole {
			return strings.HasPrefix(b.Value, local+"@") && host == of
		}
		fallthrough
	case ca.URI: // without a leading dot it is that host alone
		return host == s.Value || s.Value[0] == '.' && below(host, s.Value)
	}
	return begins(b.subject, s.Name, foldASCII)
}

// touches tells whether any verifier could find the name, or one that it stands
// for, in the subtree.
func (b bound) touches(s ca.Subtree) bool {
	if b.within(s) {
		return true
	}
	switch b.Type {
	case ca.DNS:
		host, wild := strings.CutPrefix(b.host(), "*.")
		space := strings.TrimPrefix(s.Value, ".") // some take it for the name itself too
		return host == space || below(host, space) || wild && below(space, host)
	case ca.Email:
		if local, of, whole := strings.Cut(s.Value, "@"); whole {
			mine, _, _ := strings.Cut(b.Value, "@")
			return b.host() == of && strings.EqualFold(local, mine)
		}
		fallthrough
	case ca.URI: // crypto/x509 takes a host for what is below it too
		return s.Value[0] != '.' && below(b.host(), s.Value)
	}
	return b.Type == ca.DirectoryName && begins(b.subject, s.Name, foldAll)
}

// below tells whether a host has more labels in front of a space, which may begin
// with a dot.
func below(host, space string) bool {
	return strings.HasSuffix(host, "."+strings.TrimPrefix(space, "."))
}

func inPrefix(address, prefix string) bool {
	a, err1 := netip.ParseAddr(address)
	p, err2 := netip.ParsePrefix(prefix)
	return err1 == nil && err2 == nil && p.Contains(a)
}

// begins tells whether a subject's first fields are the space's, their values
// compared after folding.
func begins(subject, space ca.Subject, fold func(string) string) bool {
	if len(subject) < len(space) {
		return false
	}
	for i, a := range space {
		if subject[i].OID != a.OID || fold(subject[i].Value) != fold(a.Value) {
			return false
		}
	}
	return true
}

// foldASCII makes equal what every verifier takes for equal: letters of ASCII in
// either case, spaces at the ends, several for one.
func foldASCII(s string) string {
	return strings.Join(strings.FieldsFunc(strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s), func(r rune) bool { return r == ' ' }), " ")
}

// foldAll makes equal what RFC 5280 §7.1 does in the main: letters of every
// alphabet in either case, all kinds of space, and characters that are not seen
// left out. Of its compatibility forms, no verifier we know makes any equal.
func foldAll(s string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cf, unicode.Variation_Selector) || r == '\u034f' {
			return -1
		}
		least := r // the smallest of the letters that are one but for their case
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, s)), " ")
}
