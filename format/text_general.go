// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// The forms of a GeneralName, by their context tags (RFC 5280 §4.2.1.6).
const (
	nameOther = iota
	nameEmail
	nameDNS
	nameX400
	nameDirectory
	nameEDI
	nameURI
	nameIP
	nameRegistered
)

// A generalName is one name of any form.
type generalName struct {
	form   uint8
	octets []byte
	// directory is the name of form 4.
	directory []attribute
	// oid is the identifier of form 8, and the type of form 0.
	oid string
	// other is the value of form 0.
	other element
}

// takeGeneralName reads the next name.
func takeGeneralName(in *cryptobyte.String) (n generalName, ok bool) {
	v, ok := takeAny(in)
	if !ok {
		return n, false
	}
	n = generalName{form: uint8(v.tag & 0x1f), octets: v.content}
	content := cryptobyte.String(v.content)
	switch v.tag {
	case implicit(nameEmail), implicit(nameDNS), implicit(nameURI), implicit(nameIP), explicit(nameX400):
		return n, true
	case explicit(nameEDI):
		// EDIPartyName: whose system it is, if that is said, and the party.
		_, _, ok1 := takeOptional(&content, explicit(0))
		_, ok2 := take(&content, explicit(1))
		return n, ok1 && ok2 && content.Empty()
	case implicit(nameRegistered):
		n.oid, ok = dotted(v.content)
		return n, ok
	case explicit(nameDirectory):
		n.directory, ok = takeName(&content)
		return n, ok && content.Empty()
	case explicit(nameOther):
		var ok1, ok2, ok3 bool
		n.oid, ok1 = takeOID(&content, asn1.OBJECT_IDENTIFIER)
		value, ok2 := take(&content, explicit(0))
		n.other, ok3 = takeAny(&value)
		return n, ok1 && ok2 && ok3 && content.Empty() && value.Empty()
	}
	return n, false
}

// readGeneralNames reads the content of a GeneralNames.
func readGeneralNames(in cryptobyte.String) (all []generalName, ok bool) {
	for !in.Empty() {
		n, ok := takeGeneralName(&in)
		if !ok {
			return nil, false
		}
		all = append(all, n)
	}
	return all, true
}

// address is an IP address in numbers, without shortening.
func address(b []byte) string {
	a, ok := netip.AddrFromSlice(b)
	switch {
	case !ok:
		return fmt.Sprintf("<invalid length=%d>", len(b))
	case a.Is4():
		return a.String()
	}
	parts := make([]string, 8)
	for i := range parts {
		parts[i] = fmt.Sprintf("%X", uint16(b[2*i])<<8|uint16(b[2*i+1]))
	}
	return strings.Join(parts, ":")
}

// knownOther is the types of other names whose values are text.
func knownOther(oid string) (label string, text asn1.Tag, ok bool) {
	switch oid {
	case "1.3.6.1.5.5.7.8.9":
		return "SmtpUTF8Mailbox", asn1.UTF8String, true
	case "1.3.6.1.5.5.7.8.5":
		return "XmppAddr", asn1.UTF8String, true
	case "1.3.6.1.5.5.7.8.7":
		return "SRVName", asn1.IA5String, true
	case "1.3.6.1.4.1.311.20.2.3":
		return "UPN", asn1.UTF8String, true
	case "1.3.6.1.5.5.7.8.8":
		return "NAIRealm", asn1.UTF8String, true
	}
	return "", 0, false
}

// inList is the name as subject alternative names show it: a label and a value.
// It fails where a NUL hides in text, as it does in the known attack on names; the
// whole list is then shown as octets.
func (n generalName) inList() (label, value string, ok bool) {
	switch n.form {
	case nameOther:
		return n.otherInList()
	case nameX400:
		return "X400Name", "<unsupported>", true
	case nameEDI:
		return "EdiPartyName", "<unsupported>", true
	case nameDirectory:
		return "DirName", oneLine(n.directory), true
	case nameIP:
		return "IP Address", address(n.octets), true
	case nameRegistered:
		return "Registered ID", longName(n.oid), true
	case nameEmail:
		label = "email"
	case nameDNS:
		label = "DNS"
	case nameURI:
		label = "URI"
	}
	return label, visible(n.octets), bytes.IndexByte(n.octets, 0) < 0
}

func (n generalName) otherInList() (label, value string, ok bool) {
	text := visible(n.other.content)
	clean := bytes.IndexByte(n.other.content, 0) < 0
	if name, tag, known := knownOther(n.oid); known {
		return "othername: " + name + ":", text, clean && n.other.tag == tag
	}
	label = "othername: " + longName(n.oid) + ":"
	if clean && (n.other.tag == asn1.IA5String || n.other.tag == asn1.UTF8String) {
		return label, text, true
	}
	return label, "<unsupported>", true
}

// String is the name as it stands by itself.
func (n generalName) String() string {
	switch n.form {
	case nameOther:
		if name, tag, known := knownOther(n.oid); known && tag == n.other.tag {
			return "othername:" + name + ":" + visible(n.other.content)
		}
		return "othername:<unsupported>"
	case nameEmail:
		return "email:" + dots(n.octets)
	case nameDNS:
		return "DNS:" + dots(n.octets)
	case nameURI:
		return "URI:" + dots(n.octets)
	case nameDirectory:
		return "DirName:" + distinguished(n.directory)
	}
	label, value, _ := n.inList()
	return label + ":" + value
}

// listed is names one by one, each after its label.
func listed(names []generalName) (values []string, ok bool) {
	for _, n := range names {
		label, value, ok := n.inList()
		if !ok {
			return nil, false
		}
		values = append(values, label+":"+value)
	}
	return values, true
}
