// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"chancery/ca"
)

// A DN is a distinguished name as names are compared: each part has the fields that
// stand together in one set, mostly one. String types do not count.
type DN [][]ca.Attribute

// SameName tells whether verifiers may take two names for one (RFC 5280 §7.1): letters
// in either case, one space for several, whatever string type they were written in, and
// the fields of a part in any order. It makes more names equal than any verifier does,
// so that no two of them can be confused by one.
func SameName(a, b DN) bool {
	return slices.EqualFunc(a, b, func(a, b []ca.Attribute) bool { return slices.Equal(folded(a), folded(b)) })
}

// folded is a part of a name in the one form of all that are the same.
func folded(part []ca.Attribute) []ca.Attribute {
	out := make([]ca.Attribute, len(part))
	for i, a := range part {
		out[i] = ca.Attribute{OID: a.OID, Value: foldAll(a.Value)}
	}
	slices.SortFunc(out, func(a, b ca.Attribute) int { return cmp.Or(cmp.Compare(a.OID, b.OID), cmp.Compare(a.Value, b.Value)) })
	return out
}

// calledSo is the generation that has a name with another key than this one: verifiers,
// and whoever looks for a list, find an authority by its name (RFC 5280 §4.1.2.4), and
// one with the name of its signer would pass for a root.
func (h Hierarchy) calledSo(name DN, key ca.Digest) (Standing, bool) {
	for _, s := range h {
		if s.Key != key && SameName(s.Link.Called, name) {
			return s, true
		}
	}
	return Standing{}, false
}

// FreeName refuses the name of another authority for a new one, whatever its line. The
// Problem is E2601.
func (h Hierarchy) FreeName(name DN) error {
	if other, taken := h.calledSo(name, ca.Digest{}); taken {
		return unmakeable("the authority "+other.Name+" has this name", "choose another one: chancery ca create --subject O=Lab,CN=…").Because("whoever verifies finds an authority by its name")
	}
	return nil
}

// OwnName refuses an authority from elsewhere with the name of another one. The chain
// has its certificate first. The Problem is E2602.
func (h Hierarchy) OwnName(chain []Link) error {
	x := chain[0]
	if other, taken := h.calledSo(x.Called, x.Key); taken {
		return untakeable("the authority "+other.Name+" has the name "+x.Title+" with another key", "have it made again with a name of its own, such as one with a number")
	}
	for i, up := range chain[1:] {
		if slices.ContainsFunc(chain[:i+1], func(down Link) bool { return SameName(down.Called, up.Called) }) {
			return untakeable("two authorities of the chain have the name "+up.Title, "have the lower one made again with a name of its own")
		}
		if other, taken := h.calledSo(up.Called, up.Key); taken && !other.External {
			return untakeable("the authority "+other.Name+" has the name "+up.Title+" with another key", "bring an authority that is below another one")
		}
	}
	return nil
}

// FreeSerials refuses a certificate whose issuer and serial number are those of another
// one that is known: RFC 5280 §4.1.2.2 has them together name one certificate, and a
// list that revokes one would revoke both. The Problem is E2602.
func (h Hierarchy) FreeSerials(chain []Link) error {
	for _, s := range h {
		for _, old := range append([]Link{s.Link}, s.Others...) {
			for _, x := range chain {
				if bytes.Equal(x.Issuer, old.Issuer) && bytes.Equal(x.Serial, old.Serial) && !bytes.Equal(x.Certificate, old.Certificate) {
					return untakeable("the certificate of "+x.Title+" has the serial number "+fmt.Sprintf("%x", x.Serial)+" of another one of the same issuer, that of "+s.Name,
						"have it made again: a serial number names one certificate")
				}
			}
		}
	}
	return nil
}
