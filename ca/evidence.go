// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"slices"
	"strings"
	"time"
)

// Evidence proves that a certificate is somebody's who has no account here, or does not use
// it. The signer judges it itself, so that nobody in between can make it up, and it stays on
// the log with what it led to. Exactly one of Key and Challenge is set.
type Evidence struct {
	// Of is the certificate that it is about: the one that is revoked or, where its key is
	// declared compromised, another of the same key (security rule RV-03).
	Of ID `json:"of"`
	// Key is by the holder of the certificate's key.
	Key *KeyProof `json:"key,omitempty"`
	// Challenge is what Challenge.Derive makes of the challenge password.
	Challenge []byte `json:"challenge,omitempty"`
}

// By is how the log names who brought evidence about the certificate with a public name: by
// what he has, since nobody knows who he is.
func (e Evidence) By(certificate string) string {
	if e.Key != nil {
		return keyHolder + certificate
	}
	return challengeHolder + certificate
}

const (
	keyHolder       = "key of "
	challengeHolder = "challenge of "
)

// ClaimsEvidence tells whether a name on the log is one that only evidence may give.
func ClaimsEvidence(by string) bool {
	return strings.HasPrefix(by, keyHolder) || strings.HasPrefix(by, challengeHolder)
}

// A KeyProof is a Statement that the certificate's own key has signed.
type KeyProof struct {
	// Statement is the exact text.
	Statement string `json:"statement"`
	// Algorithm is one of StatementAlgorithms, Signature of the form that it has there.
	Algorithm string `json:"algorithm"`
	Signature []byte `json:"signature"`
	// SPKI is the public key, a SubjectPublicKeyInfo in DER. It is taken from the
	// certificate, never from whoever brings the proof.
	SPKI []byte `json:"spki"`
}

// A Withdrawn is how a certificate stands after its owner revoked it without an account: no
// more than a list says of it.
type Withdrawn struct {
	// Certificate is the public name.
	Certificate string   `json:"certificate"`
	Revoked     *Revoked `json:"revoked,omitempty"`
	// AlsoUnnamed is how many other certificates of a compromised key were revoked with it.
	AlsoUnnamed int `json:"also_revoked_unnamed,omitempty"`
}

// StatementAlgorithms are how a Statement can be signed: RSA by PKCS #1 v1.5 or PSS
// (RFC 8017), ECDSA as a SEQUENCE of r and s in DER (RFC 3279 §2.2.3), Ed25519 over the text
// itself (RFC 8032).
func StatementAlgorithms() []string {
	return []string{"rsa-sha256", "rsa-sha384", "rsa-sha512", "rsa-pss-sha256", "rsa-pss-sha384", "rsa-pss-sha512", "ecdsa-sha256", "ecdsa-sha384", "ecdsa-sha512", "ed25519"}
}

// OwnerReasons are the reasons that an owner may give who proves it by key or password: what
// he knows of himself and of his key. A hold is not among them, nor the way back from one:
// a statement about either that was kept could be sent a second time and mean something
// else then. All others change nothing when they come again.
func OwnerReasons() []Reason {
	return []Reason{Unspecified, KeyCompromise, AffiliationChanged, Superseded, CessationOfOperation}
}

// Owners tells whether the reason is one of OwnerReasons.
func (r Reason) Owners() bool { return slices.Contains(OwnerReasons(), r) }

// A Statement is what the holder of a certificate's key signs to revoke it. Each has one
// text, and each text is one statement:
//
//	chancery revoke v1
//	certificate issuing-g1-41000165f2…
//	reason keyCompromise
//	invalid-since 2027-01-30T08:00:00Z
//	until 2027-01-31T12:00:00Z
//
// Every line ends in a line feed, the last one too. The first line is the domain: no
// other thing that is signed begins like that. The public name stands for issuer and serial
// number, whose 96 random bits no other installation has given; the name of the log is not
// in it, so that a statement outlives a restore.
type Statement struct {
	// Certificate is the public name.
	Certificate string
	// Reason is one of OwnerReasons.
	Reason Reason
	// InvalidSince is that of Withdrawal; zero is the word "unknown".
	InvalidSince time.Time
	// Until is the last second in which it may be used, whole seconds. It may lie years
	// ahead: who keeps a signed statement in a safe needs the key no more to revoke.
	Until time.Time
}

const (
	statementHead = "chancery revoke v1"
	unknownDate   = "unknown"
	// maxStatement bounds the text, in octets: the longest public name leaves it room.
	maxStatement = 512
)

// String is the text that is signed.
func (s Statement) String() string {
	since := unknownDate
	if !s.InvalidSince.IsZero() {
		since = s.InvalidSince.UTC().Format(time.RFC3339)
	}
	return statementHead + "\ncertificate " + s.Certificate + "\nreason " + s.Reason.String() + "\ninvalid-since " + since + "\nuntil " + s.Until.UTC().Format(time.RFC3339) + "\n"
}

// ParseStatement reads a text, which must be what String gives of the result to the last
// octet. It does not judge whether there is such a certificate. The Problem is E1401.
func ParseStatement(text string) (Statement, error) {
	bad := func(what string) (Statement, error) {
		return Statement{}, Invalid(E1401, "the statement cannot be read: "+what, "write its five lines as docs/revocation.md shows them").At("statement")
	}
	lines := strings.Split(text, "\n")
	if len(text) > maxStatement || len(lines) != 6 || lines[0] != statementHead {
		return bad("it has not the five lines of one, or not its first")
	}
	var values [4]string
	for i, word := range []string{"certificate", "reason", "invalid-since", "until"} {
		var ok bool
		if values[i], ok = strings.CutPrefix(lines[i+1], word+" "); !ok {
			return bad("line " + string(rune('2'+i)) + " does not begin with " + word)
		}
	}
	s := Statement{Certificate: values[0]}
	var err error
	if _, _, err = ParsePublicName(s.Certificate); err != nil {
		return bad("the certificate is not named as issuing-g1-41…, by authority and serial number")
	}
	if s.Reason, err = ParseReason(values[1]); err != nil {
		return bad("the reason is none")
	}
	if values[2] != unknownDate {
		if s.InvalidSince, err = time.Parse(time.RFC3339, values[2]); err != nil {
			return bad("invalid-since is neither unknown nor such as 2027-01-30T08:00:00Z")
		}
	}
	if s.Until, err = time.Parse(time.RFC3339, values[3]); err != nil {
		return bad("until is not such as 2027-01-31T12:00:00Z")
	}
	if s.String() != text {
		return bad("it is written in another way than it is signed in")
	}
	return s, nil
}

// ParsePublicName takes the public name of a certificate apart, which is written in one
// way. The Problem is E2101.
func ParsePublicName(name string) (authority string, serial Serial, err error) {
	at := strings.LastIndexByte(name, '-')
	none := NotFound(E2101, Show(name)+" is not the public name of a certificate", "such as issuing-g1-41…: chancery list -o json")
	if at < 1 || !PlainText(name[:at]) {
		return "", "", none
	}
	if serial, err = ParseSerial(name[at+1:]); err != nil || string(serial) != name[at+1:] {
		return "", "", none
	}
	return name[:at], serial, nil
}
