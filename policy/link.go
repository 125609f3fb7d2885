// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"time"

	"chancery/ca"
)

// A Link is one certificate of a chain of authorities, taken apart by whoever reads
// certificates. What could not be read stands in it as an error, so that the rule which
// needs it refuses, and no other.
type Link struct {
	// Certificate, Subject, Issuer and SPKI are DER as the certificate has it. They are
	// compared and handed on, and never read here.
	Certificate, Subject, Issuer, SPKI []byte
	Key                                ca.Digest
	// Title is the subject for messages, Signer the issuer.
	Title, Signer string
	// Called is the subject as names are compared.
	Called DN
	Serial []byte
	SKI    []byte
	// SignerKey and SignerSerial are its authority key identifier (RFC 5280 §4.2.1.1);
	// SignerUnread says that it cannot be read.
	SignerKey, SignerSerial []byte
	SignerUnread            bool
	NotBefore, NotAfter     time.Time
	// NoCA says what keeps it from being an authority's as we make them. AsCA tells
	// whether verifiers take it for one all the same.
	NoCA error
	AsCA bool
	// PathLen is the path length constraint, -1 if there is none.
	PathLen int
	// Lists tells whether it may sign revocation lists.
	Lists bool
	// Use are the extended key usages that have a name; AnyUse tells that it is bound to
	// none, and UseUnread that they are not to be taken.
	Use       []string
	AnyUse    bool
	UseUnread error
	// Constraints are its name constraints.
	Constraints       []ca.NameConstraints
	ConstraintsUnread error
	// Fields and Names are what constraints above are held against.
	Fields      ca.Subject
	Names       []ca.Name
	NamesUnread error
	// Unknown are critical extensions that no verifier knows.
	Unknown []string
	// List and Issuers are the addresses that it gives of its signer's list and certificate.
	List, Issuers string
	// Unsigned says that the key of the next link did not sign it, or its own that of the
	// last one. It is about the key alone, and holds for every certificate of that.
	Unsigned error
}

// self tells whether a certificate names itself as its signer.
func (l Link) self() bool { return bytes.Equal(l.Subject, l.Issuer) }

// A Standing is a generation that is here, with what its certificates say.
type Standing struct {
	ca.Authority
	// Link is the certificate in force, Others those before it and by others.
	Link   Link
	Others []Link
}

// A Hierarchy is every generation of an installation, by its name.
type Hierarchy map[string]Standing

// with is the hierarchy with one generation more, or changed.
func (h Hierarchy) with(s Standing) Hierarchy {
	next := make(Hierarchy, len(h)+1)
	for name, one := range h {
		next[name] = one
	}
	next[s.Name] = s
	return next
}

// withKey is the generation of a key.
func (h Hierarchy) withKey(key ca.Digest) (Standing, bool) {
	for _, s := range h {
		if s.Key == key {
			return s, true
		}
	}
	return Standing{}, false
}

// chain is a generation and all above it, up to its root, as far as they are known.
func (h Hierarchy) chain(s Standing) (up []Standing) {
	for up = []Standing{s}; s.Parent != s.Name && len(up) < ca.MaxChain; up = append(up, s) {
		parent, known := h[s.Parent]
		if !known {
			break
		}
		s = parent
	}
	return up
}

// fallen is worthless of a generation's chain.
func (h Hierarchy) fallen(s Standing) string {
	var up []ca.Authority
	for _, one := range h.chain(s) {
		up = append(up, one.Authority)
	}
	return worthless(up)
}

// links are the certificates in force of generations.
func links(all []Standing) []Link {
	out := make([]Link, len(all))
	for i, s := range all {
		out[i] = s.Link
	}
	return out
}
