// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer"
)

// caConfig is the configuration of an openssl ca directory.
const caConfig = `[ca]
default_ca = x
[x]
database = index.txt
serial = serial
crlnumber = crlnumber
new_certs_dir = .
default_md = sha256
default_crl_days = 30
default_days = 300
policy = p
crl_extensions = plain
unique_subject = no
[p]
commonName = supplied
[plain]
authorityKeyIdentifier = keyid
[delta]
2.5.29.27 = critical,DER:02:01:05
[scope]
issuingDistributionPoint = critical,@onlyca
[onlyca]
onlyCA = TRUE
[strange]
1.3.6.1.4.1.99999.7 = critical,DER:05:00
`

// keeps makes an openssl ca directory of the authority NAME, which has issued so many
// certificates, leafN.pem with the serial numbers 1001 and so on, in hex.
func (e elsewhere) keeps(name string, issued int) {
	e.t.Helper()
	for file, text := range map[string]string{"ca.cnf": caConfig, "index.txt": "", "serial": "1001\n", "crlnumber": "07\n"} {
		if err := os.WriteFile(filepath.Join(e.dir, file), []byte(text), 0o600); err != nil {
			e.t.Fatal(err)
		}
	}
	e.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-batch", "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=leaf")
	for n := range issued {
		e.ca(name, "-in", "leaf.csr", "-out", fmt.Sprintf("leaf%d.pem", n), "-notext")
	}
}

func (e elsewhere) ca(name string, args ...string) {
	e.t.Helper()
	e.openssl(append([]string{"ca", "-batch", "-config", "ca.cnf", "-cert", name + ".pem", "-keyfile", name + ".key"}, args...)...)
}

// list makes the list of the directory, in DER.
func (e elsewhere) list(name string, args ...string) []byte {
	e.t.Helper()
	e.ca(name, append([]string{"-gencrl", "-out", "old.crl"}, args...)...)
	return e.openssl("crl", "-in", "old.crl", "-outform", "DER")
}

func (e elsewhere) leaf(n int) []byte {
	e.t.Helper()
	pem0, err := os.ReadFile(filepath.Join(e.dir, fmt.Sprintf("leaf%d.pem", n)))
	if err != nil {
		e.t.Fatal(err)
	}
	block, _ := pem.Decode(pem0)
	return block.Bytes
}

// makesList signs a list in Go, which makes what openssl ca does not.
func (e elsewhere) makesList(name string, l *x509.RevocationList) []byte {
	e.t.Helper()
	block, _ := pem.Decode(e.openssl("x509", "-in", name+".pem"))
	by, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		e.t.Fatal(err)
	}
	key, err := x509.ParsePKCS8PrivateKey(e.key(name))
	if err != nil {
		e.t.Fatal(err)
	}
	der, err := x509.CreateRevocationList(rand.Reader, l, by, key.(crypto.Signer))
	if err != nil {
		e.t.Fatal(err)
	}
	return der
}

// accepted tells whether OpenSSL takes a leaf with a list beside it.
func accepted(t *testing.T, leaf, list []byte, above ...[]byte) bool {
	t.Helper()
	file := filepath.Join(t.TempDir(), "list.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: list}), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := verifiedBy(t, leaf, above[:len(above)-1], above[len(above)-1], "-crl_check", "-CRLfile", file)
	if err != nil && !strings.Contains(out, "certificate revoked") {
		t.Fatalf("openssl verify: %v\n%s", err, out)
	}
	return err == nil
}

// An imported is an authority of an openssl ca directory with three revoked
// certificates of four, that was taken in with its key as issuing-g2.
type imported struct {
	*ceremony
	elsewhere
	t         *testing.T
	root, sub []byte
	old       []byte // its list
}

func newImported(t *testing.T) imported {
	i := imported{ceremony: ceremonial(t), elsewhere: elsewhere{t, t.TempDir()}, t: t}
	i.root = i.makes("root", "", "ec", 4000, rootExtensions)
	i.sub = i.makes("sub", "root", "ec", 2000, issuingExtensions)
	i.keeps("sub", 4)
	for n, why := range []string{"keyCompromise", "certificateHold", "superseded"} {
		i.elsewhere.ca("sub", "-revoke", fmt.Sprintf("leaf%d.pem", n), "-crl_reason", why)
	}
	i.old = i.list("sub")
	q := i.importing("issuing-g2", ca.Issuing, i.sub, i.root)
	q.Key = i.key("sub")
	made, err := i.Import(q)
	if a := made.Authority; err != nil || a.Past == nil || !a.Past.Awaited {
		t.Fatalf("imported as %+v, %v", a.Past, err)
	}
	i.takes(made)
	i.turns("issuing-g2", ca.Active)
	i.MakeResponders() // now, so that none comes while leaves are counted
	return i
}

func (i imported) tries(list []byte) (signer.Inherited, error) {
	return i.Inherit(signer.Inheritance{Authority: "issuing-g2", List: list})
}

func (i imported) inherits(list []byte) signer.Inherited {
	i.t.Helper()
	got, err := i.tries(list)
	if err != nil {
		i.t.Fatalf("inherit: %v", err)
	}
	i.all["issuing-g2"] = got.Authority
	i.remembered("after the earlier revocations")
	return got
}

// R26: what an OpenSSL directory had revoked stays revoked when its authority is taken
// in: no list is made before they are told, and the first has them all, with dates and
// reasons, above the number of the last one there.
func TestR26_WhatWasRevokedElsewhereStaysRevoked(t *testing.T) {
	i := newImported(t)
	h := i.hello(0)
	if _, err := i.MakeLists(h.Number, ca.ListWish{Authority: "issuing-g2"}); !isCode(err, ca.E3004) {
		t.Fatalf("a list before they are told: %v", err)
	}
	i.restarts()
	if _, err := i.MakeLists(i.hello(0).Number, ca.ListWish{Authority: "issuing-g2"}); !isCode(err, ca.E3004) {
		t.Fatalf("a list after a restart, before they are told: %v", err)
	}
	got := i.inherits(i.old)
	if p := got.Authority.Past; got.Entries != 3 || got.Taken != 3 || p.Awaited || p.Entries != 3 || p.Number != 7 || p.List != sha256.Sum256(i.old) {
		t.Errorf("taken: %+v, %+v", got, p)
	}
	h = i.hello(0)
	leaf := i.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
	then, err := x509.ParseRevocationList(i.old)
	if err != nil {
		t.Fatal(err)
	}
	for _, again := range []bool{false, true} {
		if again {
			i.restarts()
		}
		list, now := i.listOf(i.hello(0), "issuing-g2", 0)
		if now.Number.Cmp(then.Number) <= 0 {
			t.Errorf("number %v after %v", now.Number, then.Number)
		}
		for n, e := range then.RevokedCertificateEntries {
			o := now.RevokedCertificateEntries[n]
			if o.SerialNumber.Cmp(e.SerialNumber) != 0 || !o.RevocationTime.Equal(e.RevocationTime) || o.ReasonCode != e.ReasonCode {
				t.Errorf("entry %d is %+v, and was %+v", n, o, e)
			}
		}
		for n, want := range []bool{false, false, false, true} {
			if accepted(t, i.leaf(n), list, i.sub, i.root) != want {
				t.Errorf("OpenSSL accepts leaf %d: %t", n, !want)
			}
		}
		if accepted(t, leaf.DER, list, i.sub, i.root) == again {
			t.Errorf("OpenSSL accepts the one of ours: %t", again)
		}
		if !again {
			if a := i.revoke(i.hello(0), leaf, 1, ca.Superseded); a.Problem != nil {
				t.Fatal(a.Problem)
			}
		} else if len(now.RevokedCertificateEntries) != 4 {
			t.Errorf("%d entries, wanted ours beside theirs", len(now.RevokedCertificateEntries))
		}
	}
	i.remembered("at the end")
}

// A call that is repeated changes nothing; a newer list adds to what was taken, also
// without what is not on it any more.
func TestR26_ANewerListFromElsewhereAdds(t *testing.T) {
	i := newImported(t)
	i.inherits(i.old)
	leaves := i.Size()
	if got := i.inherits(i.old); got.Taken != 0 || i.Size() != leaves {
		t.Errorf("repeated: %+v, %d leaves more", got, i.Size()-leaves)
	}
	i.elsewhere.ca("sub", "-revoke", "leaf3.pem")
	if got := i.inherits(i.list("sub")); got.Taken != 1 || got.Authority.Past.Entries != 4 || got.Authority.Past.Number != 8 {
		t.Errorf("a newer one: %+v, %+v", got, got.Authority.Past)
	}
	i.elsewhere.keeps("sub", 0)
	if got := i.inherits(i.list("sub")); got.Authority.Past.Entries != 4 {
		t.Errorf("an empty one: %+v", got.Authority.Past)
	}
	if _, l := i.listOf(i.hello(0), "issuing-g2", 0); len(l.RevokedCertificateEntries) != 4 {
		t.Errorf("%d entries", len(l.RevokedCertificateEntries))
	}
	for _, tt := range []struct {
		what string
		code ca.Code
		q    signer.Inheritance
	}{
		{"nothing, against what is known", ca.E2602, signer.Inheritance{Authority: "issuing-g2", None: true}},
		{"for a key that was made here", ca.E2602, signer.Inheritance{Authority: "issuing-g1", List: i.old}},
		{"nothing for a key that was made here", ca.E2602, signer.Inheritance{Authority: "issuing-g1", None: true}},
		{"for nobody", ca.E2101, signer.Inheritance{Authority: "issuing-g9", List: i.old}},
	} {
		if _, err := i.Inherit(tt.q); !isCode(err, tt.code) {
			t.Errorf("%s: %v", tt.what, err)
		}
	}
}

// What is not the complete list of the key leaves nothing behind.
func TestR26_AListFromElsewhereThatIsNotItsOwnIsRefused(t *testing.T) {
	i := newImported(t)
	i.makes("other", "root", "ec", 2000, issuingExtensions)
	i.elsewhere.openssl("ec", "-in", "other.key", "-out", "twin.key")
	i.elsewhere.openssl("req", "-x509", "-key", "twin.key", "-subj", "/O=Elsewhere/CN=sub", "-out", "twin.pem", "-days", "100")
	signed := func(turn func(*x509.RevocationList)) []byte {
		l := &x509.RevocationList{Number: big.NewInt(9), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour),
			RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(5), RevocationTime: time.Now().Add(-2 * time.Hour)}}}
		turn(l)
		return i.makesList("sub", l)
	}
	for what, list := range map[string][]byte{
		"by another key":        i.list("twin"),
		"of another issuer":     i.list("other"),
		"a delta":               i.list("sub", "-crlexts", "delta"),
		"of a part":             i.list("sub", "-crlexts", "scope"),
		"a critical extension":  i.list("sub", "-crlexts", "strange"),
		"with something behind": append(bytes.Clone(i.old), 0),
		"nothing":               nil,
		"too long":              make([]byte, signer.MaxPast+1),
		"from the future":       signed(func(l *x509.RevocationList) { l.ThisUpdate = time.Now().Add(30 * time.Minute) }),
		"of a number too high":  signed(func(l *x509.RevocationList) { l.Number = new(big.Int).Lsh(big.NewInt(1), 70) }),
		"a serial of zero":      signed(func(l *x509.RevocationList) { l.RevokedCertificateEntries[0].SerialNumber = big.NewInt(0) }),
		"a serial below zero":   signed(func(l *x509.RevocationList) { l.RevokedCertificateEntries[0].SerialNumber = big.NewInt(-5) }),
		"a serial of 21 octets": signed(func(l *x509.RevocationList) { l.RevokedCertificateEntries[0].SerialNumber.Lsh(big.NewInt(1), 159) }),
		"a removal":             signed(func(l *x509.RevocationList) { l.RevokedCertificateEntries[0].ReasonCode = 8 }),
		"a reason nobody has":   signed(func(l *x509.RevocationList) { l.RevokedCertificateEntries[0].ReasonCode = 7 }),
		"an entry of tomorrow": signed(func(l *x509.RevocationList) {
			l.RevokedCertificateEntries[0].RevocationTime = time.Now().Add(time.Hour)
		}),
		"an entry twice": signed(func(l *x509.RevocationList) {
			l.RevokedCertificateEntries = slices.Repeat(l.RevokedCertificateEntries, 2)
		}),
	} {
		before := i.Size()
		if _, err := i.tries(list); !isCode(err, ca.E2602) {
			t.Errorf("%s: %v", what, err)
		}
		// So that nothing is imported whose list is not taken then.
		if _, err := (signer.Inheritance{Authority: "issuing-g2", List: list}).Judge(i.sub, time.Now()); !isCode(err, ca.E2602) {
			t.Errorf("%s, judged by the certificate alone: %v", what, err)
		}
		if i.Size() != before {
			t.Errorf("%s: something came on the log", what)
		}
	}
	for n := range i.old {
		if _, err := i.tries(i.old[:n]); !isCode(err, ca.E2602) {
			t.Fatalf("cut to %d octets: %v", n, err)
		}
	}
	if n := i.count(audit.Earlier); n != 0 {
		t.Errorf("%d leaves", n)
	}
	i.inherits(i.old)
}

// A key that an import brought which then broke off stays one from elsewhere: it is
// imported without bringing it again, and not taken for a new one.
func TestR26_AKeyFromElsewhereStaysOne(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		c, e := ceremonial(t), elsewhere{t, t.TempDir()}
		root := e.makes("root", "", "ec", 4000, rootExtensions)
		q := c.importing("users-g1", ca.Issuing, e.makes("sub", "root", "ec", 2000, issuingExtensions), root)
		q.Key = e.key("sub")
		if err := c.Bring(q); err != nil {
			t.Fatal(err)
		}
		if restarts {
			c.restarts()
		}
		c.untouched("an authority of it", ca.E2601, func() error { _, err := c.Create(c.creation("users-g1", "root-g1", ca.Issuing)); return err })
		q.Key = nil
		made, err := c.Import(q)
		if a := made.Authority; err != nil || a.Past == nil || !a.Past.Awaited {
			t.Errorf("imported as %+v, %v", a.Past, err)
		}
	}
}

// A list whose next one was due is taken only from who says that nothing was revoked since.
func TestR26_AListThatEndedIsTakenOnlyWhenSaidSo(t *testing.T) {
	i := newImported(t)
	made := time.Date(2025, time.January, 1, 0, 0, 0, 0, time.UTC)
	ended := i.makesList("sub", &x509.RevocationList{Number: big.NewInt(8), ThisUpdate: made, NextUpdate: made.AddDate(0, 1, 0),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(0x1001), RevocationTime: made}}})
	if got, err := (signer.Inheritance{Authority: "issuing-g2", List: i.old}).Judge(i.sub, time.Now()); err != nil || got.Entries != 3 || got.Number != 7 || got.Next.IsZero() {
		t.Errorf("one that has not, judged by the certificate alone: %+v, %v", got, err)
	}
	leaves := i.Size()
	if _, err := i.tries(ended); !isCode(err, ca.E2602) || i.Size() != leaves {
		t.Errorf("not said: %v, %d leaves more", err, i.Size()-leaves)
	}
	q := signer.Inheritance{Authority: "issuing-g2", List: ended, Ended: true, DryRun: true}
	got, err := i.Inherit(q)
	if err != nil || got.Entries != 1 || got.Taken != 1 || got.Number != 8 || got.Made.Year() != 2025 || i.Size() != leaves || !got.Authority.Past.Awaited {
		t.Errorf("the dry run: %+v, %v", got, err)
	}
	q.DryRun = false
	if got, err := i.Inherit(q); err != nil || got.Taken != 1 || len(got.Notices) != 1 {
		t.Errorf("said so: %+v, %v", got, err)
	}
	q.List = i.endless(ended)
	_, err = i.tries(q.List)
	var p *ca.Problem
	if !errors.As(err, &p) || p.Code != ca.E2602 || strings.Contains(p.Detail, "0001") || !strings.Contains(p.Detail, "does not say when") {
		t.Errorf("a list that has no next one: %v", err)
	}
	if got, err := i.Inherit(q); err != nil || !got.Next.IsZero() || len(got.Notices) != 1 {
		t.Errorf("a list that has no next one, said so: %+v, %v", got, err)
	}
}

// endless signs a list anew without the date of the next one, as openssl and Go do not.
func (i imported) endless(list []byte) []byte {
	i.t.Helper()
	var l struct {
		TBS       []asn1.RawValue // version, algorithm, issuer, this update, next update, entries, extensions
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(list, &l); err != nil {
		i.t.Fatal(err)
	}
	l.TBS = slices.Delete(l.TBS, 4, 5)
	tbs, err := asn1.Marshal(l.TBS)
	if err != nil {
		i.t.Fatal(err)
	}
	key, err := x509.ParsePKCS8PrivateKey(i.key("sub"))
	if err != nil {
		i.t.Fatal(err)
	}
	hash := sha256.Sum256(tbs)
	sig, err := key.(crypto.Signer).Sign(rand.Reader, hash[:], crypto.SHA256)
	if err != nil {
		i.t.Fatal(err)
	}
	l.Signature = asn1.BitString{Bytes: sig, BitLength: 8 * len(sig)}
	out, err := asn1.Marshal(l)
	if err != nil {
		i.t.Fatal(err)
	}
	return out
}
