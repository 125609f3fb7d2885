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

// R57, R58: what becomes of each field, by its verb.
func TestR57_SubjectVerbs(t *testing.T) {
	field := func(oid, v string) ca.Attribute { return ca.Attribute{OID: oid, Value: v} }
	own := ca.Subject{field(ca.OIDCountry, "DE"), field(ca.OIDOrganization, "Lab"), field(ca.OIDUnit, "A"), field(ca.OIDUnit, "B")}
	asked := ca.Subject{
		field(ca.OIDCommonName, "nas.lab.example"), field(ca.OIDEmail, "hana@lab.example"), field(ca.OIDUnit, "A"), field(ca.OIDUnit, "B"),
		field(ca.OIDOrganization, "Lab"), field(ca.OIDCountry, "DE"), field("2.5.4.65", "x"),
	}
	for _, c := range []struct {
		name    string
		rules   ca.SubjectRules
		subject ca.Subject
		want    string // the subject and the names, or the field at fault
	}{
		{"match", ca.SubjectRules{Country: "match", Organization: "match"}, asked, "C=DE,O=Lab | dns:nas.lab.example"},
		{"match of several", ca.SubjectRules{Unit: "match"}, asked, "OU=A,OU=B | dns:nas.lab.example"},
		{"match of one that differs", ca.SubjectRules{Organization: "match"}, ca.Subject{field(ca.OIDOrganization, "lab")}, "subject.O"},
		{"match of one of several", ca.SubjectRules{Unit: "match"}, asked[2:3], "subject.OU"},
		{"match of what is not there", ca.SubjectRules{Organization: "match"}, nil, "subject.O"},
		{"match of what the authority has not", ca.SubjectRules{CommonName: "match"}, asked, "subject.CN"},
		{"the profile's order", ca.SubjectRules{CommonName: "optional", Unit: "optional", Country: "optional"}, asked, "C=DE,OU=A,OU=B,CN=nas.lab.example | dns:nas.lab.example"},
		{"R57: the request's order, and what has no rule", ca.SubjectRules{Preserve: true, Country: "drop"}, asked, "CN=nas.lab.example,OU=A,OU=B,O=Lab | dns:nas.lab.example"},
		{"the request's order, with what it lacks", ca.SubjectRules{Preserve: true, Locality: "fixed:Berlin", Unit: "drop", Country: "fixed:FR"}, asked, "L=Berlin,CN=nas.lab.example,O=Lab,C=FR | dns:nas.lab.example"},
		{"R58: an address is dropped", ca.SubjectRules{CommonName: "optional"}, asked, "CN=nas.lab.example | dns:nas.lab.example"},
		{"R58: an address is moved", ca.SubjectRules{CommonName: "optional", Email: "move"}, asked, "CN=nas.lab.example | dns:nas.lab.example email:hana@lab.example"},
		{"R58: an address is copied", ca.SubjectRules{CommonName: "optional", Email: "copy"}, asked, "CN=nas.lab.example,emailAddress=hana@lab.example | dns:nas.lab.example email:hana@lab.example"},
		{"R58: in the request's order", ca.SubjectRules{Preserve: true, Unit: "drop", Organization: "drop", Country: "drop", Email: "copy"}, asked, "CN=nas.lab.example,emailAddress=hana@lab.example | dns:nas.lab.example email:hana@lab.example"},
		{"R58: an address that is none", ca.SubjectRules{Email: "copy"}, ca.Subject{field(ca.OIDEmail, "hana")}, "subject.emailAddress"},
		{"R58: an address that the profile does not allow", ca.SubjectRules{Email: "move"}, ca.Subject{field(ca.OIDEmail, "hana@other.example")}, "email[0]"},
		{"R58: an address that would have been dropped", ca.SubjectRules{}, ca.Subject{field(ca.OIDEmail, "hana@other.example")}, " | dns:nas.lab.example"},
		{"a person", ca.SubjectRules{GivenName: "supplied", Surname: "supplied", Title: "optional", SerialNumber: "optional", UserID: "optional"},
			ca.Subject{field(ca.OIDUserID, "hana"), field(ca.OIDSerialNumber, "17-4"), field(ca.OIDSurname, "Horn"), field(ca.OIDGivenName, "Hana"), field(ca.OIDTitle, "Dr")},
			"title=Dr,SN=Horn,GN=Hana,serialNumber=17-4,UID=hana | dns:nas.lab.example"},
		{"domains", ca.SubjectRules{Domain: "supplied", CommonName: "drop"}, ca.Subject{field(ca.OIDDomain, "example"), field(ca.OIDDomain, "lab")}, "DC=example,DC=lab | dns:nas.lab.example"},
		{"a domain of two labels", ca.SubjectRules{Domain: "supplied"}, ca.Subject{field(ca.OIDDomain, "lab.example")}, "subject.DC"},
		{"a unit twice", ca.SubjectRules{Unit: "optional"}, ca.Subject{field(ca.OIDUnit, "A"), field(ca.OIDUnit, "A")}, "subject.OU"},
		{"a serial number that cannot be printed", ca.SubjectRules{SerialNumber: "optional"}, ca.Subject{field(ca.OIDSerialNumber, "a_b")}, "subject.serialNumber"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := good()
			w.profile.Subject, w.csr.Subject, w.authority.Fields = c.rules, c.subject, own
			sound, err := Sound(w.profile)
			if err != nil {
				t.Fatal(err)
			}
			w.profile = sound
			cleared, err := w.vet()
			var got string
			if err != nil {
				got = problem(t, err).Field
			} else {
				d := cleared.Draft()
				got = d.Subject.String() + " |"
				for _, n := range d.Names {
					got += " " + n.String()
				}
			}
			if got != c.want {
				t.Errorf("became %q (%v), want %q", got, err, c.want)
			}
		})
	}
}

// R54, R55: a common name that no program looks at, or that is an address, is told.
func TestR55_ACommonNameThatIsNoNameIsTold(t *testing.T) {
	for _, c := range []struct {
		name, cn, use, notice string
		names                 []ca.Name
	}{
		{"a name", "nas.lab.example", "server", "", nil},
		{"another name", "www.lab.example", "server", "is not among the names: programs", nil},
		{"an address", "10.0.0.7", "server", "is an address and not among the names", nil},
		{"an address among the names", "10.0.0.7", "server", "programs look for addresses among the names only", []ca.Name{{Type: ca.IP, Value: "10.0.0.7"}}},
		{"a person", "Hana Horn", "email", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, notices := draft(t, func(w *wish) {
				w.profile.Use, w.csr.Subject = []string{c.use}, ca.Subject{{OID: ca.OIDCommonName, Value: c.cn}}
				if c.names != nil {
					w.csr.Names = c.names
				}
			})
			if (c.notice == "") != (len(notices) == 0) || !says(append(notices, ""), c.notice) {
				t.Errorf("notices are %q, want %q", notices, c.notice)
			}
		})
	}
}

func TestPF02_NoProfileLetsARequesterWriteAFreeSubject(t *testing.T) {
	d, notices := draft(t, func(w *wish) {
		w.profile.Subject = ca.SubjectRules{CommonName: "optional", CommonNameInNames: true, Organization: "fixed:Lab", Unit: "drop", Country: "fixed:DE", State: "", Locality: "nonsense"}
		w.csr.Subject = ca.Subject{
			{OID: ca.OIDOrganization, Value: "Evil\x1b[2J"}, {OID: ca.OIDUnit, Value: "Root"}, {OID: ca.OIDState, Value: "X"}, {OID: ca.OIDLocality, Value: "Y"},
			{OID: ca.OIDUserID, Value: "root"}, {OID: ca.OIDCommonName, Value: "NAS.LAB.example", Type: ca.UTF8String},
		}
	})
	want := "C=DE,O=Lab,CN=nas.lab.example"
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
