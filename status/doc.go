// SPDX-License-Identifier: Apache-2.0

// Package status answers, for everybody and without a name, what has to be known
// about an authority to check a certificate: its own certificate and its list of
// revoked ones, at the addresses that the certificates it signed carry (RFC 5280
// §4.2.2.1, §4.2.1.13). It keeps the lists fresh; what is on them, the signer says.
//
//	GET /pki/{generation}.crt    the CA certificate in DER (RFC 2585 §4.1)
//	GET /pki/{generation}.crl    the complete list in DER (RFC 2585 §4.2)
//	GET /pki/{generation}.delta.crl
//	                             what changed since the base of the day (§5.2.4); .arl.crl
//	                             the list of CA certificates, .s0.crl and so on the shards
//	GET /pki/{generation}.feed   the compact feed (docs/feed.md), .delta.feed what changed since
//	GET /pki/bundle.pem          what to trust, old and new; of a line, and in other
//	                             forms: see addressed
//	GET /pki/{generation}.chain.pem
//	                             its certificate and those above it
//	GET /trust/ca.crt            the root in force, at an address that stays; ca.pem, ca.p7b
//	GET, POST /ocsp/{generation} how a certificate stands (RFC 6960, RFC 5019)
//
// Nothing can be enrolled here, nothing is asked of the reader, and what was known
// once is answered though the database is gone: status outlives everything else.
// An Outlet copies all of it but OCSP into a directory, for another server to hand out.
// Start at New, then Publisher, Feeder and OCSP.
package status
