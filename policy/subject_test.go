// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"testing"

	"chancery/ca"
)

func TestSubject(t *testing.T) {
	with := func(rules func(*ca.SubjectRules), s ...ca.Attribute) func(*wish) {
		return func(w *wish) { w.csr.Subject = s; rules(&w.profile.Subject) }
	}
	cn := func(v string) ca.Attribute { return ca.Attribute{OID: ca.OIDCommonName, Value: v} }
	org := func(v string) ca.Attribute { return ca.Attribute{OID: ca.OIDOrganization, Value: v} }
	country := func(v string) ca.Attribute { return ca.Attribute{OID: ca.OIDCountry, Value: v} }
	state := func(v string) ca.Attribute { return ca.Attribute{OID: ca.OIDState, Value: v} }
	anyState := func(r *ca.SubjectRules) { r.State = optional }
	keep := func(*ca.SubjectRules) {}
	in := func(r *ca.SubjectRules) { r.CommonNameInNames = true }
	needsOrg := func(r *ca.SubjectRules) { r.Organization = supplied }
	needsCountry := func(r *ca.SubjectRules) { r.Country = supplied }
	run(t, []trial{
		{"nothing", with(keep), "", ""},
		{"a free common name", with(keep, cn("Hana Horn")), "", ""},
		{"the longest common name", with(keep, cn(strings.Repeat("ä", 64))), "", ""},
		{"a common name too long", with(keep, cn(strings.Repeat("x", 65))), ca.E2120, "subject.CN"},
		{"two common names", with(keep, cn("a"), cn("b")), ca.E2120, "subject.CN"},
		{"an empty common name", with(keep, cn("")), ca.E2120, "subject.CN"},
		{"a line break", with(keep, cn("a\nb")), ca.E2120, "subject.CN"},
		{"writing turned round", with(keep, cn("a\u202eb")), ca.E2120, "subject.CN"},
		{"not UTF-8", with(keep, cn("\xff")), ca.E2120, "subject.CN"},
		{"PF-02: a common name among the names", with(in, cn("nas.lab.example")), "", ""},
		{"PF-02: in capitals", with(in, cn("NAS.lab.example")), "", ""},
		{"PF-02: a common name that is none of them", with(in, cn("evil.example")), ca.E2120, "subject.CN"},
		{"PF-02: none to compare", with(in), "", ""},
		{"the longest state in octets", with(anyState, state("x"+strings.Repeat("ä", 127))), "", ""},
		{"a state too long in octets", with(anyState, state(strings.Repeat("ä", 128))), ca.E2120, "subject.ST"},
		{"what must be there", with(needsOrg, org("Lab")), "", ""},
		{"what must be there and is not", with(needsOrg), ca.E2120, "subject.O"},
		{"a country", with(needsCountry, country("DE")), "", ""},
		{"a country in small letters", with(needsCountry, country("de")), ca.E2120, "subject.C"},
		{"a country of three", with(needsCountry, country("DEU")), ca.E2120, "subject.C"},
	})
}

func TestPF02_NoProfileLetsARequesterWriteAFreeSubject(t *testing.T) {
	d, notices := draft(t, func(w *wish) {
		w.profile.Subject = ca.SubjectRules{CommonName: "optional", CommonNameInNames: true, Organization: "fixed:Lab", Unit: "drop", Country: "fixed:DE", State: "", Locality: "nonsense"}
		w.csr.Subject = ca.Subject{
			{OID: ca.OIDOrganization, Value: "Evil\x1b[2J"}, {OID: ca.OIDUnit, Value: "Root"}, {OID: ca.OIDState, Value: "X"}, {OID: ca.OIDLocality, Value: "Y"},
			{OID: ca.OIDUserID, Value: "root"}, {OID: ca.OIDCommonName, Value: "NAS.LAB.example", Type: ca.UTF8String},
		}
	})
	want := "C=DE, O=Lab, CN=nas.lab.example"
	if got := d.Subject.String(); got != want {
		t.Errorf("the subject is %s, want %s", got, want)
	}
	for _, text := range []string{"O was set", "OU=", "ST=", "L=", "UID="} {
		if !says(notices, text) {
			t.Errorf("no notice says %q: %q", text, notices)
		}
	}
	for _, n := range notices {
		if !ca.PlainText(n) {
			t.Errorf("a terminal would obey %q", n)
		}
	}
}
