// SPDX-License-Identifier: Apache-2.0

// Package api is the REST door, version 1. It answers on the local socket admin.sock,
// where who asks is the operating-system account at the other end (SO_PEERCRED), and to
// those whom package listen lets in.
//
// What it can be asked stands in one table, operations (routes.go). The mux, the reading
// of parameters and bodies, and openapi.json, which the door serves and docs/api.md
// retells, are made of it and of the Go types it names. After a change of either,
//
//	go test ./api -run Document -update
//
// writes both anew; docs/adr/0015-openapi.md says why no library does.
//
// It judges form alone: who may do what, and the rules, are the registrar's, and
// the rules the signer's again. It opens no socket; whoever may connect is the
// business of the socket's mode.
// Start at New, then routes.go, then operation.go.
package api
