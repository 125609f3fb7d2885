// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"chancery/ca"
	"chancery/check"
	"chancery/encode"
	"chancery/internal/hierarchy"
	"chancery/policy"
)

// today is real, because certtool cannot be told another day.
func today() time.Time { return time.Now().UTC().Truncate(24 * time.Hour) }

// A chain is a root, an authority between and an issuing one, and their
// constraints. All chains have the same names and keys, so that one leaf can be
// verified under each.
type chain struct {
	text  [3][]string
	certs [3]ca.Authority
	limit []ca.NameConstraints
	// broken says why our policy would not have founded it, or is nil.
	broken error
}

func newChain(t testing.TB, text [3][]string) *chain {
	t.Helper()
	c := &chain{text: text}
	for i, keyType := range []string{"ecdsa-p384", "ecdsa-p521", "ecdsa-p256"} {
		name := []string{"root-g1", "middle-g1", "issuing-g1"}[i]
		d := hierarchy.RootDraft(t, keyType)
		d.Subject = ca.Subject{{OID: ca.OIDCountry, Value: "DE"}, {OID: ca.OIDOrganization, Value: "Lab"}, {OID: ca.OIDCommonName, Value: "Lab " + name}}
		d.Serial, d.PathLen = ca.Serial("41"+strings.Repeat(strconv.Itoa(i+1), 36)), 2-i
		d.NotBefore, d.NotAfter = today().AddDate(0, 0, -1), today().AddDate(3-i, 0, 0)
		var err error
		if d.Constraints, err = ca.ParseConstraints(text[i]); err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			d.Issuer = &c.certs[i-1]
			if err := policy.Breaks(c.limit, d.Subject, nil); err != nil && c.broken == nil {
				c.broken = err
			}
		}
		c.certs[i] = hierarchy.Authority(t, name, keyType, d)
		if i == 2 {
			c.certs[i].Use = []string{"server", "client", "email"}
		}
		if c.limit, err = check.Constraints(c.certs[0].Certificate, c.certs[1].Certificate, c.certs[2].Certificate); i == 2 && err != nil {
			t.Fatal(err)
		}
		if i < 2 { // what is there so far
			c.limit = nil
			for _, a := range c.certs[:i+1] {
				n, err := check.Constraints(a.Certificate)
				if err != nil {
					t.Fatal(err)
				}
				c.limit = append(c.limit, n...)
			}
		}
	}
	return c
}

// A leaf is an end-entity certificate that nobody vetted.
type leaf struct {
	subject ca.Subject
	names   []ca.Name
	der     []byte
	text    string
}

// newLeaf reads a subject's text and names as type:value.
func newLeaf(t testing.TB, issuer *encode.Issuer, subject string, names ...string) leaf {
	t.Helper()
	l := leaf{text: subject + " | " + strings.Join(names, " ")}
	var err error
	if l.subject, err = ca.ParseDN(subject); err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		typ, value, _ := strings.Cut(n, ":")
		l.names = append(l.names, ca.Name{Type: ca.NameType(typ), Value: value})
	}
	d := hierarchy.Draft(t, "ecdsa-p256")
	d.Subject, d.Names, d.NotBefore, d.NotAfter = l.subject, l.names, today(), today().AddDate(0, 1, 0)
	tbs, err := issuer.TBS(d, "410001699999990102030405060708090a0b0c")
	if err != nil {
		t.Fatalf("%s: %v", l.text, err)
	}
	l.der = hierarchy.Sign(t, tbs, "ecdsa-p256")
	return l
}

// verdict is our policy's.
func (c *chain) verdict(l leaf) error {
	if c.broken != nil {
		return c.broken
	}
	return policy.Breaks(c.limit, l.subject, l.names)
}

func writePEM(t testing.TB, name string, certs ...[]byte) string {
	t.Helper()
	var b bytes.Buffer
	for _, der := range certs {
		if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

var accepted = regexp.MustCompile(`(?m)^leaf-(\d+)\.pem: OK$`)

// openssl gives the leaves, by number, that OpenSSL's strict verification accepts:
// one process for a chain, over files leaf-N.pem.
func (c *chain) openssl(t testing.TB, dir string, leaves []int) map[int]bool {
	t.Helper()
	args := []string{"verify", "-x509_strict", "-CAfile", writePEM(t, filepath.Join(dir, "root.pem"), c.certs[0].Certificate),
		"-untrusted", writePEM(t, filepath.Join(dir, "middle.pem"), c.certs[1].Certificate, c.certs[2].Certificate)}
	for _, n := range leaves {
		args = append(args, fmt.Sprintf("leaf-%d.pem", n))
	}
	cmd := exec.CommandContext(t.Context(), "openssl", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	ok := map[int]bool{}
	for _, m := range accepted.FindAllSubmatch(out, -1) {
		n, _ := strconv.Atoi(string(m[1]))
		ok[n] = true
	}
	if refused := bytes.Count(out, []byte(": verification failed")); len(ok)+refused != len(leaves) {
		t.Fatalf("openssl said of %d leaves:\n%s", len(leaves), out)
	}
	return ok
}

// library is what crypto/x509 says; it knows no constraints of directory names.
func (c *chain) library(t testing.TB, l leaf) error {
	t.Helper()
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for i, a := range c.certs {
		crt, err := x509.ParseCertificate(a.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			roots.AddCert(crt)
		} else {
			between.AddCert(crt)
		}
	}
	crt, err := x509.ParseCertificate(l.der)
	if err != nil {
		return err
	}
	_, err = crt.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return err
}

// gnutls tells whether certtool verifies the leaf.
func (c *chain) gnutls(t testing.TB, dir string, l leaf) bool {
	t.Helper()
	root := writePEM(t, filepath.Join(dir, "root.pem"), c.certs[0].Certificate)
	all := writePEM(t, filepath.Join(dir, "chain.pem"), l.der, c.certs[2].Certificate, c.certs[1].Certificate)
	out, err := exec.CommandContext(t.Context(), "certtool", "--verify", "--load-ca-certificate", root, "--infile", all).CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	return err == nil && bytes.Contains(out, []byte("Chain verification output: Verified"))
}

// has tells whether a chain constrains a type.
func (c *chain) has(t ca.NameType) bool {
	return slices.ContainsFunc(slices.Concat(c.text[0], c.text[1], c.text[2]), func(s string) bool {
		return strings.HasPrefix(strings.TrimPrefix(s, "!"), string(t)+":")
	})
}

// The atoms that generated chains and leaves are made of.
var (
	spaces = []string{
		"dns:lab.example", "dns:example", "dns:www.lab.example", "dns:xn--bro-hoa.lab.example", "!dns:secret.lab.example", "!dns:evil.test", "!dns:", "!dns:a.b.lab.example",
		"email:@lab.example", "email:.lab.example", "email:hana@lab.example", "!email:root@lab.example", "!email:@evil.test", "!email:.lab.example",
		"uri:lab.example", "uri:.lab.example", "uri:lab", "!uri:secret.lab.example", "!uri:.secret.lab.example", "!uri:evil.test",
		"ip:10.0.0.0/8", "ip:10.0.0.7/32", "ip:fd00::/8", "ip:0.0.0.0/0", "!ip:10.1.0.0/16", "!ip:2001:db8::/33", "!ip:0.0.0.0/0", "!ip:10.128.0.0/9",
		"dn:C=DE", "dn:C=DE,O=Lab", "dn:O=Lab", "dn:C=DE,O=lab", "!dn:C=DE,O=Lab,OU=Secret", "!dn:O=Büro", "!dn:C=FR", "!dn:O=Evil  Corp",
	}
	hosts     = []string{"nas.lab.example", "lab.example", "secret.lab.example", "a.secret.lab.example", "*.lab.example", "*.secret.lab.example", "notlab.example", "evil.test", "xn--bro-hoa.lab.example", "*.b.lab.example", "www.lab.example", "*.www.lab.example"}
	mailboxes = []string{"hana@lab.example", "Hana@lab.example", "root@lab.example", "ROOT@lab.example", "a@sub.lab.example", "a@evil.test", "a@sub.evil.test", "a@notlab.example"}
	locators  = []string{"https://lab.example/a", "https://www.lab.example/a", "https://lab.example:8443/x", "https://10.0.0.1/", "spiffe://lab/x", "https://lab.example/a:b", "https://secret.lab.example?x=1", "https://evil.test/", "https://LAB.example/", "https://a.secret.lab.example/", "https://[fd00::1]/", "https://lab.example"}
	addresses = []string{"10.0.0.7", "10.1.2.3", "10.127.255.255", "10.128.0.0", "192.0.2.7", "fd00::7", "2001:db8::1", "2001:db8:8000::1"}
	subjects  = []string{"", "", "C=DE,O=Lab,CN=nas", "C=DE,O=LAB,CN=nas", "C=DE,O=Lab,OU=Secret", "C=DE,O=Lab,OU=secret ,CN=x", "O=Lab", "O=Büro", "O=BÜRO", "C=FR,O=Lab", "O=evil corp",
		"O=Evil  Corp,OU=x", "C=DE,O=Lab,CN=www.evil.test", "C=DE,CN=Hana Horn", "C=DE,O=Lab,CN=nas.lab.example", "emailAddress=hana@lab.example", "C=DE,emailAddress=a@evil.test", "C=DE,O=Lab,emailAddress=ROOT@lab.example", "CN=*.secret.lab.example"}
)

// some takes up to n of the list.
func some(r *rand.Rand, n int, list []string, prefix string) (out []string) {
	for range r.IntN(n + 1) {
		if s := prefix + list[r.IntN(len(list))]; !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// stricter tells which of our rules beyond OpenSSL's could apply to a leaf: the
// table of TestPF05_EachVerifier says what each is about.
func stricter(c *chain, l leaf) string {
	for _, n := range l.names {
		switch {
		case strings.HasPrefix(n.Value, "*."):
			return "wildcard"
		case n.Type == ca.URI && strings.ContainsAny(n.Value, "?[") || strings.Contains(n.Value, "10.0.0.1/") || strings.HasSuffix(n.Value, "a:b"):
			return "host of a URI"
		case strings.Contains(n.Value, "@sub.evil.test") || strings.Contains(n.Value, "//a.secret."):
			return "below an excluded host"
		case n.Type == ca.Email && c.has(ca.Email) && strings.ToLower(n.Value) != n.Value:
			return "case of a mailbox"
		}
	}
	switch cn := l.subject.Get(ca.OIDCommonName); {
	case strings.Contains(cn, "."):
		return "common name"
	case l.subject.Get(ca.OIDEmail) != "" && c.has(ca.Email):
		return "case of a mailbox"
	case strings.Contains(l.text, "Ü"):
		return "letters beyond ASCII"
	}
	return ""
}

// PF-05, R16: generated chains and leaves. What our policy lets pass, OpenSSL's
// strict verification accepts, and so does crypto/x509 where it knows the types;
// what we refuse beyond that is one of the named kinds.
func TestPF05_WhatPassesVerifiersAccept(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Fatal("openssl is not installed: make test installs it")
	}
	const chains, leavesEach, pool = 60, 15, 200
	seed := uint64(20261121)
	if os.Getenv("CHANCERY_SOAK") != "" {
		seed = rand.Uint64()
	}
	r := rand.New(rand.NewPCG(seed, 5))
	dir := t.TempDir()
	issuer, err := encode.NewIssuer(newChain(t, [3][]string{}).certs[2])
	if err != nil {
		t.Fatal(err)
	}
	var leaves []leaf
	for len(leaves) < pool {
		names := slices.Concat(some(r, 2, hosts, "dns:"), some(r, 1, mailboxes, "email:"), some(r, 1, locators, "uri:"), some(r, 1, addresses, "ip:"))
		if len(names) == 0 {
			continue
		}
		l := newLeaf(t, issuer, subjects[r.IntN(len(subjects))], names...)
		writePEM(t, filepath.Join(dir, fmt.Sprintf("leaf-%d.pem", len(leaves))), l.der)
		leaves = append(leaves, l)
	}
	passed, refused, beyond := 0, 0, map[string]int{}
	for range chains {
		var text [3][]string
		for len(text[0])+len(text[1])+len(text[2]) == 0 {
			text = [3][]string{some(r, 1, spaces, ""), some(r, 1, spaces, ""), some(r, 3, spaces, "")}
		}
		c := newChain(t, text)
		picked := r.Perm(pool)[:leavesEach]
		ok := c.openssl(t, dir, picked)
		for _, n := range picked {
			ours := c.verdict(leaves[n])
			switch {
			case ours == nil && !ok[n]:
				t.Errorf("seed %d: %v: %s passes and OpenSSL refuses it", seed, c.text, leaves[n].text)
			case ours == nil:
				passed++
				if err := c.library(t, leaves[n]); err != nil && !c.has(ca.DirectoryName) {
					t.Errorf("seed %d: %v: %s passes and crypto/x509 refuses it: %v", seed, c.text, leaves[n].text, err)
				}
			case ok[n]:
				kind := stricter(c, leaves[n])
				if beyond[kind]++; kind == "" {
					t.Errorf("seed %d: %v: %s is refused without reason: %v", seed, c.text, leaves[n].text, ours)
				}
			default:
				refused++
			}
		}
	}
	t.Logf("seed %d: passed by all %d, refused by all %d, by us alone %v", seed, passed, refused, beyond)
	if passed < 100 || refused < 100 {
		t.Errorf("only %d passed and %d were refused: the cases are lopsided", passed, refused)
	}
}
