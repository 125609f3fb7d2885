// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"errors"
	"testing"

	"chancery/ca"
)

// R15: an authority is named by its line, or by the generation that signs for it; one
// that does not sign is never replaced by another in silence.
func TestR15_ALineOrItsActiveGenerationIsNamed(t *testing.T) {
	authority := func(name, line string, kind ca.AuthorityKind, state ca.AuthorityState) ca.Authority {
		return ca.Authority{Name: name, Line: line, Kind: kind, State: state, Activated: len(name)}
	}
	v := view{
		profiles: map[string]ca.Profile{"client": {Name: "client", Line: "issuing", Lines: []string{"users", "plain"}}},
		authorities: []ca.Authority{
			authority("root-g1", "root", ca.Root, ca.Active), authority("issuing-g1", "issuing", ca.Issuing, ca.Active),
			authority("users-g1", "users", ca.Issuing, ca.Retiring), authority("users-g2", "users", ca.Issuing, ca.Active),
			authority("systems-g1", "systems", ca.Issuing, ca.Active), authority("plain", "plain", ca.Issuing, ca.Retired),
			authority("plain-g2", "plain", ca.Issuing, ca.Active),
		},
	}
	for _, c := range []struct {
		named, signs string
		code         ca.Code
	}{
		{"", "issuing-g1", ""}, {"issuing", "issuing-g1", ""}, {"users", "users-g2", ""}, {"users-g2", "users-g2", ""},
		{"plain", "plain-g2", ""}, // a line comes before a generation of the same name
		{"users-g1", "", ca.E2122}, {"root-g1", "", ca.E2122}, {"systems", "", ca.E2122}, {"systems-g1", "", ca.E2122}, {"nothing", "", ca.E2122},
	} {
		q := ca.Request{Profile: "client", Line: c.named}
		rules, err := v.rules(&q)
		var p *ca.Problem
		if c.code != "" && (!errors.As(err, &p) || p.Code != c.code) || c.code == "" && (err != nil || rules.Authority.Name != c.signs || rules.Authority.Line != q.Line && c.named != "") {
			t.Errorf("%q is signed by %q (%v), wanted %q %s", c.named, rules.Authority.Name, err, c.signs, c.code)
		}
	}
}
