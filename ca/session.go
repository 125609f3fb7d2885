// SPDX-License-Identifier: Apache-2.0

package ca

// A Session is what hello agrees between front and signer. A newer session
// closes older ones; calls of an older one are refused with E1402.
type Session struct {
	// Number is the session's number within the signer's boot.
	Number int64 `json:"session"`
	// Boot is the signer's boot id: random, new at each start.
	Boot string `json:"boot_id"`
	// Log is the log id in hex, LogNo its number.
	Log   string `json:"log_id"`
	LogNo uint16 `json:"log_no"`
	// Durable is the number of leaves on stable storage.
	Durable int64 `json:"durable"`
	// Unsettled counts intents with neither FINAL nor VOID.
	Unsettled int `json:"unsettled"`
	// Sealed says that the signing keys are locked: nothing can be issued.
	Sealed bool `json:"sealed"`
	// Policy is the policy bundle in force, exact bytes.
	Policy []byte `json:"bundle"`
	// Tokens are the digests of those in force, as the log has them.
	Tokens []Digest `json:"tokens,omitempty"`
	// Authorities are all generations by name, as the newest leaf about each has it.
	Authorities []Authority `json:"authorities"`
	// SealedLists are the numbers of the newest lists of keys that only a ceremony opens, by
	// ListName: the front holds what is published against them.
	SealedLists map[string]int64 `json:"sealed_lists,omitempty"`
	Assurance   Assurance        `json:"assurance"`
	Unseparated bool             `json:"unseparated"`
}

// A Settlement closes one intent from the book's side: SettleFinal brings the
// certificate the book holds, SettleVoid says that a void row stands in the book,
// SettleAbandoned that a step was taken already.
type Settlement struct {
	Index int64         `json:"index"`
	Act   SettlementAct `json:"act"`
	DER   []byte        `json:"der,omitempty"`
}

// A SettlementAct is what a Settlement asks the signer to append.
type SettlementAct string

// The acts, see docs/recovery.md.
const (
	SettleFinal     SettlementAct = "final"
	SettleVoid      SettlementAct = "void"
	SettleAbandoned SettlementAct = "abandoned"
)
