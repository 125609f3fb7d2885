// SPDX-License-Identifier: Apache-2.0

package ca

import "slices"

// MaxChain is the longest chain of authorities, the lowest and the root counted: nobody
// has longer ones, and a walk up one that leads back into itself ends.
const MaxChain = 16

// RevokedByParent tells whether what its parent signed is revoked, or its key may be
// somebody else's, whoever of its issuers said so. A cross-certificate that is revoked
// for any other reason is one way less to trust it, and no more.
func (a Authority) RevokedByParent() bool {
	return slices.ContainsFunc(a.Revoked, func(r AuthorityRevocation) bool { return r.By == a.Parent || r.Reason.Compromises() })
}

// Compromises tells whether a reason says that somebody else may have the key.
func (r Reason) Compromises() bool { return r == KeyCompromise || r == CACompromise }

// FallenOf is the name of the revoked authority in a chain, which begins with the lowest:
// whoever checks lists accepts nothing below it. It is empty if the chain stands. One that
// is retired does not make it fall: another root may have certified what is below.
func FallenOf(up []Authority) string {
	for _, a := range up {
		if a.RevokedByParent() {
			return a.Name
		}
	}
	return ""
}

// FallenNames has, by the generation, the revoked authority in its chain: itself, or one
// above. A generation whose chain stands is not in it.
func FallenNames(all []Authority) map[string]string {
	fallen := map[string]string{}
	if !slices.ContainsFunc(all, Authority.RevokedByParent) {
		return fallen
	}
	for _, a := range all {
		if name := FallenOf(Ancestry(all, a)); name != "" {
			fallen[a.Name] = name
		}
	}
	return fallen
}
