// SPDX-License-Identifier: Apache-2.0

// Package ocsp reads and writes what clients and responders send each other (RFC 6960,
// RFC 5019, nonces of RFC 9654): a request in DER, the path of a GET that carries one,
// and, for who asks, the response. Requests come from strangers, so that nothing but DER
// within bounds passes, and what passes means one thing.
//
// It answers nothing, and makes no response: package encode does, for the signer. Who
// signed a request, and whether, is not looked at: everybody may ask (RFC 5019 §2.1.2).
// Start reading at Parse; a client starts at Encode and Read.
package ocsp
