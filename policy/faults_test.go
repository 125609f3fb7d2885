// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"strings"
	"testing"

	"chancery/ca"
	"chancery/config"
	"chancery/policy"
)

// Whoever corrects a document sees all that is wrong with it at once: unknown keys with the
// nearest, values of another type, and what is not sound, each with its line.
func TestADocumentIsRefusedWithAllItsFaults(t *testing.T) {
	document := []byte(`schema = 1
name = "printers"
dors = ["cli"]
use = ["server", "any"]
days = "90"
max_days = 5000
keys = ["rsa-1024"]

[names]
dns = ["print_er", "*.lab.example"]
wildcard = true
`)
	_, err := policy.Load(document, config.Profile)
	var got []string
	for _, p := range ca.Problems(config.Located(document, err)) {
		got = append(got, p.Field+": "+p.Detail+" "+p.Fix)
	}
	want := []string{
		"dors: line 3: there is no key \"dors\" did you mean doors?",
		"names.wildcard: line 11: there is no key \"names.wildcard\" did you mean names.wildcards?",
		"days: line 5: ", "max_days: line 6: ", "use[1]: line 4: ", "keys[0]: line 7: ", "names.dns[0]: line 10: ",
	}
	if len(got) != len(want) {
		t.Errorf("%d faults, want %d", len(got), len(want))
	}
	for i := range want {
		if i >= len(got) || !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("not told: %s\n%s", want[i], strings.Join(got, "\n"))
		}
	}
}
