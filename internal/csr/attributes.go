// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"chancery/ca"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

const (
	// MaxNames is the ceiling of names in one certificate (security rule PF-01).
	// Reading stops at the first name above it, before anything is stored.
	MaxNames = 100
	// maxAttributes and maxExtensions bound what a request may carry beside its
	// key; honest requests have four of each.
	maxAttributes = 32
	maxExtensions = 32
	// maxPurposes bounds the extended key usages asked for.
	maxPurposes = 32
)

// Object identifiers of attributes (RFC 2985 §5.4), extensions (RFC 5280 §4.2.1)
// and key purposes, as content octets.
const (
	oidExtensionRequest = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e"
	oidChallenge        = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07"
	oidUnstructuredName = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x02"
	oidSKI              = "\x55\x1d\x0e"
	oidKeyUsage         = "\x55\x1d\x0f"
	oidSAN              = "\x55\x1d\x11"
	oidBasic            = "\x55\x1d\x13"
	oidEKU              = "\x55\x1d\x25"
	oidAnyEKU           = "\x55\x1d\x25\x00"
)

// forbidden is E2205: a wish no profile grants.
func forbidden(detail, fix string) *ca.Problem { return ca.Refused(ca.E2205, detail, fix) }

// malformed is E2205 for an extension that cannot be read.
func malformed(what string) *ca.Problem {
	return ca.Invalid(ca.E2205, "the request's "+what+" cannot be read", "make the request again without it")
}

// readAttributes takes the extension request apart and notes the rest.
func (p *Parsed) readAttributes(set cryptobyte.String) error {
	var seen []string
	for !set.Empty() {
		attribute, ok1 := child(&set, asn1.SEQUENCE)
		id, ok2 := oid(&attribute)
		values, ok3 := child(&attribute, asn1.SET)
		if !ok1 || !ok2 || !ok3 || !attribute.Empty() || values.Empty() {
			return malformed("list of attributes")
		}
		if len(seen) == maxAttributes || slices.Contains(seen, id) {
			return ca.Invalid(ca.E2205, "the request has too many attributes, or one of them twice", "make the request again")
		}
		seen = append(seen, id)
		switch id {
		case oidExtensionRequest:
			list, ok := child(&values, asn1.SEQUENCE)
			if !ok || !values.Empty() {
				return malformed("list of extensions")
			}
			if err := p.readExtensions(list); err != nil {
				return err
			}
		case oidChallenge:
			var err error
			if p.Challenge, err = challenge(values); err != nil {
				return err
			}
		case oidUnstructuredName:
			p.Dropped = append(p.Dropped, "attribute unstructured name")
		default:
			p.Dropped = append(p.Dropped, "attribute "+dotted(id))
		}
	}
	return nil
}

// readExtensions takes the alternative names and refuses what makes a CA.
func (p *Parsed) readExtensions(list cryptobyte.String) error {
	var seen []string
	for !list.Empty() {
		extension, ok1 := child(&list, asn1.SEQUENCE)
		id, ok2 := oid(&extension)
		var flag cryptobyte.String
		critical := false
		ok3 := extension.ReadOptionalASN1(&flag, &critical, asn1.BOOLEAN)
		value, ok4 := child(&extension, asn1.OCTET_STRING)
		if !ok1 || !ok2 || !ok3 || !ok4 || !extension.Empty() {
			return malformed("list of extensions")
		}
		if len(seen) == maxExtensions {
			return ca.Invalid(ca.E2205, fmt.Sprintf("the request has more than %d extensions", maxExtensions), "make the request again")
		}
		if slices.Contains(seen, id) {
			return ca.Invalid(ca.E2205, "the request has the extension "+dotted(id)+" twice", "make the request again")
		}
		seen = append(seen, id)
		critical = critical && flag[0] != 0 // FALSE written out is still its default
		if err := p.readExtension(id, critical, value); err != nil {
			return err
		}
	}
	return nil
}

// readExtension judges one. What it does not know it passes on as it is, if it is DER:
// a profile may take it (security rule SG-01).
func (p *Parsed) readExtension(id string, critical bool, value cryptobyte.String) error {
	switch id {
	case oidSAN:
		return p.readNames(value)
	case oidBasic:
		return faultOfBasic(value)
	case oidKeyUsage:
		return p.readUsage(value)
	case oidEKU:
		return p.readPurposes(value)
	case oidSKI:
		p.Dropped = append(p.Dropped, "subject key identifier")
	default:
		if len(value) == 0 || canonical(value, 0) != nil {
			p.Dropped = append(p.Dropped, "extension "+dotted(id)+", which is not in DER")
			return nil
		}
		p.Extensions = append(p.Extensions, ca.Extension{OID: dotted(id), Critical: critical, Value: value})
	}
	return nil
}

// ownUse is the hint for who wants a CA certificate.
const ownUse = "a CA certificate is founded with `chancery init`; for any other, make the request again without this"

// faultOfBasic refuses CA:TRUE (RFC 5280 §4.2.1.9). CA:FALSE is every tool's
// default and not worth a word.
func faultOfBasic(value cryptobyte.String) error {
	if canonical(value, 0) != nil {
		return malformed("basic constraints")
	}
	body, ok := child(&value, asn1.SEQUENCE)
	flag, isCA := cryptobyte.String(nil), false
	if !ok || !value.Empty() || !body.ReadOptionalASN1(&flag, &isCA, asn1.BOOLEAN) {
		return malformed("basic constraints")
	}
	if isCA && flag[0] != 0 || !body.Empty() {
		return forbidden("the request asks for a CA certificate", ownUse)
	}
	return nil
}

// readUsage refuses keyCertSign and cRLSign, bits 5 and 6 of RFC 5280 §4.2.1.3, and
// notes the others: the profile decides.
func (p *Parsed) readUsage(value cryptobyte.String) error {
	if canonical(value, 0) != nil {
		return malformed("key usage")
	}
	bits, ok := child(&value, asn1.BIT_STRING)
	if !ok || !value.Empty() {
		return malformed("key usage")
	}
	if len(bits) > 1 && bits[1]&0x06 != 0 {
		return forbidden("the request asks for the key usage of an authority", ownUse)
	}
	for _, name := range ca.UsageBits() {
		at, _ := ca.UsageBit(name)
		if octet := 1 + at/8; octet < len(bits) && bits[octet]&(0x80>>(at%8)) != 0 {
			p.KeyUsage = append(p.KeyUsage, name)
		}
	}
	return nil
}

// readPurposes refuses anyExtendedKeyUsage (RFC 5280 §4.2.1.12) and notes the
// others: the profile decides.
func (p *Parsed) readPurposes(value cryptobyte.String) error {
	if canonical(value, 0) != nil {
		return malformed("extended key usage")
	}
	list, ok := child(&value, asn1.SEQUENCE)
	if !ok || !value.Empty() || list.Empty() {
		return malformed("extended key usage")
	}
	for !list.Empty() {
		id, ok := oid(&list)
		if !ok {
			return malformed("extended key usage")
		}
		if id == oidAnyEKU {
			return forbidden("the request asks for a certificate for any purpose", "make the request again without extended key usage; the profile sets it")
		}
		if len(p.Use) == maxPurposes {
			return malformed("extended key usage")
		}
		use := dotted(id)
		if name, known := ca.UseName(use); known {
			use = name
		}
		p.Use = append(p.Use, use)
	}
	return nil
}

// readNames reads the general names (RFC 5280 §4.2.1.6) in their order. Types
// nobody can validate are refused, not dropped (security rule PF-03).
func (p *Parsed) readNames(value cryptobyte.String) error {
	list, ok := child(&value, asn1.SEQUENCE)
	if !ok || !value.Empty() || list.Empty() {
		return malformed("list of alternative names")
	}
	if err := tooManyNames(list); err != nil {
		return err
	}
	p.Names = make([]ca.Name, 0, 4)
	var counts [8]int // by tag number, for messages
	for !list.Empty() {
		var body cryptobyte.String
		var tag asn1.Tag
		if !list.ReadAnyASN1(&body, &tag) {
			return malformed("list of alternative names")
		}
		kind, text, ok := generalName(tag, body)
		if !ok {
			return otherName(tag)
		}
		name, err := ca.NewName(kind, text)
		if err != nil {
			return at(err, fmt.Sprintf("%s[%d]", kind, counts[tag&7]))
		}
		counts[tag&7]++
		if !slices.Contains(p.Names, name) {
			p.Names = append(p.Names, name)
		}
	}
	return nil
}

// tooManyNames counts before anything is decoded.
func tooManyNames(list cryptobyte.String) error {
	for n := 0; !list.Empty(); n++ {
		if n == MaxNames {
			return ca.Refused(ca.E2109, fmt.Sprintf("the request has more than %d names", MaxNames), "split it into several requests")
		}
		var body cryptobyte.String
		var tag asn1.Tag
		if !list.ReadAnyASN1(&body, &tag) {
			return malformed("list of alternative names")
		}
	}
	return nil
}

// generalName gives the type and text of a name we know. IA5String is ASCII;
// ca.NewName refuses the rest.
func generalName(tag asn1.Tag, body cryptobyte.String) (ca.NameType, string, bool) {
	switch tag {
	case asn1.Tag(1).ContextSpecific():
		return ca.Email, string(body), true
	case asn1.Tag(2).ContextSpecific():
		return ca.DNS, string(body), true
	case asn1.Tag(6).ContextSpecific():
		return ca.URI, string(body), true
	case asn1.Tag(7).ContextSpecific():
		// Any other length than 4 or 16 becomes a text that is no address.
		a, _ := netip.AddrFromSlice(body)
		return ca.IP, a.String(), true
	}
	return "", "", false
}

// otherName refuses a type of name by its name.
func otherName(tag asn1.Tag) error {
	words := []string{"otherName", "", "", "x400Address", "directoryName", "ediPartyName", "", "", "registeredID"}
	word := "unknown"
	if n := int(tag & 0x1f); tag&0xc0 == 0x80 && n < len(words) && words[n] != "" {
		word = words[n]
	}
	return ca.Refused(ca.E2107, "the request asks for a name of type "+word+", which is not certified here", "ask for DNS, IP, e-mail or URI names").
		Because("a name of a type nobody validates is refused, not dropped (security rule PF-03)").At("san." + strings.ToLower(word))
}

// at names the field of a problem.
func at(err error, field string) error {
	if p, ok := err.(*ca.Problem); ok {
		return p.At(field)
	}
	return err
}
