// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"chancery/ca"
)

const document = `# a server
schema = 1
name = "server"
line = "issuing"
doors = ["cli", "api"]
use = ["server"]
days = 90
max_days = 397
strict = true
keys = ["ecdsa-p256", "rsa-2048"]
server_keys = "never"
key_encryption = "required"
key_usage = ["digital_signature"]
unique = "subject"

[names]
max = 20
dns = ["lab.example", "*.lab.example"]
ip = ["10.0.0.0/8"]
wildcards = true
granted = true

[subject]
common_name = "optional"
organization = "fixed:Lab \"One\""
given_name = "match"
email = "move"
preserve = true
common_name_in_names = true

[extensions]
take = ["tls-feature"]

[[extensions.add]]
oid = "1.2.3"
critical = true
hex = "0500"

[[extensions.add]]
policies = [{ oid = "1.2.3" }, { oid = "1.2.4", cps = "http://lab.example/" }]

[[rule]]
require = "key.bits > 1"
message = "too small"
`

func TestProfileReadsEveryKey(t *testing.T) {
	p, err := Profile([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	want := ca.Profile{
		Schema: 1, Name: "server", Line: "issuing", Doors: []ca.Door{"cli", "api"}, Use: []string{"server"},
		Days: 90, MaxDays: 397, Strict: true, Keys: []string{"ecdsa-p256", "rsa-2048"},
		ServerKeys: "never", KeyEncryption: "required", KeyUsage: []string{"digital_signature"}, Unique: "subject",
		Names: ca.NameRules{Max: 20, DNS: []string{"lab.example", "*.lab.example"}, IP: []string{"10.0.0.0/8"}, Wildcards: true, Granted: true},
		Subject: ca.SubjectRules{CommonName: "optional", Organization: `fixed:Lab "One"`, GivenName: "match", Email: "move", Preserve: true,
			CommonNameInNames: true},
		Extensions: ca.ExtensionRules{Take: []string{"tls-feature"}, Add: []ca.AddedExtension{{OID: "1.2.3", Critical: true, Hex: "0500"},
			{Policies: []ca.CertPolicy{{OID: "1.2.3"}, {OID: "1.2.4", CPS: "http://lab.example/"}}}}},
		Rules: []ca.Rule{{Require: "key.bits > 1", Message: "too small"}},
	}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("read\n%+v, want\n%+v", p, want)
	}
}

func TestProfileTakesInlineTablesAndDottedKeys(t *testing.T) {
	p, err := Profile([]byte("names = { max = 3, dns = [\"*\"] }\nsubject.common_name = \"drop\"\n"))
	if err != nil || p.Names.Max != 3 || p.Subject.CommonName != "drop" {
		t.Errorf("read %+v, %v", p, err)
	}
}

func TestProfileRefusesFaults(t *testing.T) {
	cases := []struct {
		name, document, detail, fix, field string
	}{
		{"unknown key", "schema = 1\nmaxdays = 3\n", `line 2: there is no key "maxdays"`, "did you mean max_days?", "maxdays"},
		{"unknown key in a table", "[names]\n\nmax = 1\ndsn = []\n", `line 4: there is no key "names.dsn"`, "did you mean names.dns?", "names.dsn"},
		{"known key in the wrong table", "[names]\ndays = 1\n", `line 2: there is no key "names.days"`, "did you mean days?", "names.days"},
		{"key that ended up in the table above", "[subject]\nwildcards = true\n", "line 2:", "did you mean names.wildcards?", "subject.wildcards"},
		{"unknown key nothing is like", "frobnicate = 1\n", "line 1:", "remove it", "frobnicate"},
		{"unknown table", "[namess]\nmax = 1\n", `line 1: there is no key "namess"`, "did you mean names?", "namess"},
		{"unknown inline key", "names = { maximum = 1 }\n", `there is no key "names.maximum"`, "", "names.maximum"},
		{"unknown dotted key", "subject.comon_name = \"drop\"\n", "line 1:", "did you mean subject.common_name?", "subject.comon_name"},
		{"unknown key in a list of tables", "[[rule]]\nrequire = \"true\"\n[[rule]]\nmesage = \"x\"\n", `line 4: there is no key "rule.mesage"`, "did you mean rule.message?", "rule.mesage"},
		{"unknown key in a list within a list", "[[extensions.add]]\npolicies = [{ oid = \"1.2\" }, { odi = \"1.2\" }]\n", `line 2: there is no key "extensions.add.policies.odi"`, "did you mean extensions.add.policies.oid?", "extensions.add.policies.odi"},
		{"a key that a program sets", "[[rule]]\nholds = true\n", `there is no key "rule.holds"`, "", "rule.holds"},
		{"a key in another case", "Days = 1\n", `there is no key "Days"`, "did you mean days?", "Days"},
		{"a key twice in two cases", "days = 1\nDAYS = 2\n", `line 2: there is no key "DAYS"`, "did you mean days?", "DAYS"},
		{"a key twice", "days = 1\ndays = 2\n", "line 2:", "", ""},
		{"a table twice", "[names]\nmax = 1\n[names]\nmax = 2\n", "line 3:", "", ""},
		{"a text for a number", "schema = 1\ndays = \"90\"\n", "line 2:", "", "days"},
		{"a number beyond an int", "days = 99999999999999999999\n", "line 1:", "", ""},
		{"a word for a list", "use = \"server\"\n", "line 1:", "", "use"},
		{"the digest", "digest = \"00\"\n", "line 1:", "", "digest"},
		{"an open text", "name = \"server\n", "line 1:", "", ""},
		{"an escape sequence in a key", "\"\\u001b[2J\" = 1\n", `there is no key "\x1b[2J"`, "", ""},
		{"a byte order mark", "\ufeffschema = 1\n", "byte order mark", "", ""},
		{"not UTF-8", "name = \"\xff\"\n", "UTF-8", "", ""},
		{"deep brackets", "use = " + strings.Repeat("[", 100), "nest deeper", "", ""},
		{"too long", "#" + strings.Repeat("x", MaxDocument), "octets", "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Profile([]byte(c.document))
			var p *ca.Problem
			if !errors.As(err, &p) || p.Code != ca.E1003 {
				t.Fatalf("gave %v, want a Problem E1003", err)
			}
			if !strings.Contains(p.Detail, c.detail) || !strings.Contains(p.Fix, c.fix) || c.field != "" && p.Field != c.field {
				t.Errorf("says %q, fix %q, field %q", p.Detail, p.Fix, p.Field)
			}
			if !ca.PlainText(p.Detail + p.Fix + p.Field) {
				t.Errorf("a terminal would obey %q", p.Detail+p.Fix+p.Field)
			}
			if got, err := Decode[ca.Profile]([]byte(c.document)); err == nil || !reflect.DeepEqual(got, ca.Profile{}) {
				t.Errorf("and yet gave %+v", got)
			}
		})
	}
}

func TestProfileReportsAllUnknownKeysUpToABound(t *testing.T) {
	_, err := Profile([]byte("dayz = 1\nnames.maks = 1\n"))
	if err == nil || !strings.Contains(err.Error(), "line 1") || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("gave %v, want both lines", err)
	}
	var b strings.Builder
	for range 1000 {
		b.WriteString("zz = 1\n")
	}
	_, err = Profile([]byte(b.String()))
	if n := strings.Count(err.Error(), "there is no key"); n != maxFaults {
		t.Errorf("reported %d faults, want %d", n, maxFaults)
	}
}

// All faults are found at once, and what is not at fault is read; a fault of the syntax ends that.
func TestProfileReadsPastFaults(t *testing.T) {
	p, err := Profile([]byte("schema = 1\nname = 7\ndays = \"90\"\nmaxdays = 3\nkeys = [\n  1,\n]\n[namess]\nmax = 1\n[names]\nmax = \"x\"\ndns = [\"*\"]\n[[rule]]\nrequire = 1\n"))
	var got []string
	for _, one := range ca.Problems(err) {
		line, _, _ := strings.Cut(one.Detail, ":")
		got = append(got, line+" "+one.Field)
	}
	want := []string{"line 4 maxdays", "line 8 namess", "line 2 name", "line 3 days", "line 6 keys", "line 11 names.max", "line 14 rule.require"}
	if !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	if p.Schema != 1 || p.Names.Max != 0 || !slices.Equal(p.Names.DNS, []string{"*"}) {
		t.Errorf("read %+v", p)
	}
	p, err = Profile([]byte("schema = 1\ndayz = 1\nname = \"server\n"))
	if all := ca.Problems(err); len(all) != 2 || !strings.HasPrefix(all[1].Detail, "line 3: ") || p.Schema != 0 {
		t.Errorf("with an open text: %+v, %v", p, err)
	}
}

// A fault that has no line gets that of its key, or of the table that it should be in.
func TestLocatedFindsTheLine(t *testing.T) {
	for field, want := range map[string]string{
		"names.dns[0]": "line 18: x", "rule[0].message": "line 44: x", "subject.organization": "line 25: x", "extensions.add[1].policies[0]": "line 40: x",
		"subject.unit": "line 23: x", "hold": "x", "": "x",
	} {
		if err := Located([]byte(document), ca.Invalid(ca.E1003, "x", "").At(field)); err.Error() != want {
			t.Errorf("%s: %v, want %s", field, err, want)
		}
	}
	if err := Located([]byte("days = 1\n"), ca.Invalid(ca.E1003, "line 7: x", "").At("days")); err.Error() != "line 7: x" || Located(nil, nil) != nil {
		t.Errorf("%v", err)
	}
}

// The law: what is accepted survives writing and reading; a line with an unknown
// key before it is refused by its number; and each refusal is one we may show.
func FuzzProfile(f *testing.F) {
	f.Add([]byte(document))
	f.Add([]byte("names = { max = 3, dns = [\"*\"] }\nsubject.common_name = \"drop\"\n"))
	f.Add([]byte("\"days\" = 1\r\n['names']\r\nmax=0x10"))
	f.Add([]byte("names.dns = [\n# one\n'*', ]\n"))
	f.Add([]byte("Days = 1\n"))
	f.Add([]byte("[[rule]]\nrequire = \"true\"\n[[extensions.add]]\npolicies = [{ oid = \"1.2\" }]\n"))
	f.Add([]byte("[[names]]\nmax = 1\n"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		p, err := Profile(doc)
		if err != nil {
			var problem *ca.Problem
			if !errors.As(err, &problem) || problem.Code != ca.E1003 || !ca.PlainText(problem.Detail+problem.Fix+problem.Field) {
				t.Fatalf("refused with %q, which is no Problem to show", err)
			}
			return
		}
		written, err := toml.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Profile(written); err != nil || !alike(again, p) {
			t.Fatalf("read again\n%+v, %v, want\n%+v", again, err, p)
		}
		if len(doc) > MaxDocument-20 {
			return
		}
		_, err = Profile(slices.Concat([]byte("dais = 1\n"), doc))
		if err == nil || !strings.Contains(err.Error(), `line 1: there is no key "dais"`) {
			t.Fatalf("an unknown key gave %v", err)
		}
	})
}

// alike compares what they write, where an empty list is no list.
func alike(a, b ca.Profile) bool {
	first, err := toml.Marshal(a)
	second, errSecond := toml.Marshal(b)
	return err == nil && errSecond == nil && bytes.Equal(first, second)
}

// A value of another type is told of by the words of TOML: people know no types of Go.
func TestAValueOfAnotherTypeIsToldInTheWordsOfTheFile(t *testing.T) {
	for document, want := range map[string]string{
		"strict = \"yes\"\n":    "line 1: strict is a string, and takes true or false",
		"days = \"5\"\n":        "line 1: days is a string, and takes a whole number",
		"keys = \"rsa-2048\"\n": "line 1: keys is a string, and takes a list",
		"[names]\nmax = true\n": "line 2: names.max is a boolean, and takes a whole number",
		"line = false\n":        "line 1: line is a boolean, and takes text",
	} {
		_, err := Profile([]byte(document))
		all := ca.Problems(err)
		if len(all) != 1 || all[0].Detail != want || all[0].Fix == "" || all[0].Field == "" {
			t.Errorf("%q: %v, want %q", document, err, want)
		}
	}
}
