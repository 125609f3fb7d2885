// SPDX-License-Identifier: Apache-2.0

// Package listen is the front's listeners over TLS: their own certificate, which they
// ask for and renew by themselves, and the guard before every call, which knows the names
// of this service, bounds what strangers cost, and finds out who asks.
//
// It decides nothing about rights and serves no resource: behind the guard stands the
// same door as on the local socket. Start at Own, then Guard.
package listen
