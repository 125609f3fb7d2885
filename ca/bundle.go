// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// A Bundle is the trust bundle of a line, or of all: what a relying party installs.
type Bundle struct {
	// Line is whose bundle it is; empty is that of all lines.
	Line string `json:"line,omitempty"`
	// Number rises with every change of a generation that the bundle was ever made
	// of, and never falls: it is the sum of their Versions.
	Number int `json:"number"`
	// Hash is the SHA-256 of the certificates in DER, one after another.
	Hash Digest `json:"sha256"`
	// Members are in the order of the book, oldest first, so that new ones come last.
	Members []Authority `json:"members"`
}

// BundleOf makes the bundle of a line, of all if it is empty (architecture §6): every
// standby, active and retiring generation with its ancestors up to the root, those
// whose keys are elsewhere included. All are the generations in the order of the
// book. The bundle of all leaves out those whose keys are elsewhere when nothing below
// them lives any more, and every bundle what is below one that is revoked: as an anchor it
// would be believed without a look at what is above. A line that is not there, or has ended, has a bundle without members.
func BundleOf(all []Authority, line string) Bundle {
	b := Bundle{Line: line}
	counted, lives := map[string]bool{}, map[string]bool{}
	for _, one := range all {
		if line != "" && one.Line != line {
			continue
		}
		up := Ancestry(all, one)
		fallen := FallenOf(up) != ""
		for _, a := range up {
			counted[a.Name] = true
			// One whose key is elsewhere never ends here: it belongs to everybody's bundle
			// while something of ours below it lives, or it would be trusted for ever.
			lives[a.Name] = lives[a.Name] || !fallen && one.State != Retired && (!one.External || line != "")
		}
	}
	for _, a := range all {
		if counted[a.Name] {
			b.Number += a.Version
		}
		if lives[a.Name] && a.State != Retired {
			b.Members = append(b.Members, a)
		}
	}
	return b.hashed()
}

func (b Bundle) hashed() Bundle {
	sum := sha256.New()
	for _, der := range b.Certificates() {
		sum.Write(der)
	}
	b.Hash = Digest(sum.Sum(nil))
	return b
}

// Roots is the bundle with those members only that sign themselves. Whoever trusts these
// alone obeys what certificates between them and a leaf say, name constraints above all;
// not everybody does of an anchor (RFC 5280 §6.1.1). The number is the whole bundle's.
func (b Bundle) Roots() Bundle {
	b.Members = slices.DeleteFunc(slices.Clone(b.Members), func(a Authority) bool { return a.Parent != a.Name })
	return b.hashed()
}

// RootsOffered are the roots that people are to install: those that are published of the line
// that was founded first, in the order of the book, and of them the one in force, the newest
// active one: while a successor stands by, it is not that. There may be none.
func RootsOffered(all []Authority) (inForce Authority, roots []Authority) {
	for _, a := range BundleOf(all, "").Roots().Members {
		if len(roots) > 0 && a.Line != roots[0].Line {
			continue
		}
		if len(roots) == 0 || a.State == Active || inForce.State != Active {
			inForce = a
		}
		roots = append(roots, a)
	}
	return inForce, roots
}

// Certificates are those of the members in DER, in their order.
func (b Bundle) Certificates() [][]byte {
	out := make([][]byte, len(b.Members))
	for i, a := range b.Members {
		out[i] = a.Certificate
	}
	return out
}

// Ancestry is a generation and those above it up to the root, itself first. A parent
// that is not there, or was met already, ends it: then the last is no root.
func Ancestry(all []Authority, a Authority) []Authority {
	out := []Authority{a}
	for {
		last := out[len(out)-1]
		next := slices.IndexFunc(all, func(b Authority) bool { return b.Name == last.Parent })
		if next < 0 || slices.ContainsFunc(out, func(b Authority) bool { return b.Name == last.Parent }) {
			return out
		}
		out = append(out, all[next])
	}
}

// ChainOf gives the certificates from a generation's up to its root's, in DER (R24).
// Via leads it past another certificate than the newest: the name of a generation that
// cross-certified one on the way takes the chain on to its own root, and the SHA-256
// of a cross or an earlier certificate in hex takes that one. E2101 if there is no such
// generation, or no such certificate on its way.
func ChainOf(all []Authority, name, via string) ([][]byte, error) {
	start := slices.IndexFunc(all, func(a Authority) bool { return a.Name == name })
	if start < 0 {
		return nil, NotFound(E2101, "there is no authority "+Show(name), "chancery ca list")
	}
	path := Ancestry(all, all[start])
	var chain [][]byte
	for i := 0; i < len(path); i++ {
		certificate, by := path[i].Certificate, ""
		if via != "" {
			if other, signer := path[i].other(via); other != nil {
				certificate, by, via = other, signer, ""
			}
		}
		chain = append(chain, certificate)
		if by == "" || by == path[i].Parent {
			continue
		}
		up := slices.IndexFunc(all, func(a Authority) bool { return a.Name == by })
		if up < 0 {
			return nil, NotFound(E2101, "the authority "+Show(by)+" that signed the cross-certificate is not here", "chancery ca list")
		}
		path, i = Ancestry(all, all[up]), -1
	}
	if via != "" {
		return nil, NotFound(E2101, "no certificate on the way from "+name+" to its root is one by or called "+Show(via), "chancery ca show "+name)
	}
	return chain, nil
}

// other finds the newest cross-certificate by a generation, or the cross or earlier
// one with a SHA-256, and who signed it.
func (a Authority) other(via string) (der []byte, by string) {
	for _, c := range slices.Backward(a.Cross) {
		if c.By == via || fingerprinted(c.Certificate, via) {
			return c.Certificate, c.By
		}
	}
	at := slices.IndexFunc(a.Earlier, func(der []byte) bool { return fingerprinted(der, via) })
	if at < 0 {
		return nil, ""
	}
	return a.Earlier[at], a.Parent
}

func fingerprinted(der []byte, digits string) bool {
	want, err := hex.DecodeString(digits)
	sum := sha256.Sum256(der)
	return err == nil && bytes.Equal(want, sum[:])
}
