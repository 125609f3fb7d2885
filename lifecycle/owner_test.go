// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"encoding/json"
	"testing"
	"testing/synctest"

	"chancery/audit"
	"chancery/ca"
)

// RV-01: an owner without an account names a certificate by the name that it bears. Another
// generation of the same key has it under none of its own.
func TestRV01_AnOwnersCertificateIsFoundByTheNameThatItBears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		again := w.line
		again.Name = "renamed-g1"
		body, err := json.Marshal(again)
		if err != nil {
			t.Fatal(err)
		}
		w.append(audit.Leaf{Kind: audit.Authority}, body)
		r, stop := running(w)
		defer stop()
		c := issuedOne(t, r, 1)
		other := again.Name
		if c.Authority == other {
			other = w.line.Name
		}
		for name, found := range map[string]bool{
			c.PublicName():                  true,
			other + "-" + string(c.Serial):  false,
			"nobody-g1-" + string(c.Serial): false,
			string(c.Serial):                false,
		} {
			got, err := r.publicly(t.Context(), name)
			if found && (err != nil || got.ID != c.ID) || !found && code(err) != ca.E1309 {
				t.Errorf("%s: %s, %v", name, got.PublicName(), err)
			}
		}
	})
}
