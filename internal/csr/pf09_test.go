// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"slices"
	"testing"

	"chancery/ca"

	"golang.org/x/crypto/cryptobyte/asn1"
)

// PF-09: names come from the extension that is signed as one, whatever attributes say:
// directory-integrated authorities took them from there for whoever could write one.
func TestPF09_NoAttributeBringsNames(t *testing.T) {
	text := func(id, value string) []byte { return attribute(id, element(asn1.UTF8String, []byte(value))) }
	p, err := Parse(wish{attributes: join(
		text("\x2b\x06\x01\x04\x01\x82\x37\x0d\x02\x01", "SAN:dns=root.lab.example&upn=administrator@lab.example"),
		text(oidUnstructuredName, "root.lab.example"),
		text("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x08", "10.0.0.1"), // unstructuredAddress
		extensions(san(dns("nas.lab.example"))),
	)}.der(t))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.Names, []ca.Name{{Type: ca.DNS, Value: "nas.lab.example"}}) || len(p.Dropped) != 3 {
		t.Errorf("names %v, dropped %q", p.Names, p.Dropped)
	}
	// Nor does a second list of them count.
	_, err = Parse(wish{attributes: join(extensions(san(dns("nas.lab.example"))), extensions(san(dns("root.lab.example"))))}.der(t))
	if code(t, err) != ca.E2205 {
		t.Errorf("two lists gave %v", err)
	}
	_, err = Parse(wish{attributes: extensions(san(dns("nas.lab.example")), san(dns("root.lab.example")))}.der(t))
	if code(t, err) != ca.E2205 {
		t.Errorf("two extensions gave %v", err)
	}
}
