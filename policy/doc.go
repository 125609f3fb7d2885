// SPDX-License-Identifier: Apache-2.0

// Package policy decides whether a request may become a certificate, and which
// one. Front and signer run the same rules: the front to answer early, the signer
// because it believes nobody.
//
// It is pure: no clock, no files, no bytes of ASN.1; requests come to it parsed.
// It does not know who may ask (package access) and reads no TOML (package
// config). A rule has a file: door.go, names.go, subject.go, constraints.go, key.go,
// use.go, lifetime.go. Start at Vet; sound.go says which profiles are worth obeying, and
// bundle.go is the signed document they come in.
//
// It decides about authorities, too: which may be founded (generation.go, authority.go),
// named (samename.go), renewed and crossed (recertify.go), brought from elsewhere
// (chain.go, brought.go, replace.go) and activated or retired (turn.go). The signer alone
// asks for that. Start at Hierarchy and Link, which are all that it knows of them.
package policy
