// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"testing"

	"chancery/ca"
	"chancery/internal/hierarchy"
	"chancery/policy"
)

// PF-05: what is in force below an authority comes from the certificates of its
// whole chain, in whatever order the log names them; a chain that is not whole
// refuses everything.
func TestPF05_TheConstraintsInForceAreThoseOfTheCertificates(t *testing.T) {
	constrained := func(name string, up *ca.Authority, pathLen int, texts ...string) ca.Authority {
		d := hierarchy.RootDraft(t, "ed25519")
		d.Issuer, d.PathLen = up, pathLen
		var err error
		if d.Constraints, err = ca.ParseConstraints(texts); err != nil {
			t.Fatal(err)
		}
		a := hierarchy.Authority(t, name, "ed25519", d)
		a.Constraints = []ca.NameConstraints{{}} // what a caller says is of no account
		return a
	}
	root := constrained("root-g1", nil, 2, "dns:example")
	middle := constrained("middle-g1", &root, 1, "!dns:secret.lab.example")
	issuing := constrained("issuing-g1", &middle, 0)
	alone := constrained("other-g1", nil, -1)
	passes := func(r *rules, name, host string) bool {
		return policy.Breaks(r.authorities[name].Constraints, nil, []ca.Name{{Type: ca.DNS, Value: host}}) == nil
	}
	for _, order := range [][]ca.Authority{{root, middle, issuing}, {issuing, middle, root}, {middle, issuing, root}, {issuing, root, middle}, {root, issuing, alone, middle}} {
		r := &rules{}
		for _, a := range order {
			r = r.withAuthority(&authority{Authority: a})
			whole := r.authorities["root-g1"] != nil && r.authorities["middle-g1"] != nil
			if r.authorities["issuing-g1"] != nil && !whole && passes(r, "issuing-g1", "nas.lab.example") {
				t.Error("a chain that is not whole lets something pass")
			}
		}
		for host, want := range map[string]bool{"nas.lab.example": true, "secret.lab.example": false, "nas.lab.test": false} {
			if passes(r, "issuing-g1", host) != want {
				t.Errorf("%s: passes %t below %v", host, !want, r.authorities["issuing-g1"].Constraints)
			}
		}
		if !passes(r, "root-g1", "secret.lab.example") || len(r.authorities["issuing-g1"].Constraints) != 2 {
			t.Errorf("below the root: %v", r.authorities["root-g1"].Constraints)
		}
	}
	// Two that name each other as parent end somewhere.
	loop := issuing
	loop.Name, loop.Parent, middle.Parent = "issuing-g1", "middle-g1", "issuing-g1"
	r := (&rules{}).withAuthority(&authority{Authority: loop}).withAuthority(&authority{Authority: middle})
	if passes(r, "issuing-g1", "nas.lab.example") {
		t.Error("a chain without end lets something pass")
	}
	if r = (&rules{}).withAuthority(&authority{Authority: alone}); !passes(r, "other-g1", "nas.lab.test") {
		t.Error("a chain without constraints lets nothing pass")
	}
}
