// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"chancery/ca"
	"chancery/signer"
)

// What no verifier accepts does not begin to sign: the chain is judged as they judge it.
func TestPF05_AChainThatNoVerifierAcceptsIsNotTaken(t *testing.T) {
	c, e := ceremonial(t), elsewhere{t, t.TempDir()}
	narrow := strings.Replace(rootExtensions, "CA:TRUE", "CA:TRUE,pathlen:0", 1)
	for _, tt := range []struct{ what, root, middle, sub string }{
		{"a path length that is spent", narrow, rootExtensions, issuingExtensions},
		{"a path length that is spent in the middle", rootExtensions, narrow, issuingExtensions},
		{"uses that the middle has not", rootExtensions, rootExtensions + "extendedKeyUsage=emailProtection\n", issuingExtensions},
		{"a name outside the constraints", rootExtensions + "nameConstraints=critical,permitted;dirName:d\n[d]\nO=Other\n", rootExtensions, issuingExtensions},
		{"a critical extension nobody knows", rootExtensions, rootExtensions, issuingExtensions + "1.2.3.4=critical,DER:05:00\n"},
		{"one in the middle", rootExtensions, rootExtensions + "1.2.3.4=critical,DER:05:00\n", issuingExtensions},
		{"another signer's identifier", rootExtensions, rootExtensions, strings.Replace(issuingExtensions, "authorityKeyIdentifier=keyid\n", "2.5.29.35=DER:30:06:80:04:01:02:03:04\n", 1)},
	} {
		root := e.makes("root", "", "ec", 4000, tt.root)
		middle := e.makes("middle", "root", "ec", 3000, tt.middle)
		q := c.importing("issuing-g2", ca.Issuing, e.makes("sub", "middle", "ec", 2000, tt.sub), middle, root)
		q.Key = e.key("sub")
		c.untouched(tt.what, ca.E2602, func() error { _, err := c.Import(q); return err })
	}
	// Exactly as many as the path length allows, and the uses that the middle has.
	root := e.makes("root", "", "ec", 4000, strings.Replace(rootExtensions, "CA:TRUE", "CA:TRUE,pathlen:1", 1))
	middle := e.makes("middle", "root", "ec", 3000, strings.Replace(rootExtensions, "CA:TRUE", "CA:TRUE,pathlen:1", 1)+"extendedKeyUsage=serverAuth,clientAuth\n")
	q := c.importing("middle-g1", ca.Intermediate, middle, root)
	q.Key = e.key("middle")
	c.imports(q)
}

// R43: a root of SHA-1 is trusted because it is known; nobody asks for its signature.
func TestR43_ARootOfSHA1StandsAbove(t *testing.T) {
	c, e := ceremonial(t), elsewhere{t, t.TempDir()}
	e.makes("root", "", "rsa:2048", 4000, rootExtensions)
	e.openssl("x509", "-req", "-sha1", "-in", "root.csr", "-days", "4000", "-extfile", "root.ext", "-out", "root.pem", "-signkey", "root.key")
	root := e.openssl("x509", "-in", "root.pem", "-outform", "DER")
	sub := e.makes("sub", "root", "rsa:2048", 2000, issuingExtensions)
	q := c.importing("issuing-g2", ca.Issuing, sub, root)
	q.Key = e.key("sub")
	c.imports(q)
}

// A known authority above stands for what its certificate here says, not for the one
// that comes along.
func TestPF05_AKnownAuthorityAboveIsJudgedByItsCertificateHere(t *testing.T) {
	c, e := ceremonial(t), elsewhere{t, t.TempDir()}
	root := e.makes("root", "", "ec", 4000, rootExtensions)
	middle := e.makes("middle", "root", "ec", 300, strings.Replace(rootExtensions, "CA:TRUE", "CA:TRUE,pathlen:0", 1))
	q := c.importing("middle-g1", ca.Intermediate, middle, root)
	q.Key = e.key("middle")
	c.imports(q)
	wider := e.signs("middle", "root", 3000, rootExtensions)
	sub := c.importing("issuing-g2", ca.Issuing, e.makes("sub", "middle", "ec", 2000, issuingExtensions), wider, root)
	sub.Key = e.key("sub")
	c.untouched("below a certificate that is not in force", ca.E2602, func() error {
		_, err := c.Import(sub)
		var p *ca.Problem
		if errors.As(err, &p) && !strings.HasSuffix(p.Fix, ": chancery ca import-cert middle-g1 FILE") {
			t.Errorf("the way on is %q", p.Fix)
		}
		return err
	})
	c.imports(c.importing("middle-g1", ca.Intermediate, wider, root))
	a := c.imports(sub)
	if out, err := verifiedBy(t, a.Certificate, [][]byte{c.all["middle-g1"].Certificate}, root); err != nil {
		t.Errorf("openssl: %v %s", err, out)
	}
}

// A new certificate takes its uses with it, is of the same kind, and leaves what is below
// it standing; those of another signer before are cross-certificates from then on.
func TestPF05_ANewCertificateKeepsWhatIsBelowStanding(t *testing.T) {
	c, e := ceremonial(t), elsewhere{t, t.TempDir()}
	root := e.makes("root", "", "ec", 4000, rootExtensions)
	other := e.makes("other", "", "ec", 4000, rootExtensions)
	middle := e.makes("middle", "root", "ec", 1000, rootExtensions)
	q := c.importing("middle-g1", ca.Intermediate, middle, root)
	q.Key = e.key("middle")
	c.imports(q)
	replaced := func(by string, days int, extensions string, above []byte) func() error {
		q := c.importing("middle-g1", ca.Intermediate, e.signs("middle", by, days, extensions), above)
		return func() error {
			made, err := c.Import(q)
			if err == nil {
				c.takes(made)
			}
			return err
		}
	}
	mail := rootExtensions + "extendedKeyUsage=emailProtection\n"
	c.creates(c.creation("sub-g1", "middle-g1", ca.Issuing))
	c.untouched("uses that what is below has not", ca.E2602, replaced("root", 3000, mail, root))
	c.untouched("no room for what is below", ca.E2602, replaced("root", 3000, "nameConstraints=critical,permitted;dirName:d\n"+rootExtensions+"[d]\nO=Other\n", root))
	wrong := c.importing("middle-g1", ca.Issuing, e.signs("middle", "root", 3000, issuingExtensions), root)
	c.untouched("another kind", ca.E2602, func() error { _, err := c.Import(wrong); return err })

	// Another signer, known by an authority of its own.
	q = c.importing("side-g1", ca.Issuing, e.makes("side", "other", "ec", 900, issuingExtensions), other)
	q.Key, q.Above = e.key("side"), []string{"elsewhere-g1"}
	c.imports(q)
	if err := replaced("other", 3000, rootExtensions, other)(); err != nil {
		t.Fatal(err)
	}
	a := c.all["middle-g1"]
	if a.Parent != "elsewhere-g1" || len(a.Earlier) != 0 || len(a.Cross) != 1 || a.Cross[0].By != "corp0" {
		t.Errorf("below %s, earlier %d, cross %+v", a.Parent, len(a.Earlier), a.Cross)
	}
	c.turns("sub-g1", ca.Retiring)
	c.turns("sub-g1", ca.Retired)
	if err := replaced("other", 3100, mail, other)(); err != nil || !slices.Equal(c.all["middle-g1"].Use, []string{"email"}) {
		t.Errorf("with uses: %v, %v", err, c.all["middle-g1"].Use)
	}
	next := c.creation("sub-g2", "middle-g1", ca.Issuing)
	c.untouched("uses that the parent has not", ca.E3004, func() error { _, err := c.Create(next); return err })
	c.restarts()
}

// Two authorities never have one name: whoever verifies finds them by it.
func TestPF05_NoTwoAuthoritiesHaveOneName(t *testing.T) {
	c, e := ceremonial(t), elsewhere{t, t.TempDir()}
	for _, name := range []string{"root-g1", "issuing-g1"} {
		q := c.creation("users-g1", "root-g1", ca.Issuing)
		q.Subject = ca.Subject{{OID: ca.OIDCommonName, Value: parsed(t, c.all[name].Certificate).Subject.CommonName}}
		c.untouched("the name of "+name, ca.E2601, func() error { _, err := c.Create(q); return err })
	}
	root := e.makes("root", "", "ec", 4000, rootExtensions)
	q := c.importing("users-g1", ca.Issuing, e.makes("sub", "root", "ec", 2000, issuingExtensions), root)
	q.Key = e.key("sub")
	c.imports(q)
	q = c.importing("users-g2", ca.Issuing, e.makes("sub", "root", "ec", 2000, issuingExtensions), root)
	q.Key, q.Above = e.key("sub"), nil
	c.untouched("the name of an imported one", ca.E2602, func() error { _, err := c.Import(q); return err })
	r := signer.Resigning{Import: q, Parent: "root-g1", ParentWords: c.words, Days: 100}
	c.untouched("the same, certified anew", ca.E2602, func() error { _, err := c.Resign(r); return err })
}

// Nor one that verifiers take for the same (RFC 5280 §7.1): in other letters, with other
// spaces, as another type of string.
func TestPF05_NoTwoAuthoritiesHaveNamesThatVerifiersTakeForOne(t *testing.T) {
	c, e := ceremonial(t), elsewhere{t, t.TempDir()}
	lab := func(cn string, kind ca.StringType) signer.Creation {
		q := c.creation("lab-g1", "root-g1", ca.Issuing)
		q.Subject = ca.Subject{{OID: ca.OIDCommonName, Value: cn, Type: kind}}
		return q
	}
	const printable, utf8 = 19, 12
	c.creates(lab("Lab CA", printable))
	for _, q := range []signer.Creation{lab("LAB  ca", printable), lab("Lab CA", utf8), lab(" lab ca ", utf8)} {
		q.Name, q.Line = "lab2-g1", "lab2"
		c.untouched(q.Subject.String(), ca.E2601, func() error { _, err := c.Create(q); return err })
	}
	root := e.makes("root", "", "ec", 4000, rootExtensions)
	for _, subject := range []string{"/CN=LAB  ca", "/CN=Lab CA"} {
		e.openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", "sub.key")
		e.openssl("req", "-new", "-utf8", "-key", "sub.key", "-subj", subject, "-out", "sub.csr")
		q := c.importing("users-g1", ca.Issuing, e.signs("sub", "root", 2000, issuingExtensions), root)
		q.Key = e.key("sub")
		c.untouched("imported as "+subject, ca.E2602, func() error { _, err := c.Import(q); return err })
	}
	e.openssl("req", "-x509", "-new", "-key", "sub.key", "-subj", "/O=Elsewhere/CN=ROOT", "-days", "4000", "-out", "second.pem",
		"-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
	first := c.importing("old-g1", ca.Root, root)
	first.Key = e.key("root")
	c.imports(first)
	q := c.importing("older-g1", ca.Root, e.openssl("x509", "-in", "second.pem", "-outform", "DER"))
	q.Key = e.key("sub")
	c.untouched("a root whose name is another's in other letters", ca.E2602, func() error { _, err := c.Import(q); return err })
}
