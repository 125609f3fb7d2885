// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"

	"chancery/ca"
)

// HX-02: a token for some names bounds the common name too, which profiles for mail and
// code leave free.
func TestHX02_AScopeOfNamesBoundsTheCommonName(t *testing.T) {
	hana := []ca.Name{{Type: ca.Email, Value: "hana@lab.example"}}
	host := []ca.Name{{Type: ca.DNS, Value: "a.lab.example"}, {Type: ca.DNS, Value: "b.lab.example"}}
	narrow := ca.Scope{Names: []string{"@lab.example", "*.lab.example"}}
	for name, c := range map[string]struct {
		scope  ca.Scope
		names  []ca.Name
		common string
		want   bool
	}{
		"none":                {narrow, hana, "", true},
		"one of the names":    {narrow, host, "B.lab.example", true},
		"the address":         {narrow, hana, "hana@lab.example", true},
		"somebody else":       {narrow, hana, "Managing Director", false},
		"a name in the scope": {narrow, hana, "c.lab.example", false},
		"no name":             {narrow, nil, "a.lab.example", false},
		"a scope of profiles": {ca.Scope{Profiles: []string{"email"}}, hana, "Hana", true},
		"no scope":            {ca.Scope{}, hana, "Hana", true},
	} {
		if got := Within(c.scope, "email", c.names, c.common); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
