// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer"
	"chancery/signer/journal"
)

// cutShort gives the site as a power cut left it between the FINAL and the AUTHORITY of
// the newest certificate that do made, and that certificate.
func (c *ceremony) cutShort(do func()) (der []byte) {
	c.t.Helper()
	dir, image := c.Dir, filepath.Join(c.t.TempDir(), "image")
	c.stop()
	duplicate(c.t, dir, image)
	c.site = start(c.t, dir)
	do()
	var entries []journal.Entry
	for _, r := range c.leaves() {
		switch l, err := audit.ParseLeaf(r.Leaf); {
		case err != nil:
			c.t.Fatal(err)
		case l.Kind == audit.Intent:
			entries = []journal.Entry{{Leaf: audit.Leaf{Kind: l.Kind, Digest: l.Digest, Issuer: l.Issuer, Serial: l.Serial}, Body: r.Body}}
		case l.Kind == audit.Final:
			entries = append(entries[:1], journal.Entry{Leaf: audit.Leaf{Kind: l.Kind, Digest: l.Digest}, Body: r.Body})
		}
	}
	c.stop()
	c.site = start(c.t, image)
	for i := range entries {
		placed, err := c.Put(entries[i])
		if err != nil {
			c.t.Fatal(err)
		}
		if i == 0 {
			entries[1].Leaf.Cites = placed[0].Index
		}
	}
	c.restarts()
	var body ca.FinalBody
	if err := json.Unmarshal(entries[1].Body, &body); err != nil {
		c.t.Fatal(err)
	}
	return body.DER
}

// lists tells whether a list names a certificate.
func listed(t *testing.T, list, der []byte) bool {
	t.Helper()
	l, err := x509.ParseRevocationList(list)
	return err == nil && slices.ContainsFunc(l.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool {
		return e.SerialNumber.Cmp(parsed(t, der).SerialNumber) == 0
	})
}

// BK-06: a certificate of an authority's key that a power cut left to no generation is
// revoked with the others, also if the next start comes from a snapshot.
func TestBK06_ACertificateThatNoGenerationNamesIsRevoked(t *testing.T) {
	c := ceremonial(t)
	lost := c.cutShort(func() {
		if _, err := c.Recertify(signer.Recertification{Authority: "issuing-g1", Days: 1900, Words: c.words}); err != nil {
			t.Fatal(err)
		}
	})
	c.restarts()
	h := c.hello(0)
	leaf := c.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
	out := c.revokesCA("issuing-g1", ca.CACompromise)
	if len(out.Serials) != 2 || !listed(t, out.Lists["root-g1"], lost) {
		t.Errorf("%d are revoked: %v", len(out.Serials), out.Serials)
	}
	a := c.all["issuing-g1"]
	a.Certificate = lost
	c.all["issuing-g1"] = a
	if got := c.checked(leaf.DER, []string{"issuing-g1", "root-g1"}, "-crl_check_all", c.listsWith("issuing-g1")...); !strings.Contains(got, "certificate revoked") {
		t.Errorf("by the lost one: %s", got)
	}
}

// BK-06: so is one by another root, which the generation does not know to have signed it;
// and once its call was repeated, both are.
func TestBK06_ACrossCertificateThatNoGenerationNamesIsRevoked(t *testing.T) {
	c := ceremonial(t)
	c.creates(c.creation("root-g2", "", ca.Root))
	q := signer.Recertification{Authority: "issuing-g1", By: "root-g2", Days: 700, Words: c.words}
	lost := c.cutShort(func() {
		if _, err := c.Recertify(q); err != nil {
			t.Fatal(err)
		}
	})
	w := signer.AuthorityRevoking{Authority: "issuing-g1", By: "root-g2", Reason: ca.Superseded, Words: c.words}
	out, err := c.RevokeAuthority(w, 7)
	if err != nil || len(out.Serials) != 1 || !listed(t, out.Lists["root-g2"], lost) {
		t.Fatalf("%+v, %v", out, err)
	}
	made, err := c.Recertify(q)
	if err != nil || len(made.Authority.Revoked) != 0 {
		t.Fatalf("crossed again: %+v, %v", made.Authority.Revoked, err)
	}
	c.takes(made)
	if out, err = c.RevokeAuthority(w, 7); err != nil || len(out.Serials) != 2 || !listed(t, out.Lists["root-g2"], made.Authority.Cross[0].Certificate) || bytes.Equal(lost, made.Authority.Cross[0].Certificate) {
		t.Errorf("%+v, %v", out, err)
	}
}
