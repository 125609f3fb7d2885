// SPDX-License-Identifier: Apache-2.0

package ca

import "time"

// A Provenance is how a certificate came about and what became of it: who asked, which rule
// of which policy allowed what, which leaf of the log proves it, and all that happened since.
// What it says of the issuing is read from the log, not from rows of the book.
type Provenance struct {
	// Certificate is the row, without its DER.
	Certificate Certificate `json:"certificate"`
	Asked       Asking      `json:"asked"`
	Policy      PolicyAt    `json:"policy"`
	// Names are why each name was allowed, in the certificate's order, Rules the other rules
	// that decided.
	Names []NameGround `json:"names"`
	Rules []Decided    `json:"rules"`
	// Notices are what the requester was told: taken otherwise than asked for, or dropped.
	Notices  []string  `json:"notices"`
	Approval Approval  `json:"approval"`
	Proof    Proven    `json:"proof"`
	Events   []Happens `json:"events"`
	// Today is what the policy in force would make of the same request, Problem why it
	// would refuse it.
	Today   *Plan    `json:"today,omitempty"`
	Problem *Problem `json:"problem,omitempty"`
	// Unknown says in plain words what could not be found out, and why.
	Unknown []string `json:"unknown,omitempty"`
}

// An Asking is the request as it came in.
type Asking struct {
	Request RequestID `json:"request"`
	At      time.Time `json:"at"`
	// By is the account, Name how people know it or the credential that spoke for it,
	// Method how that was proven.
	By     string `json:"by"`
	Name   string `json:"name,omitempty"`
	Method string `json:"method,omitempty"`
	Door   Door   `json:"door"`
	// NotAfter is the end that was wished for, if one was; Line the line of authorities.
	NotAfter time.Time `json:"not_after,omitzero"`
	Line     string    `json:"line,omitempty"`
}

// A PolicyAt is the version of the policy that a certificate was issued under.
type PolicyAt struct {
	Profile string `json:"profile"`
	Digest  Digest `json:"digest"`
	// Document is the profile as it stood then.
	Document string `json:"document,omitempty"`
	// Version is that of the policy, Leaf where the log has it.
	Version int64 `json:"version,omitempty"`
	Leaf    int64 `json:"leaf,omitempty"`
	// Since is who put this version of the profile in force, and when.
	Since RuleSet `json:"since"`
	// InForce says that the profile is still that version.
	InForce bool `json:"in_force"`
}

// A RuleSet says who put a rule in force, and when.
type RuleSet struct {
	// By is the account whose policy key signed, At when the policy was made.
	By string    `json:"by,omitempty"`
	At time.Time `json:"at,omitzero"`
	// Version is that of the first policy that had the rule and all after it have, Leaf
	// where the log has it.
	Version int64 `json:"version,omitempty"`
	Leaf    int64 `json:"leaf,omitempty"`
	// Before says that the rule may be older: so far back nobody looked.
	Before bool `json:"or_before,omitempty"`
}

// A NameGround is why a name was allowed. Without the rules named here it would have been
// refused, and each pattern of one rule would have done alone.
type NameGround struct {
	Name Name `json:"name"`
	// From says where in the request it stood: "names", "subject.CN" or
	// "subject.emailAddress".
	From string `json:"from"`
	// Wildcard says that it is a wildcard, which rule names.wildcards allows.
	Wildcard bool `json:"wildcard,omitempty"`
	// Rule is the profile's key, such as names.dns, with those of its patterns that have
	// the name; Grants are the same of the requester's grants, where the profile wants one.
	Rule     NameRule   `json:"rule"`
	Grants   []NameRule `json:"grants,omitempty"`
	Subtrees []string   `json:"permitted,omitempty"` // of the issuing chain that have it
}

// A NameRule is patterns of one list that have a name.
type NameRule struct {
	// Key is the list, such as names.dns or grants.dns.
	Key      string   `json:"key"`
	Patterns []string `json:"patterns"`
	Set      RuleSet  `json:"set"`
}

// A Decided is a rule of the profile with what it came to.
type Decided struct {
	Rule  string `json:"rule"`
	Value string `json:"value"`
	// Came says in plain words what it made of the request.
	Came string `json:"came"`
}

// An Approval says whose second yes a request had.
type Approval struct {
	Needed bool `json:"needed"`
	// Why says why it was or was not needed.
	Why string `json:"why"`
}

// A Proven is the proof that a certificate's INTENT is on the log. It can be verified
// without us: Leaf is the exact bytes, Path the audit path of RFC 9162 §2.1.3, Checkpoint a
// signed note (c2sp.org/tlog-checkpoint) under Key, as in Proof.
type Proven struct {
	Log   uint16 `json:"log"`
	Index int64  `json:"index"`
	Leaf  []byte `json:"leaf,omitempty"`
	// Size is how many leaves the checkpoint covers, zero if none covers it yet.
	Size       int64    `json:"size,omitempty"`
	Path       []Digest `json:"path,omitempty"`
	Checkpoint string   `json:"checkpoint,omitempty"`
	Key        string   `json:"key,omitempty"`
	// Verified says that the front verified checkpoint and path.
	Verified bool `json:"verified"`
}

// A History is what the book has of a certificate since it was issued, oldest first.
type History struct {
	Steps []Revocation
	// Renewals are certificates that took its place, as their requests say.
	Renewals []Certificate
	// Plans are events of kind EventReplaced about it.
	Plans []Event
}

// A Happens is one thing that happened to a certificate.
type Happens struct {
	At time.Time `json:"at"`
	// What is one of the words below.
	What string `json:"what"`
	By   string `json:"by,omitempty"`
	// Leaf is that of the log which proves it.
	Leaf ID `json:"leaf,string"`
	// Certificate is the other one of a renewal, Reason that of a revocation, Due when a
	// planned one takes place.
	Certificate string    `json:"certificate,omitempty"`
	Reason      string    `json:"reason,omitempty"`
	Due         time.Time `json:"due,omitzero"`
}

// What happens to certificates.
const (
	HappensIssued   = "issued"
	HappensRenews   = "renews"     // it takes the place of another
	HappensRenewed  = "renewed by" // another takes its place
	HappensPlanned  = "revocation planned"
	HappensHeld     = "held"
	HappensReleased = "released"
	HappensRevoked  = "revoked"
	HappensRaised   = "reason raised"
	HappensEnded    = "ended"
)
