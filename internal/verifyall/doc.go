// SPDX-License-Identifier: Apache-2.0

// Package verifyall is the one check that every test of crashes and faults ends in
// (security.md §24): log and book agree in both directions, nothing that a client
// was told is missing, nothing that was signed is unknown, nothing was signed twice,
// and no checkpoint is forked.
//
// It is for tests only, settles nothing and changes nothing. How log and book are
// compared is package audit's. Start reading at Check.
package verifyall
