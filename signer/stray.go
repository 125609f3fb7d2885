// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"chancery/ca"
	"chancery/signer/journal"
)

// A stray is the certificate of an authority's key that no generation names: a power cut
// came between its FINAL and its AUTHORITY, where a segment of the log ends between them.
// The key signed it, so that it must be possible to revoke it, and the call that made it,
// when it is repeated, makes another one.
type stray struct {
	key ca.Digest
	der []byte
}

func sayingStray(intent int64) string { return fmt.Sprintf("stray %d", intent) }

// finalLeaf takes the certificate of an authority for a stray until an AUTHORITY cites its
// intent. Most FINALs are of requests, which have a name, and are not looked at.
func (m *memory) finalLeaf(rec journal.Record) (about string, err error) {
	if i := m.recent.byIndex[rec.Leaf.Cites]; rec.Erased || i != nil && i.request != "" {
		return "", nil
	}
	of, err := m.log.Leaf(rec.Leaf.Cites)
	if err != nil || of.Erased {
		return "", err
	}
	var intent ca.IntentBody
	var final ca.FinalBody
	if err := json.Unmarshal(of.Body, &intent); err != nil || intent.Kind != ca.CACertificate {
		return "", err
	}
	if err := json.Unmarshal(rec.Body, &final); err != nil {
		return "", err
	}
	m.strays[rec.Leaf.Cites] = stray{intent.Key, final.DER}
	return sayingStray(rec.Leaf.Cites), nil
}

// named takes note of an AUTHORITY that has the certificate of an intent.
func (m *memory) named(intent int64) {
	delete(m.strays, intent)
	delete(m.said, sayingStray(intent))
}

// certificatesOf are all certificates of a generation's key, the present one first, the
// strays last.
func (s *Signer) certificatesOf(a *authority) [][]byte {
	all := a.certificates()
	for _, one := range s.strays {
		if one.key == a.Key && !slices.ContainsFunc(all, func(der []byte) bool { return bytes.Equal(der, one.der) }) {
			all = append(all, one.der)
		}
	}
	return all
}
