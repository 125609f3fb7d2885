// SPDX-License-Identifier: Apache-2.0

// Package journal owns the files of the signer's log: it appends leaves in
// groups that share an fsync, recovers after a crash, signs checkpoints, and
// answers reads and proofs. The format itself is package audit's.
//
// Words: *written* leaves are in the page cache; *durable* ones lie before the
// end of the last successful fsync. Only durable leaves leave this package, in
// whatever form: index, bytes, root, proof. A failed write or fsync is final
// (security rule IS-06): the process ends, and the next one finds out what is
// really on the disk.
//
// All files are reached through FS and File, rooted at the signer's directory:
// journal/ holds segments and hash files, state/ the checkpoint and the mark of a
// clean stop. Package internal/sim is the other implementation: every promise
// made here is tried there with a crash at every disk call.
//
// The package decides nothing about what a leaf means, and keeps no table of
// intents. Start reading at Journal.Append, then write.go, then recover.go.
package journal
