// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
	"testing"

	"chancery/ca"
)

// limits reads constraints, one certificate's per argument, joined by " & ".
func limits(t testing.TB, certificates ...string) (chain []ca.NameConstraints) {
	t.Helper()
	for _, texts := range certificates {
		c, err := ca.ParseConstraints(strings.Split(texts, " & "))
		if err != nil {
			t.Fatal(err)
		}
		chain = append(chain, c)
	}
	return chain
}

// PF-05: every rule of Vet still holds, and then the chain's constraints.
func TestPF05_VetAppliesTheConstraintsOfTheWholeChain(t *testing.T) {
	below := func(certificates ...string) func(*wish) {
		return func(w *wish) { w.authority.Constraints = limits(t, certificates...) }
	}
	run(t, []trial{
		{"within", below("dns:lab.example"), "", ""},
		{"within all", below("dns:example", "dns:lab.example", "!dns:secret.lab.example"), "", ""},
		{"outside", below("dns:other.example"), ca.E2114, "names[0]"},
		{"outside the upper", below("dns:other.example", "dns:lab.example"), ca.E2114, "names[0]"},
		{"outside the lower", below("dns:lab.example", "dns:other.example"), ca.E2114, "names[0]"},
		{"excluded above", below("!dns:nas.lab.example", "dns:lab.example"), ca.E2114, "names[0]"},
		{"another type", below("email:@other.example"), "", ""},
		{"the subject outside", below("dn:O=Lab"), ca.E2114, "subject"},
		{"the subject dropped", func(w *wish) { below("dn:O=Lab")(w); w.profile.Subject.CommonName = "drop" }, "", ""},
		{"the subject as the profile writes it", func(w *wish) { below("dn:O=Lab")(w); w.profile.Subject.Organization = "fixed:Lab" }, "", ""},
		{"the second name", func(w *wish) {
			below("dns:lab.example & ip:10.0.0.0/9")(w)
			w.csr.Names = append(w.csr.Names, ca.Name{Type: ca.IP, Value: "10.200.0.1"})
		}, ca.E2114, "names[1]"},
		{"a wildcard above an excluded name", func(w *wish) {
			below("!dns:secret.lab.example")(w)
			w.profile.Names.Wildcards = true
			w.csr.Names[0].Value, w.csr.Subject = "*.lab.example", nil
		}, ca.E2114, "names[0]"},
	})
}

// PF-05: malformed constraints refuse everything, whatever the names.
func TestPF05_MalformedConstraintsRefuseEverything(t *testing.T) {
	for name, s := range map[string]ca.Subtree{
		"of no type":           {},
		"of an unknown type":   {Type: "upn", Value: "lab.example"},
		"a prefix that is not": {Type: ca.IP, Value: "10.0.0.0/255.0.255.0"},
		"capitals":             {Type: ca.DNS, Value: "LAB.example"},
		"an empty host":        {Type: ca.URI},
		"a half name":          {Type: ca.DirectoryName, Name: ca.Subject{{OID: ca.OIDOrganization}}},
	} {
		for _, c := range []ca.NameConstraints{{Permitted: []ca.Subtree{s}}, {Excluded: []ca.Subtree{s}}} {
			for _, chain := range [][]ca.NameConstraints{{c}, append(limits(t, "dns:lab.example"), c)} {
				if p := problem(t, Breaks(chain, nil, []ca.Name{{Type: ca.DNS, Value: "nas.lab.example"}})); p.Code != ca.E2113 || p.Kind != ca.RefusedKind {
					t.Errorf("%s: refused with %+v", name, p)
				}
				if Breaks(chain, nil, nil) == nil {
					t.Errorf("%s: a certificate without names passes", name)
				}
			}
		}
	}
}

// What verifiers have no common view of; the rest is in TestPF05_EachVerifier.
func TestBreaks(t *testing.T) {
	for _, c := range []struct {
		name, limits, subject string
		names                 []ca.Name
		breaks                bool
	}{
		{"no name at all", "dns:lab.example & email:@lab.example & ip:10.0.0.0/8 & uri:lab.example & dn:O=Lab", "", nil, false},
		{"a live name in capitals", "dns:lab.example", "", []ca.Name{{Type: ca.DNS, Value: "NAS.Lab.Example"}}, false},
		{"a live name in capitals, excluded", "!dns:lab.example", "", []ca.Name{{Type: ca.DNS, Value: "NAS.Lab.Example"}}, true},
		{"a live name that is malformed", "!dns:lab.example", "", []ca.Name{{Type: ca.DNS, Value: "nas.other.example."}}, true},
		{"a live name that is malformed, of another type", "!ip:10.0.0.0/8", "", []ca.Name{{Type: ca.DNS, Value: "nas.other.example."}}, false},
		{"a name of a type nobody knows", "dns:lab.example", "", []ca.Name{{Type: "upn", Value: "hana@evil.test"}}, false},
		{"a label that begins like the space", "dns:lab.example", "", []ca.Name{{Type: ca.DNS, Value: "evil-lab.example"}}, true},
		{"an A-label in capitals", "dns:xn--bro-hoa.example", "", []ca.Name{{Type: ca.DNS, Value: "XN--BRO-HOA.example"}}, false},
		{"a person with dots", "dns:lab.example", "CN=Hana M. Horn", nil, false},
		{"a common name in one label", "dns:lab.example", "CN=nas", nil, false},
		{"a common name that is an address", "dns:lab.example", "CN=10.0.0.1", nil, true},
		{"a common name with a wildcard", "!dns:secret.lab.example", "CN=*.lab.example", nil, true},
		{"a second common name", "dns:lab.example", "CN=nas.lab.example,CN=www.evil.test", nil, true},
		{"the second e-mail of a subject", "email:@lab.example", "emailAddress=a@lab.example,emailAddress=a@evil.test", nil, true},
		{"an e-mail of a subject that is none", "email:@lab.example", "emailAddress=hana", nil, true},
		{"fewer fields than the space", "dn:C=DE,O=Lab", "C=DE", nil, true},
		{"spaces about and within", "dn:O=Evil Corp", "O=EVIL  corp", nil, false},
		{"an excluded name with a character nobody sees", "!dn:O=Lab", "O=L\u00adab", nil, true},
		{"an excluded name in another alphabet's capitals", "!dn:O=лаб", "O=ЛАБ", nil, true},
		{"an excluded name with another kind of space", "!dn:O=Evil Corp", "O=Evil\u00a0Corp", nil, true},
		{"every subject excluded", "!dn:", "CN=x", nil, true},
		{"every subject excluded, and none", "!dn:", "", nil, false},
	} {
		s, err := ca.ParseDN(c.subject)
		if err != nil {
			t.Fatal(err)
		}
		if err := Breaks(limits(t, c.limits), s, c.names); (err != nil) != c.breaks {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if err := Breaks(nil, nil, []ca.Name{{Type: ca.URI, Value: "https://10.0.0.1/"}}); err != nil {
		t.Errorf("without constraints: %v", err)
	}
	// What an imported certificate may say: a leading dot before a DNS name.
	dot := ca.NameConstraints{Permitted: []ca.Subtree{{Type: ca.DNS, Value: ".lab.example"}}}
	not := ca.NameConstraints{Excluded: dot.Permitted}
	for value, passes := range map[string][2]bool{"lab.example": {false, false}, "nas.lab.example": {true, false}, "*.lab.example": {true, false}, "*.example.test": {false, true}, "evil.test": {false, true}} {
		for i, c := range []ca.NameConstraints{dot, not} {
			if err := Breaks([]ca.NameConstraints{c}, nil, []ca.Name{{Type: ca.DNS, Value: value}}); (err == nil) != passes[i] {
				t.Errorf("%v of %s: %v", c.Strings(), value, err)
			}
		}
	}
}

// FuzzBreaks holds the rule to laws: a name that breaks one list of constraints
// breaks every longer chain; what is permitted as a whole is not excluded as a whole
// too; and refusing is a message for people.
func FuzzBreaks(f *testing.F) {
	f.Add("dns:lab.example", "dns:nas.lab.example", "CN=x")
	f.Add("!dns:secret.lab.example", "dns:*.lab.example", "C=DE,O=Lab")
	f.Add("email:.lab.example", "email:a@b.lab.example", "emailAddress=a@b")
	f.Add("uri:.lab.example", "uri:https://lab.example:1/", "")
	f.Add("ip:10.0.0.0/8", "ip:10.0.0.1", "")
	f.Add("dn:C=DE", "dns:x", "C=de,O=y")
	f.Fuzz(func(t *testing.T, constraint, name, subject string) {
		c, err := ca.ParseConstraints([]string{constraint})
		s, err2 := ca.ParseDN(subject)
		typ, value, _ := strings.Cut(name, ":")
		if err != nil || err2 != nil {
			return
		}
		names := []ca.Name{{Type: ca.NameType(typ), Value: value}}
		broken := Breaks([]ca.NameConstraints{c}, s, names)
		if broken != nil {
			if p := problem(t, broken); !ca.PlainText(p.Detail+p.Why+p.Fix+p.Field) || p.Field == "" {
				t.Fatalf("refused with %+v", p)
			}
		}
		other := limits(t, "dns:lab.example", "!ip:0.0.0.0/0")
		if broken != nil && Breaks(append(slices.Clone(other), c), s, names) == nil {
			t.Fatal("a longer chain permits more")
		}
		turned := ca.NameConstraints{Permitted: c.Excluded, Excluded: c.Permitted}
		mixed := Breaks([]ca.NameConstraints{turned}, s, names)
		if len(c.Permitted) == 1 && broken == nil && mixed == nil {
			n, err := ca.NewName(names[0].Type, names[0].Value)
			if err == nil && n.Type == c.Permitted[0].Type || c.Permitted[0].Type == ca.DirectoryName && len(s) > 0 {
				t.Fatalf("%s is both within and outside of %s", name, constraint)
			}
		}
	})
}
