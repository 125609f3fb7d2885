// SPDX-License-Identifier: Apache-2.0

package ca

import "time"

// An Issued is what a requester is given.
type Issued struct {
	Certificate Certificate `json:"certificate"`
	// Chain are the CA certificates in DER, the issuer first, the root last.
	Chain [][]byte `json:"chain"`
	// CSR is the original request (PKCS#10) in DER, where a certificate that led
	// from one is looked up.
	CSR []byte `json:"csr,omitempty"`
	// Notices say in plain words what was set otherwise than asked.
	Notices []string `json:"notices,omitempty"`
	// Repeated says that the same request had led to this certificate before.
	Repeated bool `json:"repeated,omitempty"`
}

// A Plan is what a request would become if it were sent now: the answer to
// --dry-run. Nothing was signed or stored.
type Plan struct {
	Draft   Draft    `json:"draft"`
	Notices []string `json:"notices,omitempty"`
}

// Counts are the end-entity certificates of the book by where they stand. Expiring is
// counted within Valid, and so is IssuerRevoked; Revoked have not ended yet. Authorities are
// the generations that are not retired.
type Counts struct {
	Valid    int64 `json:"valid"`
	Expiring int64 `json:"expiring"` // ends within 30 days
	// IssuerRevoked are below a revoked authority, and are to be replaced.
	IssuerRevoked int64 `json:"issuer_revoked,omitempty"`
	// IssuerRevokedMore says that there may be more of these: only the newest are counted.
	IssuerRevokedMore bool  `json:"issuer_revoked_more,omitempty"`
	Expired           int64 `json:"expired"`
	Revoked           int64 `json:"revoked"`
	Held              int64 `json:"held"` // among the revoked, and may come back
	Void              int64 `json:"void"`

	Authorities int64 `json:"authorities"`
}

// A Status is how an installation is doing.
type Status struct {
	// Version is the program's version.
	Version string `json:"version"`
	// Database is the engine: "sqlite" or "postgresql".
	Database   string `json:"database"`
	DatabaseID string `json:"database_id"`
	// Log is the log id in hex; Leaves are durable, those below Mark are settled.
	Log    string `json:"log_id"`
	LogNo  uint16 `json:"log_no"`
	Leaves int64  `json:"leaves"`
	Mark   int64  `json:"mark"`
	// Unsettled counts intents that an officer must decide.
	Unsettled   int       `json:"unsettled"`
	Sealed      bool      `json:"sealed"`
	Assurance   Assurance `json:"assurance"`
	Unseparated bool      `json:"unseparated"`
	// BundleVersion and BundleExpires are of the policy in force.
	BundleVersion int64     `json:"bundle_version"`
	BundleExpires time.Time `json:"bundle_expires,omitzero"`
	Exceptions    []string  `json:"exceptions,omitempty"`
	Counts        Counts    `json:"counts"`
	// Lines say of each line of authorities whether it can sign now.
	Lines []LineState `json:"lines,omitempty"`
	// Checks are what was looked at, as in /readyz.
	Checks []Check `json:"checks,omitempty"`
	// Problem is why nothing is issued now; nil if certificates are issued.
	Problem *Problem `json:"problem,omitempty"`
}
