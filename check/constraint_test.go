// SPDX-License-Identifier: Apache-2.0

package check_test

import (
	"crypto/x509"
	"reflect"
	"slices"
	"strings"
	"testing"

	"chancery/ca"
	"chancery/check"
	"chancery/encode"
)

// constrained is a CA certificate whose name constraints have this value, behind a
// signature that nobody looks at.
func constrained(t testing.TB, value []byte) []byte {
	t.Helper()
	d := rootDraft(t, "ed25519")
	d.Constraints = everyConstraint(t)
	tbs, err := encode.Authority(d)
	if err != nil {
		t.Fatal(err)
	}
	root := tree(t, tbs)
	list, i := extensionNode(t, root, "\x55\x1d\x1e")
	e := list.kids[i]
	bend(e, []*node{e.kids[0], e.kids[1], leafNode(4, value...)}, func() { tbs = root.der() })
	der, err := encode.Certificate(tbs, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func sequence(tag byte, kids ...*node) *node { return &node{tag: tag, kids: kids} }

// permit is the value of an extension that permits one base.
func permit(base *node) *node { return sequence(0x30, sequence(0xa0, sequence(0x30, base))) }

func text(tag byte, s string) *node { return leafNode(tag, []byte(s)...) }

// directory is a directory name of one RDN with these attributes.
func directory(attributes ...*node) *node {
	return sequence(0xa4, sequence(0x30, sequence(0x31, attributes...)))
}

func commonName(value *node) *node { return sequence(0x30, leafNode(6, 0x55, 4, 3), value) }

// PF-05: what imported certificates may say, in canonical form.
func TestConstraintsAreReadFromCertificates(t *testing.T) {
	for _, tt := range []struct {
		name  string
		value *node
		want  []string
	}{
		{"capitals", permit(text(0x82, "LAB.Example")), []string{"dns:lab.example"}},
		{"a leading dot", permit(text(0x82, ".lab.example")), []string{"dns:.lab.example"}},
		{"every DNS name", permit(leafNode(0x82)), []string{"dns:"}},
		{"bits beyond the mask", permit(leafNode(0x87, 10, 1, 2, 3, 255, 0, 0, 0)), []string{"ip:10.0.0.0/8"}},
		{"every address", permit(leafNode(0x87, make([]byte, 32)...)), []string{"ip:::/0"}},
		{"a mailbox", permit(text(0x81, "Hana@LAB.example")), []string{"email:Hana@lab.example"}},
		{"a host's mailboxes", permit(text(0x81, "lab.example")), []string{"email:@lab.example"}},
		{"hosts below", permit(text(0x86, ".lab.example")), []string{"uri:.lab.example"}},
		{"a name in UTF-8", permit(directory(commonName(text(12, "Büro, 2")))), []string{`dn:CN=Büro\, 2`}},
		{"every name", permit(sequence(0xa4, leafNode(0x30))), []string{"dn:"}},
		{"both lists", sequence(0x30, sequence(0xa0, sequence(0x30, text(0x82, "a.example"))), sequence(0xa1, sequence(0x30, text(0x82, "b.a.example")), sequence(0x30, text(0x81, "a.example")))),
			[]string{"dns:a.example", "!dns:b.a.example", "!email:@a.example"}},
	} {
		got, err := check.Constraints(constrained(t, tt.value.der()))
		if err != nil || len(got) != 1 || !slices.Equal(got[0].Strings(), tt.want) {
			t.Errorf("%s: %v, %v, want %q", tt.name, got, err, tt.want)
		}
	}
	root, a := issuing(t, "ecdsa-p256")
	both, err := check.Constraints(a.Certificate, constrained(t, permit(text(0x82, "b.example")).der()), root.Certificate, constrained(t, permit(text(0x82, "a.example")).der()))
	if err != nil || len(both) != 2 || both[0].Strings()[0] != "dns:b.example" || both[1].Strings()[0] != "dns:a.example" {
		t.Errorf("a chain gives %v, %v", both, err)
	}
}

// PF-05: malformed constraints, and those of types without rules, are never passed
// over.
func TestPF05_MalformedConstraintsAreErrors(t *testing.T) {
	base := text(0x82, "lab.example")
	for name, value := range map[string]*node{
		"nothing":                     sequence(0x30),
		"an empty list":               sequence(0x30, leafNode(0xa0)),
		"an empty subtree":            sequence(0x30, sequence(0xa0, leafNode(0x30))),
		"minimum 0 in full":           sequence(0x30, sequence(0xa0, sequence(0x30, base, leafNode(0x80, 0)))),
		"minimum 1":                   sequence(0x30, sequence(0xa0, sequence(0x30, base, leafNode(0x80, 1)))),
		"a maximum":                   sequence(0x30, sequence(0xa0, sequence(0x30, base, leafNode(0x81, 5)))),
		"two bases":                   sequence(0x30, sequence(0xa0, sequence(0x30, base, base))),
		"excluded before permitted":   sequence(0x30, sequence(0xa1, sequence(0x30, base)), sequence(0xa0, sequence(0x30, base))),
		"a list twice":                sequence(0x30, sequence(0xa0, sequence(0x30, base)), sequence(0xa0, sequence(0x30, base))),
		"a third list":                sequence(0x30, sequence(0xa0, sequence(0x30, base)), sequence(0xa2, sequence(0x30, base))),
		"no sequence":                 sequence(0x31, sequence(0xa0, sequence(0x30, base))),
		"another name (UPN)":          permit(sequence(0xa0, leafNode(6, 0x2b, 6, 1, 4, 1, 0x82, 0x37, 0x14, 2, 3), sequence(0xa0, text(12, "lab.example")))),
		"an X.400 address":            permit(sequence(0xa3, text(0x82, "x"))),
		"an EDI party":                permit(sequence(0xa5, text(0x82, "x"))),
		"a registered id":             permit(leafNode(0x88, 0x2a, 3)),
		"a wildcard":                  permit(text(0x82, "*.lab.example")),
		"a dot at the end":            permit(text(0x82, "lab.example.")),
		"a dot alone":                 permit(text(0x82, ".")),
		"letters beyond ASCII":        permit(text(0x82, "büro.example")),
		"a zero octet":                permit(text(0x82, "lab.example\x00")),
		"an empty e-mail":             permit(leafNode(0x81)),
		"an e-mail of @ and host":     permit(text(0x81, "@lab.example")),
		"two @":                       permit(text(0x81, "a@b@c")),
		"a URI in full":               permit(text(0x86, "https://lab.example/")),
		"a host with a port":          permit(text(0x86, "lab.example:443")),
		"an address without mask":     permit(leafNode(0x87, 10, 0, 0, 0)),
		"an odd length":               permit(leafNode(0x87, 10, 0, 0, 0, 255, 0, 0)),
		"a mask with a hole":          permit(leafNode(0x87, 10, 0, 0, 0, 255, 0, 255, 0)),
		"a mask with a hole in octet": permit(leafNode(0x87, 10, 0, 0, 0, 0xfb, 0, 0, 0)),
		"a mask from below":           permit(leafNode(0x87, 0, 0, 0, 1, 0, 0, 0, 255)),
		"IPv4 in IPv6 form": permit(leafNode(0x87, append([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 0},
			[]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0}...)...)),
		"a name implicitly tagged": permit(sequence(0xa4, sequence(0x31, commonName(text(12, "x"))))),
		"fields together":          permit(directory(commonName(text(12, "x")), commonName(text(12, "y")))),
		"a Teletex string":         permit(directory(commonName(text(0x14, "x")))),
		"a BMP string":             permit(directory(commonName(text(0x1e, "\x00x")))),
		"an empty value":           permit(directory(commonName(leafNode(12)))),
		"no value":                 permit(directory(sequence(0x30, leafNode(6, 0x55, 4, 3)))),
	} {
		if got, err := check.Constraints(constrained(t, value.der())); err == nil {
			t.Errorf("%s is read as %v", name, got)
		}
	}
	many := sequence(0xa0, slices.Repeat([]*node{sequence(0x30, leafNode(0x82, 'a'))}, ca.MaxSubtrees+1)...)
	if _, err := check.Constraints(constrained(t, sequence(0x30, many).der())); err == nil {
		t.Error("too many are read")
	}
	if _, err := check.Constraints([]byte{0x30, 0}); err == nil {
		t.Error("no certificate has constraints")
	}
}

// Names are read as policy.Breaks compares them.
func TestNamesAreReadFromCertificates(t *testing.T) {
	w := good(t, "ecdsa-p256")
	subject, names, err := check.Names(sign(t, w.tbs, "ecdsa-p256"))
	if err != nil || !reflect.DeepEqual(subject, w.draft.Subject) || !reflect.DeepEqual(names, w.draft.Names) {
		t.Errorf("read %v and %v (%v), want %v and %v", subject, names, err, w.draft.Subject, w.draft.Names)
	}
	root, _ := issuing(t, "ecdsa-p256")
	if subject, names, err = check.Names(root.Certificate); err != nil || len(names) != 0 || len(subject) != 2 {
		t.Errorf("a root's are %v and %v, %v", subject, names, err)
	}
	tbs := tree(t, w.tbs)
	list, i := extensionNode(t, tbs, "\x55\x1d\x11")
	e := list.kids[i]
	for what, name := range map[string]*node{"another name": sequence(0xa0, leafNode(6, 0x2a, 3), sequence(0xa0, text(12, "x"))),
		"a directory name": directory(commonName(text(12, "x"))), "an address of 5 octets": leafNode(0x87, 1, 2, 3, 4, 5)} {
		bend(e, []*node{e.kids[0], sequence(4, sequence(0x30, name))}, func() {
			der, err := encode.Certificate(tbs.der(), []byte("x"))
			if err != nil {
				t.Fatal(err)
			}
			if _, names, err := check.Names(der); err == nil {
				t.Errorf("%s is read as %v", what, names)
			}
		})
	}
}

// FuzzConstraints reads arbitrary extensions. Laws: what is read is sound; what may
// stand in a new certificate is written, passes the checker and reads back as
// itself; and crypto/x509, where it reads it too, counts the same subtrees.
func FuzzConstraints(f *testing.F) {
	for _, n := range []*node{permit(text(0x82, "LAB.example")), permit(leafNode(0x87, 10, 1, 2, 3, 255, 0, 0, 0)), permit(directory(commonName(text(12, "x")))),
		sequence(0x30, sequence(0xa1, sequence(0x30, text(0x81, "a.example")), sequence(0x30, text(0x86, ".a.example"))))} {
		f.Add(n.der())
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		if len(value) > 4000 {
			return
		}
		der := constrained(t, value)
		got, err := check.Constraints(der)
		if err != nil {
			return
		}
		if len(got) != 1 || got[0].Empty() || got[0].Check() != nil {
			t.Fatalf("%x is read as %v", value, got)
		}
		lawOfLibrary(t, der, got[0])
		if got[0].CheckNew() != nil {
			return
		}
		d := rootDraft(t, "ed25519")
		d.Constraints = got[0]
		tbs, err := encode.Authority(d)
		if err != nil {
			return // a field of a name may be longer than a new one, or of another string type
		}
		if err := check.Authority(tbs, d); err != nil {
			t.Fatalf("%v is written and refused: %v", got, err)
		}
		if again, err := check.Constraints(sign(t, tbs, "ed25519")); err != nil || !reflect.DeepEqual(again, got) {
			t.Fatalf("%v is read back as %v: %v", got, again, err)
		}
	})
}

func lawOfLibrary(t *testing.T, der []byte, c ca.NameConstraints) {
	t.Helper()
	crt, err := x509.ParseCertificate(der)
	if err != nil {
		return
	}
	count := func(list []ca.Subtree) (n [4]int) {
		for _, s := range list {
			if i := slices.Index([]ca.NameType{ca.DNS, ca.Email, ca.URI, ca.IP}, s.Type); i >= 0 {
				n[i]++
			}
		}
		return n
	}
	permitted := [4]int{len(crt.PermittedDNSDomains), len(crt.PermittedEmailAddresses), len(crt.PermittedURIDomains), len(crt.PermittedIPRanges)}
	excluded := [4]int{len(crt.ExcludedDNSDomains), len(crt.ExcludedEmailAddresses), len(crt.ExcludedURIDomains), len(crt.ExcludedIPRanges)}
	if count(c.Permitted) != permitted || count(c.Excluded) != excluded {
		t.Fatalf("%s: crypto/x509 reads %v and %v", strings.Join(c.Strings(), " "), permitted, excluded)
	}
}
