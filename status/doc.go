// SPDX-License-Identifier: Apache-2.0

// Package status answers, for everybody and without a name, what has to be known
// about an authority to check a certificate: today its own certificate, at the
// address that the certificates it signed carry (RFC 5280 §4.2.2.1).
//
//	GET /pki/{generation}.crt    the CA certificate in DER (RFC 2585 §4.1)
//
// Nothing can be enrolled here, nothing is asked of the reader, and what was known
// once is answered though the database is gone: status outlives everything else.
// Start at New.
package status
