// SPDX-License-Identifier: Apache-2.0

// Package verify says whether a certificate would be accepted, and if not, why: it
// walks the chain itself, so that each finding names the certificate and the reason,
// and asks crypto/x509 as well, so that it is never laxer than that.
//
// Each check is a finding with a stable id, a level and a sentence. What OpenSSL's
// verify refuses under -x509_strict is a failure here, with one exception: what only
// strict verifiers refuse (form) is a warning, since a great many private authorities
// work without it. OCSP is asked by whoever has a network.
//
// It reads no file and no clock, opens no connection, and fetches nothing: addresses
// where more could be had are named in hints. Start reading at Question.
package verify
