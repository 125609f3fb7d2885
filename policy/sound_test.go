// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"chancery/ca"
)

func TestSoundFillsInTheDefaultsOfItsSchema(t *testing.T) {
	p := good().profile
	p.Line, p.MaxDays, p.Names.Max, p.Subject = "", 0, 0, ca.SubjectRules{}
	got, err := Sound(p)
	if err != nil {
		t.Fatal(err)
	}
	d := "drop"
	want := good().profile
	want.MaxDays, want.Names.Max, want.Subject = 90, 20, ca.SubjectRules{CommonName: d, Organization: d, Unit: d, Country: d, State: d, Locality: d}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("became\n%+v, want\n%+v", got, want)
	}
	if again, err := Sound(got); err != nil || !reflect.DeepEqual(again, got) {
		t.Errorf("sound twice is\n%+v, %v", again, err)
	}
	if err := Check(p); err != nil {
		t.Errorf("Check says %v", err)
	}
}

// unsound is each way a profile can be wrong, with the field that is named.
var unsound = []struct {
	name   string
	change func(*ca.Profile)
	field  string
}{
	{"no schema", func(p *ca.Profile) { p.Schema = 0 }, "schema"},
	{"another schema", func(p *ca.Profile) { p.Schema = 2 }, "schema"},
	{"no name", func(p *ca.Profile) { p.Name = "" }, "name"},
	{"a name in capitals", func(p *ca.Profile) { p.Name = "Server" }, "name"},
	{"a name that is a path", func(p *ca.Profile) { p.Name = "a/b" }, "name"},
	{"a name that begins with a digit", func(p *ca.Profile) { p.Name = "1a" }, "name"},
	{"a name that ends in a hyphen", func(p *ca.Profile) { p.Name = "a-" }, "name"},
	{"a long name", func(p *ca.Profile) { p.Name = strings.Repeat("a", 41) }, "name"},
	{"a line that is a path", func(p *ca.Profile) { p.Line = ".." }, "line"},
	{"PF-01: no doors", func(p *ca.Profile) { p.Doors = nil }, "doors"},
	{"an unknown door", func(p *ca.Profile) { p.Doors = []ca.Door{"web"} }, "doors[0]"},
	{"a door twice", func(p *ca.Profile) { p.Doors = []ca.Door{"cli", "cli"} }, "doors[1]"},
	{"PF-09: no usage", func(p *ca.Profile) { p.Use = nil }, "use"},
	{"PF-09: any purpose", func(p *ca.Profile) { p.Use = []string{"server", "any"} }, "use[1]"},
	{"PF-09: any purpose by number", func(p *ca.Profile) { p.Use = []string{"2.5.29.37.0"} }, "use[0]"},
	{"PF-01: OCSP signing", func(p *ca.Profile) { p.Use = []string{"ocsp"} }, "use[0]"},
	{"a usage twice", func(p *ca.Profile) { p.Use = []string{"server", "server"} }, "use[1]"},
	{"no lifetime", func(p *ca.Profile) { p.Days = 0 }, "days"},
	{"a negative lifetime", func(p *ca.Profile) { p.Days = -1 }, "days"},
	{"a maximum below the usual", func(p *ca.Profile) { p.MaxDays = 89 }, "max_days"},
	{"a maximum beyond all", func(p *ca.Profile) { p.MaxDays = 3651 }, "max_days"},
	{"PF-01: no keys", func(p *ca.Profile) { p.Keys = nil }, "keys"},
	{"PF-07: RSA of 1024 bits", func(p *ca.Profile) { p.Keys = []string{"rsa-1024"} }, "keys[0]"},
	{"PF-07: RSA of 16384 bits", func(p *ca.Profile) { p.Keys = []string{"rsa-16384"} }, "keys[0]"},
	{"PF-07: DSA", func(p *ca.Profile) { p.Keys = []string{"dsa-2048"} }, "keys[0]"},
	{"PF-07: another curve", func(p *ca.Profile) { p.Keys = []string{"ecdsa-secp256k1"} }, "keys[0]"},
	{"RSA in another spelling", func(p *ca.Profile) { p.Keys = []string{"rsa-03072"} }, "keys[0]"},
	{"PF-01: more names than the ceiling", func(p *ca.Profile) { p.Names.Max = 101 }, "names.max"},
	{"a negative number of names", func(p *ca.Profile) { p.Names.Max = -1 }, "names.max"},
	{"PF-02: no names", func(p *ca.Profile) { p.Names = ca.NameRules{Max: 1} }, "names"},
	{"a DNS name from a common name, and no DNS names", func(p *ca.Profile) { p.Names.DNS, p.Names.FromCN = nil, true }, "names.from_cn"},
	{"PF-04: a pattern in capitals", func(p *ca.Profile) { p.Names.DNS = []string{"Lab.example"} }, "names.dns[0]"},
	{"PF-04: a pattern without a dot", func(p *ca.Profile) { p.Names.DNS = []string{"lab.example", "*lab.example"} }, "names.dns[1]"},
	{"PF-04: a pattern within", func(p *ca.Profile) { p.Names.DNS = []string{"a.*.example"} }, "names.dns[0]"},
	{"PF-04: two wildcards", func(p *ca.Profile) { p.Names.DNS = []string{"*.*.example"} }, "names.dns[0]"},
	{"a bare suffix", func(p *ca.Profile) { p.Names.DNS = []string{".lab.example"} }, "names.dns[0]"},
	{"an empty pattern", func(p *ca.Profile) { p.Names.DNS = []string{""} }, "names.dns[0]"},
	{"a pattern twice", func(p *ca.Profile) { p.Names.DNS = []string{"a.example", "a.example"} }, "names.dns[1]"},
	{"too many patterns", func(p *ca.Profile) { p.Names.DNS = names1001() }, "names.dns"},
	{"a prefix with host bits", func(p *ca.Profile) { p.Names.IP = []string{"10.0.0.1/8"} }, "names.ip[0]"},
	{"a mapped prefix", func(p *ca.Profile) { p.Names.IP = []string{"::ffff:10.0.0.0/104"} }, "names.ip[0]"},
	{"an address with a zone", func(p *ca.Profile) { p.Names.IP = []string{"fe80::1%eth0"} }, "names.ip[0]"},
	{"a name for an address", func(p *ca.Profile) { p.Names.IP = []string{"lab.example"} }, "names.ip[0]"},
	{"all mail there is", func(p *ca.Profile) { p.Names.Email = []string{"@"} }, "names.email[0]"},
	{"mail by wildcard", func(p *ca.Profile) { p.Names.Email = []string{"*@lab.example"} }, "names.email[0]"},
	{"a URI that does not end in a slash", func(p *ca.Profile) { p.Names.URI = []string{"https://lab.example"} }, "names.uri[0]"},
	{"a URI without a host", func(p *ca.Profile) { p.Names.URI = []string{"urn:a/"} }, "names.uri[0]"},
	{"a subject rule nobody knows", func(p *ca.Profile) { p.Subject.Unit = "free" }, "subject.unit"},
	{"a fixed value that is empty", func(p *ca.Profile) { p.Subject.Organization = "fixed:" }, "subject.organization"},
	{"a fixed value too long", func(p *ca.Profile) { p.Subject.Organization = "fixed:" + strings.Repeat("x", 65) }, "subject.organization"},
	{"a fixed value with an escape", func(p *ca.Profile) { p.Subject.Locality = "fixed:\x1b" }, "subject.locality"},
	{"a country in words", func(p *ca.Profile) { p.Subject.Country = "fixed:Germany" }, "subject.country"},
	{"a fixed common name that must be a name", func(p *ca.Profile) { p.Subject.CommonName, p.Subject.CommonNameInNames = "fixed:Lab", true }, "subject.common_name_in_names"},
	{"PF-09: client with a free common name", func(p *ca.Profile) { p.Use = []string{"client"} }, "subject.common_name"},
	{"PF-09: client with a supplied common name", func(p *ca.Profile) { p.Use = []string{"server", "client"}; p.Subject.CommonName = "supplied" }, "subject.common_name"},
	{"PF-09: client with any name", func(p *ca.Profile) {
		p.Use, p.Subject.CommonName, p.Names.DNS = []string{"client"}, "drop", []string{"*"}
	}, "names.dns"},
}

func TestPF01_AnUnsoundProfileIsRefusedByItsField(t *testing.T) {
	if err := Check(good().profile); err != nil {
		t.Fatalf("the sound one is refused: %v", err)
	}
	for _, c := range unsound {
		t.Run(c.name, func(t *testing.T) {
			p := good().profile
			c.change(&p)
			got, err := Sound(p)
			fault := problem(t, err)
			if fault.Code != ca.E1003 || fault.Field != c.field || !ca.PlainText(fault.Detail) {
				t.Errorf("refused with %s at %q: %q, want E1003 at %q", fault.Code, fault.Field, fault.Detail, c.field)
			}
			if !reflect.DeepEqual(got, ca.Profile{}) {
				t.Errorf("and yet gave %+v", got)
			}
		})
	}
}

func TestSoundNamesAllFaultsAtOnce(t *testing.T) {
	err := Check(ca.Profile{})
	for _, field := range []string{"schema", "name", "days", "doors", "use", "keys", "names"} {
		if !strings.Contains(fmt.Sprint(err), field+":") {
			t.Errorf("%q is not in\n%v", field, err)
		}
	}
}

func TestPF09_AClientMayHaveACommonNameThatIsOneOfItsNames(t *testing.T) {
	p := good().profile
	p.Use, p.Subject.CommonNameInNames = []string{"client"}, true
	if err := Check(p); err != nil {
		t.Error(err)
	}
}

func names1001() []string {
	out := make([]string, maxPatterns+1)
	for i := range out {
		out[i] = fmt.Sprintf("a%d.example", i)
	}
	return out
}
