// SPDX-License-Identifier: Apache-2.0

// Package wire is the signer's socket: HTTP/1.1 over Unix sockets with strict,
// bounded JSON bodies, server and client (architecture §3, formats "Socket").
// It is the only place under signer that knows net/http.
//
// It decides one thing: which account may speak on which socket, by the
// kernel's word (security rule PR-03). Everything else is the signer's to
// decide; wire queues nothing and repeats nothing. Start at Server and Client.
//
// The buffer of a body is wiped as soon as it was read, and a private key in it when the
// call is over. What is not: the copies that net/http and encoding/json have in buffers of
// their own, and recovery words and passphrases, which are strings until they are parsed.
// They stay in memory until it is used again.
package wire
