// SPDX-License-Identifier: Apache-2.0

// Package csr reads PKCS#10 certification requests (RFC 2986): bytes from
// strangers. Front and signer both parse with it and nothing else does.
//
// It walks the DER itself first, because crypto/x509 forgives what we do not
// (trailing fields, a foreign version, any number of names), then lets
// crypto/x509 parse it and works with what that found. It does not judge by any
// profile; that is package policy. Start at Decode, then Parse, then Check.
package csr
