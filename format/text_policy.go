// SPDX-License-Identifier: Apache-2.0

package format

import (
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// showPolicies is certificate policies with their qualifiers (RFC 5280 §4.2.1.4).
func showPolicies(value cryptobyte.String, pad string) (string, bool) {
	in, ok := take(&value, asn1.SEQUENCE)
	var policies []string
	for !in.Empty() {
		one, ok1 := take(&in, asn1.SEQUENCE)
		oid, ok2 := takeOID(&one, asn1.OBJECT_IDENTIFIER)
		if !ok1 || !ok2 {
			return "", false
		}
		text := pad + "Policy: " + longName(oid)
		if !one.Empty() {
			list, ok := take(&one, asn1.SEQUENCE)
			qualifiers, fine := qualifiers(list, pad+"  ")
			if !ok || !fine || !one.Empty() {
				return "", false
			}
			text += "\n" + qualifiers
		}
		policies = append(policies, text)
	}
	return strings.Join(policies, "\n"), ok
}

func qualifiers(in cryptobyte.String, pad string) (string, bool) {
	var all []string
	for !in.Empty() {
		one, ok1 := take(&in, asn1.SEQUENCE)
		oid, ok2 := takeOID(&one, asn1.OBJECT_IDENTIFIER)
		if !ok1 || !ok2 {
			return "", false
		}
		text, ok := "", true
		switch oid {
		case "1.3.6.1.5.5.7.2.1":
			var uri cryptobyte.String
			uri, ok = take(&one, asn1.IA5String)
			text = pad + "CPS: " + visible(uri)
		case "1.3.6.1.5.5.7.2.2":
			var content cryptobyte.String
			if content, ok = take(&one, asn1.SEQUENCE); ok {
				text, ok = notice(content, pad+"  ")
			}
			text = pad + "User Notice:\n" + text
		default:
			if !one.Empty() {
				_, ok = takeAny(&one)
			}
			text = pad + "  Unknown Qualifier: " + longName(oid)
		}
		if !ok || !one.Empty() {
			return "", false
		}
		all = append(all, text)
	}
	return strings.Join(all, "\n"), true
}

// notice is what a relying party should read.
func notice(in cryptobyte.String, pad string) (string, bool) {
	var parts []string
	if reference, there, ok := takeOptional(&in, asn1.SEQUENCE); !ok {
		return "", false
	} else if there {
		organization, ok1 := takeDisplayText(&reference)
		list, ok2 := take(&reference, asn1.SEQUENCE)
		if !ok1 || !ok2 || !reference.Empty() {
			return "", false
		}
		var numbers []string
		for !list.Empty() {
			n, ok := takeInteger(&list, asn1.INTEGER)
			if !ok {
				return "", false
			}
			numbers = append(numbers, number(n))
		}
		title := "Number: "
		if len(numbers) > 1 {
			title = "Numbers: "
		}
		parts = append(parts, pad+"Organization: "+organization+"\n"+pad+title+strings.Join(numbers, ", "))
	}
	if !in.Empty() {
		text, ok := takeDisplayText(&in)
		if !ok {
			return "", false
		}
		parts = append(parts, pad+"Explicit Text: "+text)
	}
	return strings.Join(parts, "\n"), in.Empty()
}

// takeDisplayText reads text of one of the four types that a notice may have.
func takeDisplayText(in *cryptobyte.String) (string, bool) {
	v, ok := takeAny(in)
	if !ok {
		return "", false
	}
	switch v.tag {
	case asn1.IA5String, asn1.UTF8String, tagVisible:
		return visible(v.content), true
	case tagBMP:
		octets, ok := wide(v.content, 2)
		return visible(octets), ok
	}
	return "", false
}

func showPolicyMappings(value cryptobyte.String, pad string) (string, bool) {
	in, ok := take(&value, asn1.SEQUENCE)
	var values []string
	for !in.Empty() {
		one, ok1 := take(&in, asn1.SEQUENCE)
		theirs, ok2 := takeOID(&one, asn1.OBJECT_IDENTIFIER)
		ours, ok3 := takeOID(&one, asn1.OBJECT_IDENTIFIER)
		if !ok1 || !ok2 || !ok3 || !one.Empty() {
			return "", false
		}
		values = append(values, listName(theirs)+":"+listName(ours))
	}
	text, some := inOneLine(values, pad)
	return text, ok && some
}

func showPolicyConstraints(value cryptobyte.String, pad string) (string, bool) {
	in, ok := take(&value, asn1.SEQUENCE)
	var values []string
	for n, title := range []string{"Require Explicit Policy", "Inhibit Policy Mapping"} {
		if tag := implicit(uint8(n)); in.PeekASN1Tag(tag) {
			skip, ok := takeInteger(&in, tag)
			if !ok {
				return "", false
			}
			values = append(values, title+":"+number(skip))
		}
	}
	text, some := inOneLine(values, pad)
	return text, ok && some && in.Empty()
}

// showNameConstraints is the subtrees that names must or must not be in (RFC 5280
// §4.2.1.10).
func showNameConstraints(value cryptobyte.String, pad string) (string, bool) {
	in, ok := take(&value, asn1.SEQUENCE)
	var parts []string
	for n, title := range []string{"Permitted", "Excluded"} {
		trees, there, ok := takeOptional(&in, explicit(uint8(n)))
		if !ok {
			return "", false
		}
		if !there {
			continue
		}
		text, ok := subtrees(trees, title, pad)
		if !ok {
			return "", false
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "\n"), ok && in.Empty()
}

func subtrees(in cryptobyte.String, title, pad string) (string, bool) {
	var all []string
	for !in.Empty() {
		tree, ok1 := take(&in, asn1.SEQUENCE)
		name, ok2 := takeGeneralName(&tree)
		_, _, ok3 := takeOptional(&tree, implicit(0))
		_, _, ok4 := takeOptional(&tree, implicit(1))
		if !ok1 || !ok2 || !ok3 || !ok4 || !tree.Empty() {
			return "", false
		}
		text := name.String()
		if name.form == nameIP {
			text = "IP:" + network(name.octets)
		}
		all = append(all, pad+"  "+text)
	}
	if len(all) == 0 {
		return "", true
	}
	return pad + title + ":\n" + strings.Join(all, "\n"), true
}

// network is an address and its mask.
func network(b []byte) string {
	first := len(b)
	if first >= 16 {
		first = 16
	} else if first >= 4 {
		first = 4
	}
	return address(b[:first]) + "/" + address(b[first:])
}
