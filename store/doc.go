// SPDX-License-Identifier: Apache-2.0

// Package store is the book: what was decided and answered, on SQLite for one
// machine or PostgreSQL for many. It has one schema (migrations/), one text of
// each query (statements.go), and one transaction per commit.
//
// It decides nothing: which row goes in, and what a missing one means, is for
// package lifecycle to say, whose interfaces Store fits by shape. It queues
// nothing either: one caller commits at a time, and groups for itself.
//
// Start reading at Open, then Commit, then statements.go.
package store
