// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"errors"
	"testing"

	"chancery/ca"
	"chancery/signer"
	"chancery/signer/wire"
)

// SG-03: what a key revoked elsewhere is told at the ceremony socket alone, and nobody
// says by an empty body that it was nothing.
func TestSG03_NoRevocationsElsewhereMustBeSaid(t *testing.T) {
	r, _ := founded(t)
	for _, tt := range []struct {
		what, socket string
		q            signer.Inheritance
		code         ca.Code
	}{
		{"no list, and no word of it", r.ceremony, signer.Inheritance{Authority: "issuing-g1"}, ca.E1401},
		{"a list where there is none", r.ceremony, signer.Inheritance{Authority: "issuing-g1", None: true, List: []byte{1}}, ca.E1401},
		{"a list that is too long", r.ceremony, signer.Inheritance{Authority: "issuing-g1", List: make([]byte, signer.MaxPast+1)}, ca.E1401},
		{"a key that was made here", r.ceremony, signer.Inheritance{Authority: "issuing-g1", None: true}, ca.E2602},
		{"nobody", r.ceremony, signer.Inheritance{Authority: "issuing-g9", List: []byte{1}}, ca.E2101},
		{"the front's socket", r.sign, signer.Inheritance{Authority: "issuing-g1", None: true}, ca.E1401},
	} {
		var p *ca.Problem
		if _, err := wire.Dial(tt.socket).Inherit(t.Context(), tt.q); !errors.As(err, &p) || p.Code != tt.code {
			t.Errorf("%s: %v, want %s", tt.what, err, tt.code)
		}
	}
}
