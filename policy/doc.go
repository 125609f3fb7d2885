// SPDX-License-Identifier: Apache-2.0

// Package policy decides whether a request may become a certificate, and which
// one. Front and signer run the same rules: the front to answer early, the signer
// because it believes nobody.
//
// It is pure: no clock, no files, and of ASN.1 only whether a value is whole; requests
// come to it parsed. It does not know who may ask (package access) and reads no TOML
// (package config). A rule has a file: door.go, use.go, key.go, names.go, grant.go,
// subject.go, email.go, constraints.go, lifetime.go, extension.go, expression.go. Start
// at Vet; sound.go says which profiles are worth obeying, shippedset.go has those that
// installations begin with, and bundle.go is the signed document they come in.
// reference_test.go is the rules written a second time.
package policy
