// SPDX-License-Identifier: Apache-2.0

package ca_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"chancery/ca"
)

// R16: each type, as people write it and as it is kept.
func TestConstraintsAreReadAndWrittenBack(t *testing.T) {
	for text, want := range map[string]string{
		"dns:lab.example":          "dns:lab.example",
		"dns:LAB.Example":          "dns:lab.example",
		"dns:example":              "dns:example",
		"dns:xn--bro-hoa.example":  "dns:xn--bro-hoa.example",
		"!dns:secret.lab.example":  "!dns:secret.lab.example",
		"!dns:":                    "!dns:",
		"email:@lab.example":       "email:@lab.example",
		"email:lab.example":        "email:@lab.example",
		"email:.LAB.example":       "email:.lab.example",
		"email:Hana@LAB.example":   "email:Hana@lab.example",
		"uri:lab.example":          "uri:lab.example",
		"uri:.lab.example":         "uri:.lab.example",
		"ip:10.0.0.0/8":            "ip:10.0.0.0/8",
		"ip:FD00::/8":              "ip:fd00::/8",
		"!ip:0.0.0.0/0":            "!ip:0.0.0.0/0",
		"dn:O=Lab":                 "dn:O=Lab",
		"dn:c=DE, o=Lab\\, Inc":    `dn:C=DE,O=Lab\, Inc`,
		"dn:o= a\\+b ,2.5.4.5=\\#": `dn:O=a\+b,serialNumber=\#`,
		`dn:CN=\ x\ `:              `dn:CN=\ x\ `,
		"dn:1.2.3.4=x":             "dn:1.2.3.4=x",
		"!dn:":                     "!dn:",
	} {
		c, err := ca.ParseConstraints([]string{text})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := c.Strings(); !slices.Equal(got, []string{want}) {
			t.Errorf("%s became %q, want %q", text, got, want)
		}
		b, err := json.Marshal(c)
		var back ca.NameConstraints
		if err != nil || json.Unmarshal(b, &back) != nil || !reflect.DeepEqual(back, c) {
			t.Errorf("%s: %s reads back as %+v (%v)", text, b, back, err)
		}
	}
}

func TestWrongConstraintsAreRefused(t *testing.T) {
	for _, text := range []string{
		"", "lab.example", "!", "dns", "DNS:lab.example", "upn:hana@lab.example", "other:x", " dns:lab.example", "! dns:x", "!!dns:x",
		"dns:", "dns:.lab.example", "dns:.", "dns:*.lab.example", "dns:lab..example", "dns:lab.example.", "dns:büro.example", "dns:a_b.example", "dns:10.0.0.1", "dns:lab.example/x", "dns:lab example", "dns:\u202elab",
		"email:", "email:@", "email:@.lab.example", "email:a@", "email:a@.lab.example", "email:a@b@c", "email:.", "email:*", "email:*@lab.example.", "email:@@lab.example",
		"uri:", "uri:https://lab.example/", "uri:lab.example/", "uri:lab.example:443", "uri:10.0.0.1", "uri:*.lab.example", "uri:a@lab.example",
		"ip:", "ip:10.0.0.1", "ip:10.0.0.1/8", "ip:10.0.0.0/33", "ip:10.0.0.0/255.0.0.0", "ip:10.0.0.0/255.0.255.0", "ip:::ffff:10.0.0.0/104", "ip:fe80::%eth0/64", "ip:10.0.0/8",
		"dn:", "dn:O", "dn:O=", "dn:O= ", "dn:=Lab", "dn:X=Lab", "dn:O=Lab,", "dn:,O=Lab", "dn:O=a+OU=b", "dn:O=a;b", `dn:O=a\`, `dn:O=a\b`, `dn:O=\4c`, "dn:O=#04", "dn:O=a\nb", "dn:2.999=x,3.1=y", "dn:1.40=x", "dn:01.2=x",
		"dn:O=" + strings.Repeat("x", 256), "dn:" + strings.Repeat("O=x,", 32) + "O=x",
	} {
		c, err := ca.ParseConstraints([]string{"!ip:10.0.0.0/8", text})
		var p *ca.Problem
		if !errors.As(err, &p) || p.Code != ca.E2113 || !ca.PlainText(p.Detail+p.Fix) || p.Detail == "" {
			t.Errorf("%q gave %+v, %v", text, c, err)
		}
	}
	if _, err := ca.ParseConstraints([]string{"dns:büro.example"}); err == nil || !strings.Contains(err.Error(), "xn--bro-hoa.example") {
		t.Errorf("the ASCII form is not named: %v", err)
	}
	if _, err := ca.ParseConstraints([]string{"dns:a.example", "dns:A.example"}); err == nil {
		t.Error("one subtree twice passes")
	}
	if _, err := ca.ParseConstraints(slices.Repeat([]string{"dns:a.example"}, ca.MaxSubtrees+1)); err == nil {
		t.Error("too many pass")
	}
}

// Malformed values made in other ways than by reading are found too.
func TestACheckFindsConstraintsThatAreNotCanonical(t *testing.T) {
	for name, s := range map[string]ca.Subtree{
		"no type":                {},
		"an unknown type":        {Type: "x400", Value: "x"},
		"capitals":               {Type: ca.DNS, Value: "LAB.example"},
		"two at once":            {Type: ca.DirectoryName, Value: "x", Name: ca.Subject{{OID: ca.OIDCommonName, Value: "x"}}},
		"a name beside a host":   {Type: ca.DNS, Value: "lab.example", Name: ca.Subject{{OID: ca.OIDCommonName, Value: "x"}}},
		"a string type":          {Type: ca.DirectoryName, Name: ca.Subject{{OID: ca.OIDCommonName, Value: "x", Type: ca.UTF8String}}},
		"bits beyond the prefix": {Type: ca.IP, Value: "10.0.0.1/8"},
		"no value":               {Type: ca.URI},
	} {
		for _, c := range []ca.NameConstraints{{Permitted: []ca.Subtree{s}}, {Excluded: []ca.Subtree{s}}} {
			if c.Check() == nil {
				t.Errorf("%s passes", name)
			}
			if _, err := json.Marshal(c); err == nil {
				t.Errorf("%s is written", name)
			}
		}
	}
	for _, text := range []string{`{"permitted":["dns:LAB.example"]}`, `{"permitted":["email:lab.example"]}`, `{"excluded":["ip:10.0.0.1/8"]}`, `{"excluded":[{}]}`} {
		var c ca.NameConstraints
		if json.Unmarshal([]byte(text), &c) == nil {
			t.Errorf("%s is read as %+v", text, c)
		}
	}
}

// R128, R11: hashes and forms have few names, and policies a form.
func TestWhatACertificateCarriesIsReadStrictly(t *testing.T) {
	var h ca.Hash
	var f ca.AKIForm
	for _, text := range []string{"", "sha256", "sha384", "sha512"} {
		if h.UnmarshalText([]byte(text)) != nil || string(h) != text {
			t.Errorf("%q is read as %q", text, h)
		}
	}
	for _, text := range []string{"md5", "sha1", "SHA256", "sha-256", "sha224"} {
		if h.UnmarshalText([]byte(text)) == nil || f.UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q is read", text)
		}
	}
	if f.UnmarshalText([]byte("keyid+issuer")) != nil || f != ca.AKIIssuer || f.UnmarshalText(nil) != nil || f.UnmarshalText([]byte("issuer")) == nil {
		t.Errorf("the forms of key identifiers are read wrongly")
	}
	for _, text := range []string{"1.3.6.1.4.1.32473.1", "2.5.29.32.0", "1.3.6.1.4.1.32473.1=https://pki.lab.example/cps?a=b", "0.0"} {
		if p, err := ca.ParseCertPolicy(text); err != nil || p.String() != text {
			t.Errorf("%q is read as %v, %v", text, p, err)
		}
	}
	for _, text := range []string{"", "1", "1.", "1.3.", "3.1", "1.40", "1.03", "1.2.2147483648", "1.2=", "1.2=ldap://x/", "1.2=https://büro/", "1.2=https://a/\n", "any", "1.2 =https://a/"} {
		if p, err := ca.ParseCertPolicy(text); err == nil {
			t.Errorf("%q is read as %v", text, p)
		}
	}
}

// FuzzConstraint holds the text form to its laws: what is read is sound, is
// written in one way that reads back as itself, and so do names on their own.
func FuzzConstraint(f *testing.F) {
	for _, s := range []string{"dns:lab.example", "!dns:", "email:@lab.example", "email:.lab.example", "email:a@b", "uri:.lab.example", "ip:10.0.0.0/8", "ip:fd00::/8", `dn:C=DE,O=a\,b\ `, "dns:.lab.example", "dn:2.5.4.3=\\#x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ca.ParseSubtree(text)
		if err != nil {
			if !ca.PlainText(err.Detail + err.Fix) {
				t.Fatalf("a terminal would obey %q", err.Detail)
			}
		} else {
			again, err := ca.ParseSubtree(s.String())
			if err != nil || !reflect.DeepEqual(again, s) || again.String() != s.String() {
				t.Fatalf("%q is written as %q and read as %+v: %v", text, s, again, err)
			}
			if err := (ca.NameConstraints{Excluded: []ca.Subtree{s}}).Check(); err != nil {
				t.Fatalf("%q is read and unsound: %v", text, err)
			}
		}
		c, e := ca.ParseConstraints([]string{text})
		if e == nil && (err != nil && text[0] != '!' || len(c.Strings()) != 1) {
			t.Fatalf("%q is read by one and not by the other", text)
		}
		if name, err := ca.ParseDN(text); err == nil {
			if again, err := ca.ParseDN(name.String()); err != nil || !reflect.DeepEqual(again, name) {
				t.Fatalf("%q is written as %q: %v", text, name.String(), err)
			}
		}
	})
}
