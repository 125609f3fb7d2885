// SPDX-License-Identifier: Apache-2.0

package check

import (
	"errors"
	"fmt"
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
	case ca.OIDCommonName, ca.OIDSerialNumber, ca.OIDOrganization, ca.OIDUnit:
		return 64
	case ca.OIDLocality, ca.OIDState:
		return 128
	}
	return 255
}

// subjectWithin holds the subject against the profile's rules: no field beside
// the six, none that is dropped, all that are due.
func subjectWithin(s ca.Subject, rules ca.SubjectRules) error {
	fields := []struct{ oid, rule string }{
		{ca.OIDCommonName, rules.CommonName}, {ca.OIDOrganization, rules.Organization}, {ca.OIDUnit, rules.Unit},
		{ca.OIDCountry, rules.Country}, {ca.OIDState, rules.State}, {ca.OIDLocality, rules.Locality},
	}
	known := 0
	for _, f := range fields {
		n, fixed, isFixed := 0, "", false
		fixed, isFixed = strings.CutPrefix(f.rule, "fixed:")
		for _, a := range s {
			if a.OID != f.oid {
				continue
			}
			if n++; isFixed && a.Value != fixed {
				return fmt.Errorf("the profile fixes %s to another value", f.oid)
			}
		}
		switch {
		case n > 0 && (f.rule == "" || f.rule == "drop"):
			return fmt.Errorf("the profile drops %s", f.oid)
		case n == 0 && (f.rule == "supplied" || isFixed):
			return fmt.Errorf("the profile wants %s", f.oid)
		}
		known += n
	}
	if known != len(s) {
		return errors.New("it has a field that no profile names")
	}
	return nil
}
