// SPDX-License-Identifier: Apache-2.0

// Package format knows the files in which certificates, keys, lists and requests
// leave, and come back in: PEM, DER, PKCS#7 (P7B), PKCS#12, encrypted PKCS#8 and
// Java's JKS. It turns bytes into Contents and Contents into bytes.
//
// It judges nothing: what it reads has the shape of a certificate, but may be
// expired, forged or beyond what crypto/x509 parses; only keys are parsed, because
// their three encodings are made one. It opens no file, reads no clock, asks nobody.
// A password comes through a function that is called when it is needed.
//
// What it reads comes from strangers and from old tools, so everything has a bound:
// size, number of things, depth, and the work a file may ask for before its
// password can be tried (see maxWork). Writing is left to libraries where they can
// do it; reading is done here, because they neither bound that work nor give names
// (docs/adr/0013-reading-key-stores.md).
//
// Start at Read; the writers are PEM, P7B, PKCS12, TrustStore, JKS and EncryptedKey;
// Chain and WithoutRoot say what goes into a file and in which order.
package format
