// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"testing"

	"chancery/ca"
)

// BK-06: only who signed for a key revokes that, for good, and with a key that is here.
func TestBK06_WhoMayRevokeAnAuthority(t *testing.T) {
	h := lab()
	far := linked("far", nil)
	s := standing(far, ca.Root, "")
	s.External = true
	h = h.with(s)
	for _, tt := range []struct {
		name string
		q    Condemning
		code ca.Code
	}{
		{"the parent may", Condemning{"issuing-g1", "middle-g1", ca.Superseded, true}, ""},
		{"the parent may, though it signed none that is here", Condemning{"issuing-g1", "middle-g1", ca.CACompromise, false}, ""},
		{"who cross-certified it may", Condemning{"issuing-g1", "root-g1", ca.Superseded, true}, ""},
		{"who signed nothing of it may not", Condemning{"issuing-g1", "root-g1", ca.Superseded, false}, ca.E2111},
		{"a root does not revoke itself", Condemning{"root-g1", "root-g1", ca.Superseded, true}, ca.E2111},
		{"an authority is not held", Condemning{"issuing-g1", "middle-g1", ca.CertificateHold, true}, ca.E2111},
		{"a key elsewhere signs no list here", Condemning{"issuing-g1", "far-g1", ca.Superseded, true}, ca.E2111},
		{"nobody revokes nothing", Condemning{"issuing-g1", "no-g1", ca.Superseded, true}, ca.E2101},
		{"what is not there is not revoked", Condemning{"no-g1", "root-g1", ca.Superseded, true}, ca.E2101},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := h.Condemns(tt.q)
			var p *ca.Problem
			if errors.As(err, &p) && p.Code == tt.code || err == nil && tt.code == "" {
				return
			}
			t.Errorf("%v, want %q", err, tt.code)
		})
	}
}
