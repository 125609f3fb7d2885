// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"bytes"
	"encoding/json"
)

// An AuthorityRow is a generation as a row of the book has it. Whoever can write in the
// database can write in it: what counts is what the signer's log says.
type AuthorityRow struct {
	// ID names the leaf that entered the generation.
	ID ID
	// Authority is what the row says; of one that cannot be read the name alone.
	Authority
	// Fault says what in the row contradicts the rest of it, such as a key that is not
	// that of the certificate; nil if nothing does.
	Fault error
}

// Same tells whether two documents of a generation say the same, with every field that
// is stored: one that a later version adds is compared too.
func (a Authority) Same(b Authority) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
