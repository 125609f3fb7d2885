// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer"
)

// An elsewhere is a hierarchy that OpenSSL keeps: files NAME.pem and NAME.key.
type elsewhere struct {
	t   testing.TB
	dir string
}

func (e elsewhere) openssl(args ...string) []byte {
	e.t.Helper()
	cmd := exec.CommandContext(e.t.Context(), "openssl", args...)
	cmd.Dir = e.dir
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		e.t.Fatalf("openssl %v: %v\n%s", args, err, said.String())
	}
	return out
}

// The extensions that an authority's certificate has elsewhere.
const (
	rootExtensions    = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
	issuingExtensions = "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n" +
		"authorityKeyIdentifier=keyid\nextendedKeyUsage=serverAuth,clientAuth\n"
)

// makes makes a certificate with a new key of openssl's type, or for a request in DER.
func (e elsewhere) makes(name, by, kind string, days int, extensions string) []byte {
	e.t.Helper()
	bits := strings.Split(kind, ":")
	switch bits[0] {
	case "rsa":
		e.openssl("genrsa", "-out", name+".key", bits[1])
	default:
		e.openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", name+".key")
	}
	e.openssl("req", "-new", "-key", name+".key", "-subj", "/O=Elsewhere/CN="+name, "-out", name+".csr")
	return e.signs(name, by, days, extensions)
}

func (e elsewhere) signs(name, by string, days int, extensions string) []byte {
	e.t.Helper()
	if err := os.WriteFile(filepath.Join(e.dir, name+".ext"), []byte(extensions), 0o600); err != nil {
		e.t.Fatal(err)
	}
	args := []string{"x509", "-req", "-sha256", "-in", name + ".csr", "-days", fmt.Sprint(days), "-extfile", name + ".ext", "-out", name + ".pem"}
	if by == "" {
		args = append(args, "-signkey", name+".key")
	} else {
		args = append(args, "-CA", by+".pem", "-CAkey", by+".key", "-CAcreateserial")
	}
	e.openssl(args...)
	block, _ := pem.Decode(e.openssl("x509", "-in", name+".pem"))
	return block.Bytes
}

func (e elsewhere) key(name string) []byte {
	return e.openssl("pkcs8", "-topk8", "-nocrypt", "-in", name+".key", "-outform", "DER")
}

// request writes a request that was exported, for signs.
func (e elsewhere) request(name string, der []byte) {
	e.t.Helper()
	if err := os.WriteFile(filepath.Join(e.dir, name+".csr"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), 0o600); err != nil {
		e.t.Fatal(err)
	}
}

func (c *ceremony) imports(q signer.Import) ca.Authority {
	c.t.Helper()
	made, err := c.Import(q)
	if err != nil {
		c.t.Fatalf("import %s: %v", q.Name, err)
	}
	c.takes(made)
	if made.Authority.Past == nil {
		return made.Authority
	}
	return c.inherits(signer.Inheritance{Authority: q.Name, None: true})
}

// inherits tells what a key from elsewhere revoked there.
func (c *ceremony) inherits(q signer.Inheritance) ca.Authority {
	c.t.Helper()
	got, err := c.Inherit(q)
	if err != nil {
		c.t.Fatalf("what %s revoked: %v", q.Authority, err)
	}
	c.all[q.Authority] = got.Authority
	c.remembered("after the earlier revocations of " + q.Authority)
	return got.Authority
}

func (c *ceremony) importing(name string, kind ca.AuthorityKind, chain ...[]byte) signer.Import {
	q := signer.Import{Name: name, Line: name[:strings.LastIndex(name, "-g")], Kind: kind, Certificates: chain, PKI: pki, Words: c.words}
	for i := range chain[1:] {
		q.Above = append(q.Above, fmt.Sprintf("corp%d", len(chain)-2-i))
	}
	return q
}

// R26: the key is made here and signed elsewhere. What it signs is on the log before it
// does, and it is the same key at each call.
func TestR26_AKeyOfOursIsSignedElsewhere(t *testing.T) {
	c, e := ceremonial(t), elsewhere{t, t.TempDir()}
	q := signer.KeyRequest{Name: "issuing-g2", Kind: ca.Issuing, Subject: named("Lab Issuing G2"), KeyType: "ecdsa-p384"}
	var spki []byte
	for n := range 2 {
		r, err := c.ExportCSR(q)
		if err != nil {
			t.Fatal(err)
		}
		e.request("sub", r.DER)
		e.openssl("req", "-verify", "-noout", "-in", "sub.csr")
		key := e.openssl("req", "-pubkey", "-noout", "-in", "sub.csr")
		if n > 0 && !bytes.Equal(key, spki) {
			t.Error("another key at the second call")
		}
		spki = key
		steps := c.steps()
		last := steps[len(steps)-1]
		if last.Step != "asked" || last.KeyID != "issuing-g2" || len(last.Signed) != 48 {
			t.Errorf("the log says %+v", last)
		}
		c.restarts()
	}
	root := e.makes("root", "", "ec", 4000, rootExtensions)
	middle := e.makes("middle", "root", "ec", 3000, rootExtensions+"authorityKeyIdentifier=keyid\n")
	sub := e.signs("sub", "middle", 2000, issuingExtensions)
	a := c.imports(c.importing("issuing-g2", ca.Issuing, sub, middle, root))
	if a.State != ca.Standby || !slices.Equal(a.Use, []string{"server", "client"}) || a.Parent != "corp1" {
		t.Errorf("imported as %+v", a)
	}
	c.turns("issuing-g2", ca.Active)
	for n := range 2 {
		h := c.hello(0)
		leaf := c.issued(h, wish(n, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
		if out, err := verifiedBy(t, leaf.DER, [][]byte{sub, middle}, root); err != nil {
			t.Errorf("openssl verify: %v\n%s", err, out)
		}
		if _, l := c.listOf(h, "issuing-g2", 0); l.CheckSignatureFrom(parsed(t, sub)) != nil {
			t.Error("the list is not its own")
		}
		c.restarts()
	}
	for _, q := range []signer.Recertification{{Authority: "issuing-g2", Days: 9}, {Authority: "corp0", Days: 9}, {Authority: "corp1", Days: 9}} {
		q.Words = c.words
		c.untouched("a renewal whose signer is elsewhere: "+q.Authority, ca.E2601, func() error { _, err := c.Recertify(q); return err })
	}
	if _, err := c.MakeLists(c.hello(0).Number, ca.ListWish{Authority: "corp0"}); !isCode(err, ca.E3004) {
		t.Errorf("a list of somebody else: %v", err)
	}
	c.untouched("a list of somebody else, with words", ca.E3004, func() error {
		_, err := c.ListRoot(signer.RootListing{Authority: "corp0", Words: c.words})
		return err
	})
	c.untouched("a request for somebody else's key", ca.E3004, func() error {
		_, err := c.ExportCSR(signer.KeyRequest{Name: "corp0", Kind: ca.Intermediate, Subject: named("x"), KeyType: "ed25519", Words: c.words})
		return err
	})
	c.untouched("an authority below somebody else", ca.E2601, func() error { _, err := c.Create(c.creation("next-g1", "corp1", ca.Issuing)); return err })
	c.untouched("a state for somebody else", ca.E2603, func() error { _, err := c.Turn(signer.Turn{Authority: "corp1", To: ca.Retiring}); return err })
}

// R43: authorities with their keys come from elsewhere: RSA of 2048 bits goes on
// signing, as issuing authority and above one.
func TestR43_AnRSA2048AuthorityIsTakenAndGoesOnSigning(t *testing.T) {
	c, e := ceremonial(t), elsewhere{t, t.TempDir()}
	root := e.makes("root", "", "rsa:2048", 4000, rootExtensions)
	sub := e.makes("sub", "root", "rsa:2048", 2000, issuingExtensions)
	// The root first, with its key.
	q := c.importing("old-root-g1", ca.Root, root)
	q.Key = e.key("root")
	if a := c.imports(q); a.KeyType != "rsa-2048" || a.External || a.State != ca.Active {
		t.Errorf("imported as %+v", a)
	}
	q = c.importing("issuing-g2", ca.Issuing, sub, root)
	q.Key, q.Above = e.key("sub"), nil
	if a := c.imports(q); a.Parent != "old-root-g1" {
		t.Errorf("its parent is %s", a.Parent)
	}
	c.turns("issuing-g2", ca.Active)
	c.restarts()
	h := c.hello(0)
	leaf := c.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
	c.verifies(leaf.DER, []string{"issuing-g2", "old-root-g1"})
	c.creates(c.creation("issuing-g3", "old-root-g1", ca.Issuing))
	c.verifies(c.all["issuing-g3"].Certificate, []string{"old-root-g1"})
	for _, name := range []string{"issuing-g2", "old-root-g1"} {
		made, err := c.Recertify(signer.Recertification{Authority: name, Days: map[string]int{"issuing-g2": 2100, "old-root-g1": 4100}[name], Words: c.words})
		if err != nil {
			t.Fatalf("renew %s: %v", name, err)
		}
		c.takes(made)
	}
	c.verifies(leaf.DER, []string{"issuing-g2", "old-root-g1"})
	c.restarts()
}

// R26: an intermediate authority comes with its key, and signs with its words.
func TestR26_AnIntermediateIsImportedWithItsKey(t *testing.T) {
	c, e := ceremonial(t), elsewhere{t, t.TempDir()}
	root := e.makes("root", "", "ec", 4000, rootExtensions)
	middle := e.makes("middle", "root", "ec", 3000, "basicConstraints=critical,CA:TRUE,pathlen:1\n"+rootExtensions[strings.Index(rootExtensions, "keyUsage"):]+
		"nameConstraints=critical,permitted;DNS:lab.example,excluded;DNS:secret.lab.example\n")
	q := c.importing("middle-g1", ca.Intermediate, middle, root)
	q.Key = e.key("middle")
	c.imports(q)
	c.restarts()
	c.creates(c.creation("issuing-g2", "middle-g1", ca.Issuing))
	c.turns("issuing-g2", ca.Active)
	h := c.hello(0)
	leaf := c.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
	if out, err := verifiedBy(t, leaf.DER, [][]byte{c.all["issuing-g2"].Certificate, middle}, root); err != nil {
		t.Errorf("openssl verify: %v\n%s", err, out)
	}
	if a := c.one(h, wish(2, csrBy(t, "secret.lab.example", p256...), profiles(t, h)["server"])); a.Problem == nil || a.Problem.Code != ca.E2114 {
		t.Errorf("a name that what was imported excludes: %+v", a.Problem)
	}
	c.untouched("one more below a path length of 1", ca.E2601, func() error { _, err := c.Create(c.creation("next-g1", "middle-g1", ca.Intermediate)); return err })
}

// SG-03: what is not to be taken leaves nothing behind.
func TestSG03_AnImportThatIsRefusedLeavesNothing(t *testing.T) {
	c, e := ceremonial(t), elsewhere{t, t.TempDir()}
	root := e.makes("root", "", "ec", 4000, rootExtensions)
	stranger := e.makes("stranger", "", "ec", 4000, rootExtensions)
	sibling := e.makes("sibling", "root", "ec", 2000, issuingExtensions)
	made := func(name, kind string, days int, extensions string) []byte {
		return e.makes(name, "root", kind, days, extensions)
	}
	without := func(line string) string {
		var left []string
		for _, l := range strings.SplitAfter(issuingExtensions, "\n") {
			if !strings.HasPrefix(l, line) {
				left = append(left, l)
			}
		}
		return strings.Join(left, "")
	}
	for _, tt := range []struct {
		what string
		code ca.Code
		turn func(*signer.Import)
	}{
		{"another key", ca.E2602, func(q *signer.Import) { q.Key = e.key("sibling") }},
		{"no key", ca.E2602, func(q *signer.Import) { q.Key = nil }},
		{"a key that is none", ca.E2204, func(q *signer.Import) { q.Key = []byte("key") }},
		{"a key of RSA-1024", ca.E2204, func(q *signer.Import) {
			q.Certificates[0], q.Key = made("weak", "rsa:1024", 100, issuingExtensions), e.key("weak")
		}},
		{"no CA:TRUE", ca.E2602, func(q *signer.Import) { q.Certificates[0] = made("sub", "ec", 100, without("basic")) }},
		{"CA:FALSE", ca.E2602, func(q *signer.Import) {
			q.Certificates[0] = made("sub", "ec", 100, "basicConstraints=critical,CA:FALSE\n"+without("basic"))
		}},
		{"no keyCertSign", ca.E2602, func(q *signer.Import) {
			q.Certificates[0] = made("sub", "ec", 100, "keyUsage=critical,cRLSign\n"+without("keyUsage"))
		}},
		{"no cRLSign", ca.E2602, func(q *signer.Import) {
			q.Certificates[0] = made("sub", "ec", 100, "keyUsage=critical,keyCertSign\n"+without("keyUsage"))
		}},
		{"a key identifier that is too long", ca.E2602, func(q *signer.Import) {
			q.Certificates[0] = made("sub", "ec", 100, "subjectKeyIdentifier="+strings.Repeat("AB", 65)+"\n"+without("subjectKey"))
		}},
		{"no key usage", ca.E2602, func(q *signer.Import) { q.Certificates[0] = made("sub", "ec", 100, without("keyUsage")) }},
		{"no key identifier", ca.E2602, func(q *signer.Import) {
			q.Certificates[0] = made("sub", "ec", 100, "subjectKeyIdentifier=none\n"+without("subjectKey"))
		}},
		{"a path length that an online key must not have", ca.E3004, func(q *signer.Import) {
			q.Certificates[0] = made("sub", "ec", 100, "basicConstraints=critical,CA:TRUE\n"+without("basic"))
		}},
		{"no extended key usage", ca.E3004, func(q *signer.Import) { q.Certificates[0] = made("sub", "ec", 100, without("extended")) }},
		{"any use", ca.E2602, func(q *signer.Import) {
			q.Certificates[0] = made("sub", "ec", 100, "extendedKeyUsage=anyExtendedKeyUsage\n"+without("extended"))
		}},
		{"a use that it is not for", ca.E2602, func(q *signer.Import) { q.Use = []string{"codesign"} }},
		{"a life beyond its signer's", ca.E2602, func(q *signer.Import) { q.Certificates[0] = made("sub", "ec", 5000, issuingExtensions) }},
		{"a life that is over", ca.E2602, func(q *signer.Import) { q.Certificates[0] = made("sub", "ec", -1, issuingExtensions) }},
		{"constraints that nobody can read", ca.E2602, func(q *signer.Import) {
			q.Certificates[0] = made("sub", "ec", 100, issuingExtensions+"nameConstraints=critical,DER:30:04:a0:02:30:00\n")
		}},
		{"no root", ca.E2602, func(q *signer.Import) { q.Certificates = q.Certificates[:1] }},
		{"a stranger for its root", ca.E2602, func(q *signer.Import) { q.Certificates[1] = stranger }},
		{"a stranger after its root", ca.E2602, func(q *signer.Import) { q.Certificates, q.Above = append(q.Certificates, stranger), []string{"a", "b"} }},
		{"its root twice", ca.E2602, func(q *signer.Import) { q.Certificates, q.Above = append(q.Certificates, root), []string{"a", "b"} }},
		{"the wrong order", ca.E2602, func(q *signer.Import) { slices.Reverse(q.Certificates) }},
		{"nothing", ca.E2602, func(q *signer.Import) { q.Certificates = nil }},
		{"no certificate", ca.E2602, func(q *signer.Import) { q.Certificates[0] = []byte("certificate") }},
		{"a chain too long", ca.E2602, func(q *signer.Import) { q.Certificates = slices.Repeat(q.Certificates, 20) }},
		{"a name that is taken", ca.E2602, func(q *signer.Import) { q.Name = "issuing-g1" }},
		{"a name out of the directory", ca.E2601, func(q *signer.Import) { q.Name = "../g9" }},
		{"a line of another kind", ca.E2601, func(q *signer.Import) { q.Line = "root" }},
		{"the name of a line for its root", ca.E2602, func(q *signer.Import) { q.Above = []string{"issuing"} }},
		{"its own name for its root", ca.E2602, func(q *signer.Import) { q.Above = []string{q.Name} }},
		{"its own line for its root", ca.E2602, func(q *signer.Import) { q.Above = []string{q.Line} }},
		{"no name for its root", ca.E2602, func(q *signer.Import) { q.Above = nil }},
		{"no address", ca.E2601, func(q *signer.Import) { q.PKI = "" }},
		{"as a root", ca.E2602, func(q *signer.Import) { q.Kind = ca.Root }},
		{"a root as an intermediate", ca.E2602, func(q *signer.Import) { q.Certificates, q.Kind, q.Key = [][]byte{root}, ca.Intermediate, e.key("root") }},
		{"an intermediate without words", ca.E3002, func(q *signer.Import) { q.Kind, q.Words = ca.Intermediate, "" }},
	} {
		q := c.importing("next-g1", ca.Issuing, e.makes("sub", "root", "ec", 2000, issuingExtensions), root)
		tt.turn(&q)
		if tt.what != "no key" && len(q.Key) == 0 {
			q.Key = e.key("sub")
		}
		c.untouched(tt.what, tt.code, func() error { _, err := c.Import(q); return err })
	}

	// Taken once, the key is nobody else's.
	q := c.importing("next-g1", ca.Issuing, sibling, root)
	q.Key = e.key("sibling")
	c.imports(q)
	q.Name, q.Line = "other-g1", "other"
	c.untouched("a key that another authority has", ca.E2602, func() error { _, err := c.Import(q); return err })
	files := c.keyFiles()
	if _, err := c.Lock(); err != nil {
		t.Fatal(err)
	}
	third := e.makes("third", "root", "ec", 2000, issuingExtensions)
	q = c.importing("third-g1", ca.Issuing, third, root)
	q.Key = e.key("third")
	intents := c.count(audit.Authority)
	if _, err := c.Import(q); !isCode(err, ca.E3001) || !slices.Equal(files, c.keyFiles()) || intents != c.count(audit.Authority) {
		t.Errorf("with locked keys: %v", err)
	}
	if _, err := c.Unlock(signer.Unlocking{}); err != nil {
		t.Fatal(err)
	}
	c.imports(q)
}

// R43: an identifier of another length than ours stands in all that is signed.
func TestR43_AKeyIdentifierOfAnotherLengthIsKept(t *testing.T) {
	for _, octets := range []int{8, 64} {
		c, e := ceremonial(t), elsewhere{t, t.TempDir()}
		root := e.makes("root", "", "ec", 4000, strings.Replace(rootExtensions, "=hash", "="+strings.Repeat("AB", octets), 1))
		q := c.importing("old-g1", ca.Root, root)
		q.Key = e.key("root")
		c.imports(q)
		if _, err := c.ListRoot(signer.RootListing{Authority: "old-g1", Words: c.words}); err != nil {
			t.Errorf("%d octets: a list: %v", octets, err)
		}
		c.creates(c.creation("users-g1", "old-g1", ca.Issuing))
		c.verifies(c.all["users-g1"].Certificate, []string{"old-g1"}, "-x509_strict")
		sub := e.makes("sub", "root", "ec", 2000, strings.Replace(issuingExtensions, "=hash", "="+strings.Repeat("CD", octets), 1))
		q = c.importing("issuing-g2", ca.Issuing, sub, root)
		q.Key, q.Above = e.key("sub"), nil
		c.imports(q)
		c.turns("issuing-g2", ca.Active)
		h := c.hello(0)
		leaf := c.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
		c.verifies(leaf.DER, []string{"issuing-g2", "old-g1"})
		c.listOf(h, "issuing-g2", 0)
	}
}
