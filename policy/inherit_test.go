// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"chancery/ca"
)

// R16, PF-05: what stands above an authority stands in its own certificate too, the
// narrower of each two spaces, and what cannot be written so is refused with both names.
func TestR16_PF05_AnAuthorityInheritsWhatStandsAboveIt(t *testing.T) {
	for _, c := range []struct{ own, above, want string }{
		{"", "dns:lab.example", "dns:lab.example"},
		{"dns:lab.example", "", "dns:lab.example"},
		{"dns:a.lab.example", "dns:lab.example", "dns:a.lab.example"},
		{"dns:example", "dns:lab.example | dns:example", "dns:lab.example"},
		{"email:@lab.example", "dns:lab.example | ip:10.0.0.0/8", "dns:lab.example & email:@lab.example & ip:10.0.0.0/8"},
		{"ip:10.1.0.0/16", "ip:10.0.0.0/8 | ip:0.0.0.0/0", "ip:10.1.0.0/16"},
		{"email:hana@lab.example", "email:@lab.example", "email:hana@lab.example"},
		{"email:.lab.example", "email:@a.lab.example & email:ina@b.lab.example", "email:@a.lab.example & email:ina@b.lab.example"},
		{"uri:a.lab.example", "uri:.lab.example", "uri:a.lab.example"},
		{"dn:C=DE,O=LAB,OU=x", "dn:C=DE,O=Lab", "dn:C=DE,O=LAB,OU=x"},
		{"!dns:a.example", "!dns:b.example | !dns:a.example", "!dns:a.example & !dns:b.example"},
		{"!dns:lab.example", "!dns:secret.lab.example", "!dns:lab.example"},
		{"dns:lab.example", "dns:other.example", "dns:lab.example has nothing in common with what is permitted above it: dns:other.example"},
		{"dns:a.lab.example & dns:evil.test", "dns:lab.example", "dns:evil.test has nothing in common with what is permitted above it: dns:a.lab.example"},
		{"ip:fd00::/8", "ip:10.0.0.0/8", "ip:fd00::/8 has nothing"},
		{"email:Hana@lab.example", "email:hana@lab.example", "email:Hana@lab.example has nothing"},
		{"uri:lab.example", "uri:.lab.example", "uri:lab.example has nothing"},
	} {
		f := goodFounding()
		f.draft.Issuer, f.draft.Subject = &f.issuer, ca.Subject{{OID: ca.OIDCountry, Value: "DE"}, {OID: ca.OIDOrganization, Value: "Lab"}, {OID: ca.OIDCommonName, Value: "x"}}
		if c.own != "" {
			f.draft.Constraints = limits(t, c.own)[0]
		}
		if c.above != "" {
			f.issuer.Constraints = limits(t, strings.Split(c.above, " | ")...)
		}
		d, _, err := VetAuthority(f.draft, f.keyType, noon)
		got := strings.Join(d.Constraints.Strings(), " & ")
		if err != nil {
			got = problem(t, err).Detail
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%q below %q has %q, want %q", c.own, c.above, got, c.want)
		}
	}
	// What an imported authority permits for no use, or in a form that none is made with.
	odd := []ca.NameConstraints{{Permitted: []ca.Subtree{{Type: ca.DNS, Value: ".lab.example"}, {Type: ca.DirectoryName}}}}
	if got, err := Inherit(ca.NameConstraints{}, odd); err != nil || got.Strings()[0] != "dns:.lab.example" || len(got.Permitted) != 1 {
		t.Errorf("%v, %v", got.Strings(), err)
	}
	// A renewal loses what it could never use, and is refused only if nothing is left.
	if got, err := Inherit(limits(t, "dns:a.lab.example & dns:evil.test")[0], limits(t, "dns:lab.example")); err != nil || slices.Compare(got.Strings(), []string{"dns:a.lab.example"}) != 0 {
		t.Errorf("%v, %v", got.Strings(), err)
	}
	var many [2]ca.NameConstraints
	for i := range many {
		for n := range ca.MaxSubtrees {
			many[i].Excluded = append(many[i].Excluded, ca.Subtree{Type: ca.DNS, Value: strings.Repeat("x", i+1) + strings.Repeat("y", n%50+1) + "." + strings.Repeat("z", n/50+1)})
		}
	}
	if _, err := Inherit(many[0], many[1:]); err == nil || problem(t, err).Code != ca.E2113 {
		t.Errorf("more than fit: %v", err)
	}
}

// PF-05: one extension says what the whole chain says, for generated chains and names.
func TestPF05_WhatIsInheritedSaysWhatTheChainSays(t *testing.T) {
	spaces := []string{"dns:lab.example", "dns:example", "dns:www.lab.example", "!dns:secret.lab.example", "!dns:", "email:@lab.example", "email:.lab.example",
		"email:hana@lab.example", "!email:root@lab.example", "!email:.lab.example", "uri:lab.example", "uri:.lab.example", "!uri:.secret.lab.example", "ip:10.0.0.0/8",
		"ip:10.0.0.7/32", "ip:fd00::/8", "!ip:10.1.0.0/16", "dn:C=DE", "dn:C=DE,O=Lab", "dn:C=DE,O=lab", "!dn:C=DE,O=Lab,OU=Secret", "!dn:C=FR"}
	names := []ca.Name{{Type: ca.DNS, Value: "nas.lab.example"}, {Type: ca.DNS, Value: "*.lab.example"}, {Type: ca.DNS, Value: "evil.test"}, {Type: ca.DNS, Value: "a.secret.lab.example"},
		{Type: ca.Email, Value: "hana@lab.example"}, {Type: ca.Email, Value: "ROOT@lab.example"}, {Type: ca.Email, Value: "a@sub.lab.example"}, {Type: ca.URI, Value: "https://lab.example/a"},
		{Type: ca.URI, Value: "https://www.lab.example/a"}, {Type: ca.URI, Value: "https://10.0.0.1/"}, {Type: ca.IP, Value: "10.0.0.7"}, {Type: ca.IP, Value: "10.1.2.3"}, {Type: ca.IP, Value: "fd00::7"}}
	subjects := []string{"", "C=DE,O=Lab", "C=DE,O=LAB,OU=secret", "C=FR", "O=Lab"}
	r := rand.New(rand.NewPCG(5, 16))
	pick := func() []ca.NameConstraints {
		var texts []string
		for len(texts) == 0 {
			texts = slices.DeleteFunc(slices.Clone(spaces), func(string) bool { return r.IntN(8) > 0 })
		}
		return limits(t, strings.Join(texts, " & "))
	}
	same, broken := 0, 0
	for range 3000 {
		own, above := pick()[0], append(pick(), pick()...)
		whole, err := Inherit(own, above)
		if err != nil {
			continue
		}
		chain := append(slices.Clone(above), own)
		for _, n := range names {
			s, err := ca.ParseDN(subjects[r.IntN(len(subjects))])
			if err != nil {
				t.Fatal(err)
			}
			long, short := Breaks(chain, s, []ca.Name{n}), Breaks([]ca.NameConstraints{whole}, s, []ca.Name{n})
			if (long == nil) != (short == nil) {
				t.Fatalf("%v below %v is %v; of %s %s the chain says %v, and it %v", own.Strings(), above, whole.Strings(), s, n.Value, long, short)
			}
			if same++; long != nil {
				broken++
			}
		}
	}
	if broken < 1000 || same-broken < 1000 {
		t.Errorf("only %d of %d are refused: the cases are lopsided", broken, same)
	}
}
