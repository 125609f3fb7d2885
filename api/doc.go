// SPDX-License-Identifier: Apache-2.0

// Package api is the REST door, version 1, on the local socket admin.sock. Who
// asks is the operating-system account at the other end (SO_PEERCRED).
//
//	POST /api/v1/certificates          ask for one; ?dry_run=true asks what would be
//	GET  /api/v1/certificates          a page, newest first, without their DER
//	GET  /api/v1/certificates/{ref}    JSON, PEM chain or DER
//	GET  /api/v1/authorities           every generation
//	GET  /api/v1/authorities/{name}    JSON, PEM or DER
//	POST /api/v1/revocations           revoke one
//	GET  /api/v1/crls                  numbers and dates of the published lists
//	POST /api/v1/crls/{name}           make and publish an authority's list now
//	GET  /api/v1/unsettled             what an officer must decide
//	POST /api/v1/unsettled/{index}     decide it
//	GET  /pki/{name}.crl, .crt         what everybody gets, see package status
//	GET  /api/v1/profiles              the profiles in force
//	GET  /api/v1/status                how the installation is doing
//
// It judges form alone: who may do what, and the rules, are the registrar's, and
// the rules the signer's again. It opens no socket; whoever may connect is the
// business of the socket's mode.
// Start at New, then submit.go.
package api
