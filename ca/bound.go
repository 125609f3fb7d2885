// SPDX-License-Identifier: Apache-2.0

package ca

// Bound gives a generation with what its chain lets it sign: the name constraints of all
// certificates in it, the earliest of their ends, and whether one of them is revoked (security rules PF-05, PF-06). They
// are read from the certificates each time and never stored, so that they cannot say
// anything else; read is check.Constraints. up is the generation itself and those above
// it. If up does not reach the root, or cannot be read, nothing may be signed: the
// constraints are one that refuses every name.
func (a Authority) Bound(up []Authority, read func(certificates ...[]byte) ([]NameConstraints, error)) Authority {
	certificates := make([][]byte, len(up))
	whole := false
	a.Until = a.NotAfter
	for i, one := range up {
		certificates[i] = one.Certificate
		if one.NotAfter.Before(a.Until) {
			a.Until = one.NotAfter
		}
		whole = one.Parent == one.Name
	}
	constraints, err := read(certificates...)
	if err != nil || !whole {
		constraints = []NameConstraints{{Permitted: []Subtree{{}}}} // of no type: malformed
	}
	a.Constraints, a.Fallen = constraints, FallenOf(up)
	return a
}
