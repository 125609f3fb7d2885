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
	want.MaxDays, want.Names.Max, want.Subject = 90, 20, ca.SubjectRules{
		CommonName: d, Organization: d, Unit: d, Country: d, State: d, Locality: d, Domain: d, Title: d, Surname: d, GivenName: d, SerialNumber: d, UserID: d, Email: d,
	}
	want.ServerKeys, want.KeyEncryption, want.Unique = "warn", "optional", "no"
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
	{"a common name that must match", func(p *ca.Profile) { p.Subject.CommonName = "matches" }, "subject.common_name"},
	{"an e-mail address that is kept", func(p *ca.Profile) { p.Subject.Email = "keep" }, "subject.email"},
	{"an e-mail address that no name may be", func(p *ca.Profile) { p.Subject.Email, p.Names.Email = "copy", nil }, "subject.email"},
	{"a fixed serial number that cannot be printed", func(p *ca.Profile) { p.Subject.SerialNumber = "fixed:a_b" }, "subject.serial_number"},
	{"a fixed domain of two labels", func(p *ca.Profile) { p.Subject.Domain = "fixed:lab.example" }, "subject.domain"},
	{"unique by something else", func(p *ca.Profile) { p.Unique = "names" }, "unique"},
	{"unique without a common name", func(p *ca.Profile) { p.Unique = "subject" }, "unique"},
	{"keys made somewhere else", func(p *ca.Profile) { p.ServerKeys = "always" }, "server_keys"},
	{"keys in clear", func(p *ca.Profile) { p.KeyEncryption = "never" }, "key_encryption"},
	{"PF-09: the key usage of an authority", func(p *ca.Profile) { p.KeyUsage = []string{"digital_signature", "key_cert_sign"} }, "key_usage[1]"},
	{"PF-09: the key usage of lists", func(p *ca.Profile) { p.KeyUsage = []string{"digital_signature", "crl_sign"} }, "key_usage[1]"},
	{"a key usage without a name", func(p *ca.Profile) { p.KeyUsage = []string{"digital_signature", ""} }, "key_usage[1]"},
	{"a server that cannot sign", func(p *ca.Profile) { p.KeyUsage = []string{"key_encipherment"} }, "key_usage"},
	{"encipher_only alone", func(p *ca.Profile) { p.KeyUsage = []string{"digital_signature", "encipher_only"} }, "key_usage"},
	{"an extension by a word", func(p *ca.Profile) { p.Extensions.Take = []string{"must-staple"} }, "extensions.take[0]"},
	{"an extension by the number of its word", func(p *ca.Profile) { p.Extensions.Take = []string{ca.OIDTLSFeature} }, "extensions.take[0]"},
	{"PF-09: basic constraints taken", func(p *ca.Profile) { p.Extensions.Take = []string{"2.5.29.19"} }, "extensions.take[0]"},
	{"too many extensions", func(p *ca.Profile) {
		for i := range maxExtensions + 1 {
			p.Extensions.Take = append(p.Extensions.Take, fmt.Sprintf("1.3.6.1.4.1.32473.%d", i))
		}
	}, "extensions"},
	{"an extension of no form", add(ca.AddedExtension{OID: "1.2.3"}), "extensions.add[0]"},
	{"an extension of two forms", add(ca.AddedExtension{OID: "1.2.3", Hex: "0500", Base64: "BQA="}), "extensions.add[0]"},
	{"a value that is no hex", add(ca.AddedExtension{OID: "1.2.3", Hex: "05 00"}), "extensions.add[0]"},
	{"a value that is cut", add(ca.AddedExtension{OID: "1.2.3", Hex: "0c024f"}), "extensions.add[0]"},
	{"a value with something behind", add(ca.AddedExtension{OID: "1.2.3", Hex: "050000"}), "extensions.add[0]"},
	{"a value of indefinite length", add(ca.AddedExtension{OID: "1.2.3", Hex: "30800000"}), "extensions.add[0]"},
	{"a value in a longer form", add(ca.AddedExtension{OID: "1.2.3", Hex: "0c8101ff"}), "extensions.add[0]"},
	{"a value too long", add(ca.AddedExtension{OID: "1.2.3", Hex: "04820801" + strings.Repeat("00", 0x801)}), "extensions.add[0]"},
	{"PF-09: name constraints added", add(ca.AddedExtension{OID: "2.5.29.30", Hex: "3000"}), "extensions.add[0]"},
	{"PF-09: application policies added", add(ca.AddedExtension{OID: "1.3.6.1.4.1.311.21.10", Hex: "3000"}), "extensions.add[0]"},
	{"PF-09: any policy", add(ca.AddedExtension{Policies: []ca.CertPolicy{{OID: "2.5.29.32.0"}}}), "extensions.add[0].policies[0]"},
	{"a policy twice", add(ca.AddedExtension{Policies: []ca.CertPolicy{{OID: "1.2.3"}, {OID: "1.2.3"}}}), "extensions.add[0].policies[1]"},
	{"a policy that is none", add(ca.AddedExtension{Policies: []ca.CertPolicy{{OID: "any"}}}), "extensions.add[0].policies[0]"},
	{"policies with a number", add(ca.AddedExtension{OID: "2.5.29.32", Policies: []ca.CertPolicy{{OID: "1.2.3"}}}), "extensions.add[0]"},
	{"policies twice", add(ca.AddedExtension{Policies: []ca.CertPolicy{{OID: "1.2.3"}}}, ca.AddedExtension{Policies: []ca.CertPolicy{{OID: "1.2.4"}}}), "extensions.add[1]"},
	{"another TLS feature", add(ca.AddedExtension{TLSFeature: []string{"status_request_v2"}}), "extensions.add[0]"},
	{"a TLS feature by number", add(ca.AddedExtension{OID: ca.OIDTLSFeature, Hex: "3003020105"}), "extensions.add[0]"},
	{"an extension twice", add(ca.AddedExtension{OID: "1.2.3", Hex: "0500"}, ca.AddedExtension{OID: "1.2.3", Hex: "0500"}), "extensions.add[1]"},
	{"an extension added and taken", func(p *ca.Profile) {
		add(ca.AddedExtension{TLSFeature: []string{"status_request"}})(p)
		p.Extensions.Take = []string{"tls-feature"}
	}, "extensions.add[0]"},
	{"a rule that is none", rule("key.bits >", "x"), "rule[0].require"},
	{"a rule without a message", rule("true", ""), "rule[0].message"},
	{"a rule with an escape for a message", rule("true", "\x1b[2J"), "rule[0].message"},
	{"a rule about what is not there", rule("subject.comon_name == ''", "x"), "rule[0].require"},
	{"a rule that compares texts with numbers", rule("key.type == 3", "x"), "rule[0].require"},
	{"a rule that gives no truth value", rule("key.bits", "x"), "rule[0].require"},
	{"a rule too long", rule("true"+strings.Repeat(" && true", 300), "x"), "rule[0].require"},
	{"a rule of many steps", rule("key.bits == 0"+strings.Repeat("+1", 400), "x"), "rule[0].require"},
	{"a rule too deep", rule(strings.Repeat("!(", 60)+"true"+strings.Repeat(")", 60), "x"), "rule[0].require"},
	{"a rule with a large pattern", rule("key.type.matches('(a{1000}){10}')", "x"), "rule[0].require"},
	{"too many rules", func(p *ca.Profile) {
		for range maxRules + 1 {
			p.Rules = append(p.Rules, ca.Rule{Require: "true", Message: "x"})
		}
	}, "rule"},
	{"PF-09: client with a free organization", freeForClients("organization"), "subject.organization"},
	{"PF-09: client with a free unit", freeForClients("unit"), "subject.unit"},
	{"PF-09: client with a free user id", freeForClients("user_id"), "subject.user_id"},
	{"PF-09: client with a free serial number", freeForClients("serial_number"), "subject.serial_number"},
	{"PF-09: client with the request's whole subject", func(p *ca.Profile) {
		p.Use, p.Subject = []string{"client"}, ca.SubjectRules{CommonName: "drop", Preserve: true}
	}, "subject.domain"},
	{"PF-09: client with any address", func(p *ca.Profile) {
		p.Use, p.Subject.CommonName, p.Names.IP = []string{"client"}, "drop", []string{"::/0"}
	}, "names.ip"},
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

func rule(require, message string) func(*ca.Profile) {
	return func(p *ca.Profile) { p.Rules = []ca.Rule{{Require: require, Message: message}} }
}

func add(list ...ca.AddedExtension) func(*ca.Profile) {
	return func(p *ca.Profile) { p.Extensions.Add = list }
}

func freeForClients(key string) func(*ca.Profile) {
	return func(p *ca.Profile) {
		p.Use, p.Subject.CommonName = []string{"client"}, "drop"
		for i := range subjectFields {
			if subjectFields[i].key == key {
				*subjectFields[i].rule(&p.Subject) = "optional"
			}
		}
	}
}

func TestSoundTakesWhatCertificatesMayHave(t *testing.T) {
	for name, change := range map[string]func(*ca.Profile){
		"must-staple":                add(ca.AddedExtension{TLSFeature: []string{"status_request"}}),
		"policies":                   add(ca.AddedExtension{Policies: []ca.CertPolicy{{OID: "1.2.3"}, {OID: "1.2.4", CPS: "https://lab.example/cps"}}}),
		"one in base64":              add(ca.AddedExtension{OID: "1.2.3", Base64: "BQA="}),
		"the longest":                add(ca.AddedExtension{OID: "1.2.3", Hex: "048207fc" + strings.Repeat("00", 0x7fc)}),
		"a long form of one octet":   add(ca.AddedExtension{OID: "1.2.3", Hex: "0c8180" + strings.Repeat("41", 0x80)}),
		"the request's order":        func(p *ca.Profile) { p.Subject = ca.SubjectRules{CommonName: "supplied", Preserve: true} },
		"one live subject":           func(p *ca.Profile) { p.Subject.CommonName, p.Unique = "supplied", "subject" },
		"agreement in one direction": func(p *ca.Profile) { p.KeyUsage = []string{"digital_signature", "key_agreement", "decipher_only"} },
		"mail that only encrypts": func(p *ca.Profile) {
			p.Use, p.KeyUsage = []string{"email"}, []string{"key_encipherment", "key_agreement"}
		},
		"any name for clients by grant": func(p *ca.Profile) {
			p.Use, p.Subject.CommonName, p.Names = []string{"client"}, "drop", ca.NameRules{Max: 1, DNS: []string{"*"}, IP: []string{"0.0.0.0/0"}, Granted: true}
		},
		"the authority's organization for clients": func(p *ca.Profile) {
			p.Use, p.Subject = []string{"client"}, ca.SubjectRules{Organization: "match", Unit: "fixed:Lab", Country: "optional"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := good().profile
			change(&p)
			if err := Check(p); err != nil {
				t.Error(err)
			}
		})
	}
}

func names1001() []string {
	out := make([]string, maxPatterns+1)
	for i := range out {
		out[i] = fmt.Sprintf("a%d.example", i)
	}
	return out
}
