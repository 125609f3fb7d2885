// SPDX-License-Identifier: Apache-2.0

// Package encode writes the to-be-signed bytes of certificates, and puts bytes
// and signature together. It is ours, because the INTENT in the log holds the
// exact bytes to be signed, while crypto/x509 shows its signer a digest only.
//
// Two roads lead through it and do not meet: Issuer.TBS writes end-entity
// certificates from a ca.Draft and has no way to say CA:TRUE; Authority writes
// CA certificates from a ca.AuthorityDraft. Version, serial, issuer, key usage
// and pointers come from the issuer alone (security rule SG-01).
//
// It signs nothing, decides nothing and reads no foreign certificate; what may
// be in a draft is package policy's matter, and package check, which shares no
// line with this one, walks the bytes again before they are signed. Start
// reading at Issuer.
package encode
