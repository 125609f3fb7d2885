// SPDX-License-Identifier: Apache-2.0

// Package check is the fast checker: it walks the encoded bytes of a certificate
// before they are signed, and refuses what differs in one octet from what the
// draft, the profile and the authority say (security rules SG-02, LN-01). What
// passes is strict DER, of a closed list of extensions in one order, each once.
//
// It believes nothing that built the bytes: it imports neither package encode
// nor any ASN.1 library, has its own reader, and a test mutates each field and
// extension to see it refuse. It signs nothing and verifies no signature, is no
// general parser of certificates, and reads only what an authority of ours wrote
// or, in Online, what it imported.
//
// Errors are for the log: a difference is a fault of ours, never the requester's.
// Start reading at Leaf, then parse, then reader.
package check
