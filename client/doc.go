// SPDX-License-Identifier: Apache-2.0

// Package client speaks the REST API, over the local socket or TLS: one method per
// endpoint, problems as *ca.Problem. The command line is its first user.
//
// It judges nothing and repeats nothing by itself; a call with an idempotency key
// may be sent again by the caller. Start at Dial and DialTLS.
package client
