// SPDX-License-Identifier: Apache-2.0

// Package lifecycle holds the verbs: submit, issue, settle, read. Every door
// meets the same Registrar, so a rule stands in one place whatever the protocol.
//
// It knows no SQL, no HTTP, no ASN.1 and no key. Rows are the Book's, leaves and
// signatures the signer's; what happens when either dies is the state table of
// docs/recovery.md, which settle.go carries out.
//
// Start reading at Registrar.Submit, then pipeline.go, then settle.go.
package lifecycle
