// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"

	"chancery/ca"
)

func TestASingleLabelIsAnsweredWithNamesInFull(t *testing.T) {
	const widen = "use a name the profile allows, or ask a security administrator to widen it"
	rules := ca.NameRules{DNS: []string{"lab.example", "*.lab.example"}, Email: []string{"hana@lab.example", "@lab.example"}}
	for _, tt := range []struct {
		rules ca.NameRules
		name  ca.Name
		want  string
	}{
		{rules, ca.Name{Type: ca.DNS, Value: "alice"}, "give the name in full: alice@lab.example or alice.lab.example"},
		{ca.NameRules{DNS: rules.DNS}, ca.Name{Type: ca.DNS, Value: "alice"}, "give the name in full: alice.lab.example"},
		{ca.NameRules{DNS: []string{"lab.example"}}, ca.Name{Type: ca.DNS, Value: "alice"}, widen},
		{rules, ca.Name{Type: ca.DNS, Value: "alice.bank.example"}, widen},
		{rules, ca.Name{Type: ca.IP, Value: "::1"}, widen},
	} {
		if got := nameFor(&ca.Profile{Names: tt.rules}, tt.name); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.name, got, tt.want)
		}
	}
}
