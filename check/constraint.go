// SPDX-License-Identifier: Apache-2.0

package check

import (
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"strings"

	"chancery/ca"
)

// tagDirectory is GeneralName's directoryName, explicit as a CHOICE's must be.
const tagDirectory = tagWrapped0 + 4

// A base is a GeneralName that a name constraint is about: tag and content.
type base struct {
	tag     byte
	content []byte
}

// nameConstraints takes the extension apart (RFC 5280 §4.2.1.10): lists that are
// there are not empty, one is, minimum is its default and therefore left out, and
// there is no maximum.
func nameConstraints(value []byte) (permitted, excluded []base, err error) {
	body, err := peel(value, tagSequence)
	if err != nil {
		return nil, nil, err
	}
	r := reader{body}
	for i, to := range []*[]base{&permitted, &excluded} {
		if tag := byte(tagWrapped0 + i); r.at(tag) {
			list, err := r.content(tag)
			if err == nil {
				*to, err = bases(list)
			}
			if err != nil {
				return nil, nil, err
			}
		}
	}
	if len(permitted)+len(excluded) == 0 {
		return nil, nil, errors.New("it constrains nothing")
	}
	return permitted, excluded, r.end()
}

func bases(list []byte) ([]base, error) {
	var out []base
	for r := (reader{list}); len(r.rest) > 0; {
		if len(out) == ca.MaxSubtrees {
			return nil, fmt.Errorf("there are more than %d subtrees", ca.MaxSubtrees)
		}
		subtree, err := r.content(tagSequence)
		if err != nil {
			return nil, err
		}
		if len(subtree) == 0 {
			return nil, errors.New("a subtree is empty")
		}
		in := reader{subtree}
		b := base{tag: subtree[0]}
		if b.content, err = in.content(b.tag); err != nil {
			return nil, err
		}
		if err := in.end(); err != nil {
			return nil, fmt.Errorf("a subtree has more than its base: %w", err)
		}
		out = append(out, b)
	}
	if len(out) == 0 {
		return nil, errors.New("a list of subtrees is empty")
	}
	return out, nil
}

// nameConstraintsAre compares the extension with what it must say, octet for octet
// and in order.
func nameConstraintsAre(want ca.NameConstraints) func([]byte) error {
	return func(value []byte) error {
		permitted, excluded, err := nameConstraints(value)
		if err != nil {
			return err
		}
		for _, list := range []struct {
			got  []base
			want []ca.Subtree
		}{{permitted, want.Permitted}, {excluded, want.Excluded}} {
			if len(list.got) != len(list.want) {
				return fmt.Errorf("a list has %d subtrees, not %d", len(list.got), len(list.want))
			}
			for i, b := range list.got {
				if err := b.is(list.want[i]); err != nil {
					return fmt.Errorf("subtree %s: %w", list.want[i], err)
				}
			}
		}
		return nil
	}
}

// is compares a base with the subtree it must be.
func (b base) is(want ca.Subtree) error {
	t, known := b.nameType()
	if !known || t != want.Type {
		return fmt.Errorf("tag 0x%02x stands for another type", b.tag)
	}
	switch t {
	case ca.DirectoryName:
		if want.Value != "" {
			return errors.New("a directory name has another value beside")
		}
		return subjectIs(b.content, want.Name)
	case ca.IP:
		p, err := prefix(b.content)
		if err != nil {
			return err
		}
		if p.String() != want.Value || p != p.Masked() {
			return fmt.Errorf("it is %s", p)
		}
		return nil
	}
	hidden := func(r rune) bool { return r < 0x21 || r > 0x7e }
	if string(b.content) != want.Value || len(want.Name) > 0 || strings.ContainsFunc(want.Value, hidden) {
		return fmt.Errorf("it is %q", b.content)
	}
	return nil
}

// nameType is the type that the tag stands for.
func (b base) nameType() (ca.NameType, bool) {
	t, ok := map[byte]ca.NameType{tagEmail: ca.Email, tagDNS: ca.DNS, tagURI: ca.URI, tagIP: ca.IP, tagDirectory: ca.DirectoryName}[b.tag]
	return t, ok
}

// prefix reads address and mask, whose ones must be together (RFC 4632 §5.1).
func prefix(octets []byte) (netip.Prefix, error) {
	half := len(octets) / 2
	if len(octets) != 8 && len(octets) != 32 {
		return netip.Prefix{}, fmt.Errorf("an address with mask has 8 or 32 octets, not %d", len(octets))
	}
	ones, ended := 0, false
	for _, m := range octets[half:] {
		n := bits.LeadingZeros8(^m)
		if m<<n != 0 || ended && m != 0 {
			return netip.Prefix{}, errors.New("the ones of a mask are not together")
		}
		ones, ended = ones+n, ended || n < 8
	}
	a, _ := netip.AddrFromSlice(octets[:half])
	return netip.PrefixFrom(a, ones), nil
}

// Constraints reads the name constraints of CA certificates in DER, in the order
// given; those without any are passed over. What policy.Breaks takes are those of
// an authority's certificate and of all above it. A constraint that is malformed
// or of a type without rules is an error: whoever cannot read it must refuse all
// that is below (RFC 5280 §4.2.1.10). Letters of hosts become small, and bits
// beyond a prefix zero, as verifiers take them.
func Constraints(certificates ...[]byte) ([]ca.NameConstraints, error) {
	var out []ca.NameConstraints
	for _, der := range certificates {
		c, err := open(der)
		if err != nil {
			return nil, fmt.Errorf("read name constraints: %w", err)
		}
		e := c.find(oidNameConstraints)
		if e == nil {
			continue
		}
		n, err := constraintsOf(e.value)
		if err != nil {
			return nil, fmt.Errorf("read name constraints: %w", err)
		}
		out = append(out, n)
	}
	return out, nil
}

func constraintsOf(value []byte) (n ca.NameConstraints, err error) {
	permitted, excluded, err := nameConstraints(value)
	if err != nil {
		return n, err
	}
	for _, list := range []struct {
		from []base
		to   *[]ca.Subtree
	}{{permitted, &n.Permitted}, {excluded, &n.Excluded}} {
		for _, b := range list.from {
			s, err := b.subtree()
			if err != nil {
				return n, err
			}
			*list.to = append(*list.to, s)
		}
	}
	return n, n.Check()
}

// subtree is the base in canonical form.
func (b base) subtree() (s ca.Subtree, err error) {
	t, known := b.nameType()
	if !known {
		return s, fmt.Errorf("there are no rules for constraints of tag 0x%02x", b.tag)
	}
	text := string(b.content)
	switch t {
	case ca.DirectoryName:
		name, err := readName(b.content)
		return ca.Subtree{Type: t, Name: untyped(name)}, err
	case ca.IP:
		p, err := prefix(b.content)
		if err != nil {
			return s, err
		}
		text = p.Masked().String()
	}
	s, problem := ca.NewSubtree(t, text)
	if problem != nil {
		return s, problem
	}
	return s, nil
}

// readName reads a distinguished name whose fields stand alone, as text of the
// string types that can be compared (RFC 5280 §7.1).
func readName(der []byte) (ca.Subject, error) {
	list, err := peel(der, tagSequence)
	if err != nil {
		return nil, err
	}
	var s ca.Subject
	for r := (reader{list}); len(r.rest) > 0; {
		set, err := r.content(tagSet)
		if err != nil {
			return nil, err
		}
		pair, err := peel(set, tagSequence)
		if err != nil {
			return nil, fmt.Errorf("fields of a name that do not stand alone: %w", err)
		}
		in := reader{pair}
		oid, err := in.content(tagOID)
		if err != nil {
			return nil, err
		}
		var tag byte
		for _, t := range []byte{tagUTF8String, tagPrintableString, tagIA5String} {
			if in.at(t) {
				tag = t
			}
		}
		value, err := in.content(tag)
		if err != nil {
			return nil, fmt.Errorf("a string that cannot be compared: %w", err)
		}
		text, ok := dotted(nil, oid)
		if !ok || !fits(tag, value) {
			return nil, errors.New("a field of a name is malformed")
		}
		s = append(s, ca.Attribute{OID: string(text), Value: string(value), Type: ca.StringType(tag)})
		if err := in.end(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// untyped is a name as it is compared: string types do not count.
func untyped(s ca.Subject) ca.Subject {
	for i := range s {
		s[i].Type = 0
	}
	return s
}

// policiesAre demands these certificate policies and no qualifier but the address
// of a practice statement.
func policiesAre(want []ca.CertPolicy) func([]byte) error {
	return func(value []byte) error {
		list, err := peel(value, tagSequence)
		if err != nil {
			return err
		}
		r := reader{list}
		for _, p := range want {
			body, err := r.content(tagSequence)
			if err != nil {
				return err
			}
			in := reader{body}
			oid, err := in.content(tagOID)
			if err != nil {
				return err
			}
			if !oidIs(oid, p.OID) {
				return fmt.Errorf("it is not policy %s", p.OID)
			}
			if p.CPS != "" {
				if err := practiceIs(&in, p.CPS); err != nil {
					return fmt.Errorf("policy %s: %w", p.OID, err)
				}
			}
			if err := in.end(); err != nil {
				return err
			}
		}
		return r.end()
	}
}

func practiceIs(in *reader, address string) error {
	got, err := practice(in)
	if err == nil && got != address {
		err = errors.New("its practice statement is elsewhere")
	}
	return err
}
