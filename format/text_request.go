// SPDX-License-Identifier: Apache-2.0

package format

import (
	"slices"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// The attributes that carry wished extensions: of RFC 2985 §5.4.2, and Microsoft's.
const (
	oidExtensionRequest   = "1.2.840.113549.1.9.14"
	oidMSExtensionRequest = "1.3.6.1.4.1.311.2.1.14"
)

// A requestAttribute is one of RFC 2986 §4.1.
type requestAttribute struct {
	oid    string
	values []element
}

func requestText(s signed) (string, bool) {
	in := s.content
	number, ok1 := takeInteger(&in, asn1.INTEGER)
	subject, ok2 := takeName(&in)
	key, ok3 := takePublicKey(&in)
	list, _, ok4 := takeOptional(&in, explicit(0))
	attributes, ok5 := readAttributes(list)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !in.Empty() {
		return "", false
	}
	var b strings.Builder
	b.WriteString("Certificate Request:\n    Data:\n" + version(number, 0))
	b.WriteString("        Subject: " + distinguished(subject) + "\n" + key.text())
	b.WriteString("        Attributes:\n" + attributesText(attributes) + wishesText(attributes))
	b.WriteString(signatureText(s.algorithm, s.signature))
	return b.String(), true
}

func readAttributes(in cryptobyte.String) (all []requestAttribute, ok bool) {
	for !in.Empty() {
		one, ok1 := take(&in, asn1.SEQUENCE)
		oid, ok2 := takeOID(&one, asn1.OBJECT_IDENTIFIER)
		set, ok3 := take(&one, asn1.SET)
		if !ok1 || !ok2 || !ok3 || !one.Empty() {
			return nil, false
		}
		a := requestAttribute{oid: oid}
		for !set.Empty() {
			v, ok := takeAny(&set)
			if !ok {
				return nil, false
			}
			a.values = append(a.values, v)
		}
		all = append(all, a)
	}
	return all, true
}

// carriesExtensions tells whether an attribute is shown with the extensions.
func (a requestAttribute) carriesExtensions() bool {
	return a.oid == oidExtensionRequest || a.oid == oidMSExtensionRequest
}

// attributesText is all attributes but the wished extensions.
func attributesText(all []requestAttribute) string {
	if len(all) == 0 {
		return spaces(12) + "(none)\n"
	}
	var b strings.Builder
	const column = 25 // where values begin, after the name
	for _, a := range all {
		if a.carriesExtensions() {
			continue
		}
		name := longName(a.oid)
		b.WriteString(spaces(12) + name)
		gap := column - len(name)
		for _, v := range a.values {
			b.WriteString(spaces(max(gap, 0)) + ":" + attributeText(v) + "\n")
			gap = column - min(gap, 0)
		}
		if len(a.values) == 0 {
			b.WriteString("\n")
		}
	}
	return b.String()
}

func attributeText(v element) string {
	switch v.tag {
	case asn1.PrintableString, asn1.T61String, tagNumeric, asn1.UTF8String, asn1.IA5String:
		return visible(v.content)
	}
	return "unable to print attribute"
}

// wishesText is the extensions that a request asks for. The title is there even if
// there are none. Those of Microsoft's attribute count only where the other is missing.
func wishesText(all []requestAttribute) string {
	title := spaces(12) + "Requested Extensions:\n"
	i := slices.IndexFunc(all, func(a requestAttribute) bool { return a.oid == oidExtensionRequest })
	if i < 0 {
		i = slices.IndexFunc(all, requestAttribute.carriesExtensions)
	}
	if i < 0 || len(all[i].values) == 0 {
		return title
	}
	first := all[i].values[0]
	value := cryptobyte.String(first.whole)
	list, ok1 := take(&value, asn1.SEQUENCE)
	extensions, ok2 := readExtensions(list)
	if !ok1 || !ok2 {
		return title + spaces(16) + dots(first.whole) + "\n"
	}
	for _, e := range extensions {
		title += e.text(16)
	}
	return title
}
