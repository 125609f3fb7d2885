// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"strings"
	"testing"

	"chancery/ca"
)

func TestSetChangesOneKeyAndNothingElse(t *testing.T) {
	const names = "# a server\nschema = 1 # the first\ndays = 90   # usual\n\n[names]\nmax = 20\ndns = [\n  \"a.example\", # one\n  \"b.example\",\n]\n\n[subject]\ncommon_name = \"optional\""
	for _, c := range []struct{ what, key, value, from, to string }{
		{"a number", "days", "30", "days = 90   # usual", "days = 30   # usual"},
		{"a list over lines", "names.dns", `["*"]`, "dns = [\n  \"a.example\", # one\n  \"b.example\",\n]", `dns = ["*"]`},
		{"a new key at the root", "max_days", "400", "# usual\n", "# usual\nmax_days = 400\n"},
		{"a new key of a table", "names.wildcards", "true", "\n]\n\n[subject]", "\n]\nwildcards = true\n\n[subject]"},
		{"a new key at the very end", "subject.unit", `"drop"`, `"optional"`, "\"optional\"\nunit = \"drop\"\n"},
		{"a key of a table that is not there", "extensions.take", "[]", "", ""},
		{"no key any more", "days", "", "days = 90   # usual\n", ""},
		{"no list any more", "names.dns", "", "dns = [\n  \"a.example\", # one\n  \"b.example\",\n]\n", ""},
	} {
		got, err := Set([]byte(names), c.key, c.value)
		want := strings.Replace(names, c.from, c.to, 1)
		if c.key == "extensions.take" {
			want = names + "\n\n[extensions]\ntake = []\n"
		}
		if err != nil || string(got) != want {
			t.Errorf("%s (%v):\n%s\nwanted\n%s", c.what, err, got, want)
		}
	}
}

func TestSetRefuses(t *testing.T) {
	for _, c := range []struct{ what, document, key, value string }{
		{"a broken document", "days = \n", "days", "1"},
		{"a broken value", "days = 1\n", "days", "[1"},
		{"two settings in one value", "days = 1\n", "days", "1\nmax_days = 2"},
		{"a value that ends in a comment of two lines", "days = 1\n", "days", "1 # x\r\ny = 1"},
		{"a quoted key", "days = 1\n", `"da ys"`, "1"},
		{"an empty part", "days = 1\n", "names..dns", "1"},
		{"a table in braces", "names = {max = 1}\n", "names.max", "2"},
		{"a key that stands twice", "days = 1\ndays = 2\n", "days", "3"},
		{"a key that is to go and is not there", "days = 1\n", "max_days", ""},
	} {
		out, err := Set([]byte(c.document), c.key, c.value)
		var p *ca.Problem
		if !errors.As(err, &p) || p.Code != ca.E1003 || out != nil {
			t.Errorf("%s: %q, %v", c.what, out, err)
		}
	}
}

// The law: what Set gives is a document again, has the value, and setting back what was
// there gives what was there.
func FuzzSet(f *testing.F) {
	for _, s := range []string{document, "days = 1", "[names]\n[subject]\n", "a.b = 1\n[[rule]]\nx = 1\n"} {
		f.Add([]byte(s), "days", "3")
		f.Add([]byte(s), "names.dns", `["x"]`)
		f.Add([]byte(s), "a.b", "[1, 2]")
		f.Add([]byte(s), "days", " ")
	}
	f.Fuzz(func(t *testing.T, document []byte, key, value string) {
		out, err := Set(document, key, value)
		if err != nil || value == "" {
			return
		}
		if err := sound(out); err != nil {
			t.Fatalf("%q became %q: %v", document, out, err)
		}
		at, err := find(out, key)
		if err != nil || !at.found || !strings.HasSuffix(string(out[at.begin:at.end]), strings.TrimSpace(value)) && !strings.Contains(value, "#") {
			t.Fatalf("%q became %q, which has no %s = %s (%v)", document, out, key, value, err)
		}
		again, err := Set(out, key, value)
		if err != nil || string(again) != string(out) && !strings.Contains(value, "#") {
			t.Fatalf("set twice, %q became %q (%v)", out, again, err)
		}
	})
}
