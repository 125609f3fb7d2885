// SPDX-License-Identifier: Apache-2.0

package check

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"chancery/ca"
)

// printable are the characters of a PrintableString beside letters and digits
// (X.680 §41.4).
const printable = " '()+,-./:=?"

// subjectIs compares a Name in DER with the subject, field by field and in order:
// identifier, string type and value.
func subjectIs(der []byte, want ca.Subject) error {
	list, err := peel(der, tagSequence)
	if err != nil {
		return err
	}
	r := reader{list}
	for i, a := range want {
		set, err := r.content(tagSet)
		if err != nil {
			return fmt.Errorf("field %d: %w", i+1, err)
		}
		pair, err := peel(set, tagSequence)
		if err != nil {
			return fmt.Errorf("field %d: %w", i+1, err)
		}
		if err := attributeIs(pair, a); err != nil {
			return fmt.Errorf("field %d: %w", i+1, err)
		}
	}
	return r.end()
}

func attributeIs(pair []byte, want ca.Attribute) error {
	r := reader{pair}
	oid, err := r.content(tagOID)
	if err != nil {
		return err
	}
	if !oidIs(oid, want.OID) {
		return fmt.Errorf("its type is not %s", want.OID)
	}
	tag := stringTag(want)
	value, err := r.content(tag)
	if err != nil {
		return err
	}
	if string(value) != want.Value {
		return fmt.Errorf("its value is not %q", want.Value)
	}
	if !fits(tag, value) || len(value) > 255 || utf8.RuneCount(value) > longest(want.OID) {
		return errors.New("its value is empty, too long, or not of its string type")
	}
	if want.OID == ca.OIDCountry && len(value) != 2 {
		return errors.New("a country has two letters")
	}
	return r.end()
}

// stringTag is the string type a field must have: by its definition (RFC 5280
// appendix A), else as the draft says, else the plainest that holds it.
func stringTag(a ca.Attribute) byte {
	switch {
	case a.OID == ca.OIDCountry || a.OID == ca.OIDSerialNumber:
		return tagPrintableString
	case a.OID == ca.OIDDomain || a.OID == ca.OIDEmail:
		return tagIA5String
	case a.Type != 0:
		return byte(a.Type)
	case fits(tagPrintableString, []byte(a.Value)):
		return tagPrintableString
	}
	return tagUTF8String
}

// fits tells whether a value is not empty, of its type's characters and free of
// control characters.
func fits(tag byte, value []byte) bool {
	if len(value) == 0 || !utf8.Valid(value) {
		return false
	}
	for _, r := range string(value) {
		letter := r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r))
		switch tag {
		case tagPrintableString:
			if !letter && !strings.ContainsRune(printable, r) {
				return false
			}
		case tagIA5String:
			if r >= utf8.RuneSelf || unicode.IsControl(r) {
				return false
			}
		case tagUTF8String:
			if unicode.IsControl(r) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// longest is the upper bound of a field in characters (RFC 5280 appendix A.1).
func longest(oid string) int {
	switch oid {
	case ca.OIDCommonName, ca.OIDSerialNumber, ca.OIDOrganization, ca.OIDUnit, ca.OIDTitle, ca.OIDSurname, ca.OIDGivenName:
		return 64
	case ca.OIDLocality, ca.OIDState:
		return 128
	}
	return 255
}

// subjectWithin holds the subject of a draft against the profile's rules: no field that
// has none, none that is dropped, all that are due, in order.
func subjectWithin(d *ca.Draft, rules ca.SubjectRules, a *ca.Authority) error {
	fields := [...]struct{ oid, rule string }{
		{ca.OIDDomain, rules.Domain}, {ca.OIDCountry, rules.Country}, {ca.OIDState, rules.State}, {ca.OIDLocality, rules.Locality},
		{ca.OIDOrganization, rules.Organization}, {ca.OIDUnit, rules.Unit}, {ca.OIDTitle, rules.Title}, {ca.OIDSurname, rules.Surname},
		{ca.OIDGivenName, rules.GivenName}, {ca.OIDSerialNumber, rules.SerialNumber}, {ca.OIDUserID, rules.UserID},
		{ca.OIDCommonName, rules.CommonName},
	}
	known, last := 0, 0
	for _, f := range fields {
		n := 0
		fixed, isFixed := strings.CutPrefix(f.rule, "fixed:")
		for i, one := range d.Subject {
			if one.OID != f.oid {
				continue
			}
			if !rules.Preserve && i < last {
				return fmt.Errorf("%s stands out of order", f.oid)
			}
			last = i
			if n++; isFixed && one.Value != fixed {
				return fmt.Errorf("the profile fixes %s to another value", f.oid)
			}
		}
		switch {
		case n > 0 && (f.rule == "" || f.rule == "drop"):
			return fmt.Errorf("the profile drops %s", f.oid)
		case n == 0 && (f.rule == "supplied" || f.rule == "match" || isFixed):
			return fmt.Errorf("the profile wants %s", f.oid)
		case n > 1 && f.oid != ca.OIDUnit && f.oid != ca.OIDDomain:
			return fmt.Errorf("it has %s more than once", f.oid)
		}
		if f.rule == "match" {
			if err := matches(d.Subject, f.oid, a); err != nil {
				return err
			}
		}
		known += n
	}
	for i, one := range d.Subject {
		if one.OID != ca.OIDEmail || rules.Email != "copy" || !slices.Contains(d.Names, ca.Name{Type: ca.Email, Value: one.Value}) {
			continue
		}
		if known++; !rules.Preserve && i < last {
			return errors.New("an e-mail address stands out of order")
		}
	}
	if known != len(d.Subject) {
		return errors.New("it has a field that the profile does not name")
	}
	return nil
}

// matches demands the values that the authority's own name has.
func matches(s ca.Subject, oid string, a *ca.Authority) error {
	name, err := readName(a.Subject)
	if err != nil {
		return fmt.Errorf("the authority's name: %w", err)
	}
	of := func(s ca.Subject) (values []string) {
		for _, one := range s {
			if one.OID == oid {
				values = append(values, one.Value)
			}
		}
		return values
	}
	if !slices.Equal(of(s), of(name)) {
		return fmt.Errorf("%s is not that of the authority", oid)
	}
	return nil
}
