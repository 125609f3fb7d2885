// SPDX-License-Identifier: Apache-2.0

// Package lifecycle holds the verbs: submit, issue, renew, revoke, settle, read. Every door
// meets the same Registrar, so a rule stands in one place whatever the protocol,
// and so does the question who may do it (rights.go).
//
// It knows no SQL, no HTTP and no key, and of ASN.1 only the validity that it
// reads from the signer's answers. Rows are the Book's, leaves and signatures
// the signer's; what happens when either dies is the state table of
// docs/recovery.md, which settle.go and settleclose.go carry out.
//
// Start reading at Registrar.Submit, then wish.go and shift.run in pipeline.go, then
// settling.run in settle.go; Run, in run.go, ties them together. Registrar.Revoke, and
// shift.revoke beside it, are the way of a revocation.
package lifecycle
