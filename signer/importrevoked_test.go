// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"crypto/x509"
	"math/big"
	"strings"
	"testing"

	"chancery/ca"
	"chancery/signer"
)

// BK-06: what a key that is here revoked, be it here or elsewhere, is not taken in: neither
// as a new authority, nor as a new certificate of one that is here, nor above another one.
func TestBK06_AnImportOfWhatItsParentRevokedIsRefused(t *testing.T) {
	c, e := ceremonial(t), elsewhere{t, t.TempDir()}
	root := e.makes("root", "", "ec", 4000, rootExtensions)
	middle := e.makes("middle", "root", "ec", 3000, rootExtensions+"authorityKeyIdentifier=keyid\n")
	below := e.makes("below", "middle", "ec", 1000, issuingExtensions)
	held := e.makes("held", "root", "ec", 2000, issuingExtensions)
	good := e.makes("good", "root", "ec", 2000, issuingExtensions)
	again := e.signs("good", "root", 2100, issuingExtensions)
	third := e.signs("good", "root", 2200, issuingExtensions)
	q := c.importing("corp-g1", ca.Root, root)
	q.Key = e.key("root")
	made, err := c.Import(q)
	if err != nil {
		t.Fatal(err)
	}
	c.takes(made)
	list := &x509.RevocationList{Number: big.NewInt(9), ThisUpdate: hours(1), NextUpdate: hours(-1)}
	for der, why := range map[*[]byte]ca.Reason{&middle: ca.CACompromise, &held: ca.CertificateHold, &again: ca.Superseded} {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: parsed(t, *der).SerialNumber, RevocationTime: hours(24), ReasonCode: int(why)})
	}
	c.inherits(signer.Inheritance{Authority: "corp-g1", List: e.makesList("root", list)})

	importing := func(name, key string, chain ...[]byte) signer.Import {
		q := c.importing(name, ca.Issuing, chain...)
		q.Key, q.Above = e.key(key), q.Above[:len(chain)-2]
		return q
	}
	refused := func(what string, q signer.Import) {
		t.Helper()
		c.untouched(what, ca.E2602, func() error { _, err := c.Import(q); return err })
		q.DryRun = true
		c.untouched(what+", tried", ca.E2602, func() error { _, err := c.Import(q); return err })
	}
	refused("one that is held", importing("users-g1", "held", held, root))
	refused("one below one that is revoked", importing("users-g1", "below", below, middle, root))
	u := c.imports(importing("users-g1", "good", good, root))
	refused("a revoked certificate of one that is here", importing("users-g1", "good", again, root))
	c.restarts()
	refused("the same after a restart", importing("users-g1", "good", again, root))
	c.revokesCA("users-g1", ca.Superseded)
	if u.Parent != "corp-g1" {
		t.Errorf("its parent is %s", u.Parent)
	}
	refused("another one of a key whose certificate was revoked here", importing("users-g1", "good", third, root))
}

// BK-06: a serial number that stands on no list is refused below a root, which is on no
// list itself.
func TestBK06_AnImportThatNobodyCouldRevokeIsRefused(t *testing.T) {
	c, e := ceremonial(t), elsewhere{t, t.TempDir()}
	e.makes("root", "", "ec", 4000, rootExtensions)
	numbered := func(name, number string, days string, by ...string) []byte {
		e.openssl(append([]string{"x509", "-req", "-sha256", "-in", name + ".csr", "-days", days, "-extfile", name + ".ext", "-out", name + ".pem", "-set_serial", number}, by...)...)
		return e.openssl("x509", "-in", name+".pem", "-outform", "DER")
	}
	root := numbered("root", "0", "4000", "-signkey", "root.key")
	q := c.importing("corp-g1", ca.Root, root)
	q.Key = e.key("root")
	c.imports(q)
	e.makes("sub", "root", "ec", 2000, issuingExtensions)
	for number, taken := range map[string]bool{
		"0": false, "0x7f" + strings.Repeat("ff", 25): false, "0x80" + strings.Repeat("00", 19): false, "0x7f" + strings.Repeat("ff", 19): true,
	} {
		q := c.importing("users-g1", ca.Issuing, numbered("sub", number, "2000", "-CA", "root.pem", "-CAkey", "root.key"), root)
		q.Key, q.Above, q.DryRun = e.key("sub"), nil, true
		if _, err := c.Import(q); (err == nil) != taken || err != nil && !isCode(err, ca.E2602) {
			t.Errorf("serial number %s: %v", number, err)
		}
	}
}
