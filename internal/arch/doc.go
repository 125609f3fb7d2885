// SPDX-License-Identifier: Apache-2.0

// Package arch holds the shape of the tree by tests: which package may import
// which, how large files, functions and interfaces may grow, where the wall clock
// may be read, and that each requirement listed in ids.txt is named by a test.
//
// It has no code for the program and says nothing about what the code does. The
// rules are data in rule_test.go; a change of one needs a record in docs/adr.
// Start reading there. bad_test.go shows that each check can fail.
package arch
