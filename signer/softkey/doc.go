// SPDX-License-Identifier: Apache-2.0

// Package softkey keeps the signer's keys at rest: envelopes of AES-256-GCM
// whose data key is wrapped once per unlock method (security §6, rules KY-01,
// 02, 04, 05 and 06), the words and passphrases that open them, and the check
// of modes that every start makes.
//
// It signs nothing, speaks to nobody, asks nobody for a secret and logs
// nothing: a passphrase arrives as a Secret, and refused tries come back as
// problems which the caller logs. A crypto.Signer it hands out is the caller's:
// Lock wipes the key-encryption key, and the caller drops its signers with it.
//
// Who opens what:
//
//   - online keys (issuing, init, OCSP): the key-encryption key, itself an
//     envelope opened by the file auto.key or a passphrase, and always also by
//     the recovery words;
//   - the root's key: the recovery words, nothing else;
//   - the log's key: a random file of its own, so that a sealed signer can still
//     sign checkpoints.
//
// Start reading at Keyring, then envelope.go; docs/files.md lists the files.
package softkey
