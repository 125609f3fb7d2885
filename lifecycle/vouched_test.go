// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"encoding/json"
	"slices"

	"chancery/audit"
	"chancery/ca"
)

// said are the generations as the newest leaves have them.
func (w *world) said() (all []ca.Authority) {
	for _, r := range w.leaves {
		var a ca.Authority
		if l, err := audit.ParseLeaf(r.Leaf); err != nil || l.Kind != audit.Authority || json.Unmarshal(r.Body, &a) != nil {
			continue
		}
		all = append(slices.DeleteFunc(all, func(b ca.Authority) bool { return b.Name == a.Name }), a)
	}
	return all
}

// Authorities implements Shelf.
func (w *world) Authorities(context.Context) (rows []ca.AuthorityRow, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, a := range w.authorities {
		rows = append(rows, ca.AuthorityRow{ID: ca.NewID(1, int64(i)+1), Authority: a})
	}
	return rows, nil
}
