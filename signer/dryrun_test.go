// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer"
)

// foresees sees that a dry run of a call, without any words, says what the call itself
// says, and that nothing comes of it: no key, no leaf, and no session that ended.
func (c *ceremony) foresees(what string, do func(dry bool) (ca.Authority, error)) {
	c.t.Helper()
	keys, leaves, h := c.keyFiles(), c.steps(), c.hello(0)
	intents, authorities := c.count(audit.Intent), c.count(audit.Authority)
	would, foreseen := do(true)
	if !slices.Equal(c.keyFiles(), keys) || len(c.steps()) != len(leaves) || c.count(audit.Intent) != intents || c.count(audit.Authority) != authorities {
		c.t.Errorf("%s: something came of the dry run", what)
	}
	if _, err := c.Issue(h.Number, nil); err != nil {
		c.t.Errorf("%s: the session: %v", what, err)
	}
	made, err := do(false)
	var p, q *ca.Problem
	if errors.As(err, &p) {
		if !errors.As(foreseen, &q) || q.Code != p.Code || q.Detail != p.Detail || q.Fix != p.Fix {
			c.t.Errorf("%s: the dry run says %v, and then: %v", what, foreseen, err)
		}
		return
	}
	if err != nil || foreseen != nil {
		c.t.Fatalf("%s: the dry run says %v, and then: %v", what, foreseen, err)
	}
	if would.Name != made.Name || would.Kind != made.Kind || would.Parent != made.Parent || !slices.Equal(would.Use, made.Use) || !bytes.Equal(would.Subject, made.Subject) {
		c.t.Errorf("%s: foreseen %+v, made %+v", what, would, made)
	}
	c.remembered("after " + what)
}

// SG-03: a dry run is judged by the same rules in the same place, and needs no words.
func TestSG03_ADryRunSaysWhatTheCeremonyWillSay(t *testing.T) {
	c, e := ceremonial(t), elsewhere{t, t.TempDir()}
	created := func(what string, q signer.Creation) {
		t.Helper()
		c.foresees(what, func(dry bool) (ca.Authority, error) {
			q := q
			if q.DryRun = dry; dry {
				q.Words = ""
			}
			made, err := c.Create(q)
			return made.Authority, err
		})
	}
	change := func(name, parent string, kind ca.AuthorityKind, do func(*signer.Creation)) signer.Creation {
		q := c.creation(name, parent, kind)
		do(&q)
		return q
	}
	created("a name that is taken", c.creation("issuing-g1", "root-g1", ca.Issuing))
	created("no such parent", c.creation("users-g1", "nobody", ca.Issuing))
	created("a subject that is taken", change("users-g1", "root-g1", ca.Issuing, func(q *signer.Creation) {
		q.Subject = ca.Subject{{OID: ca.OIDCommonName, Value: parsed(t, c.all["issuing-g1"].Certificate).Subject.CommonName}}
	}))
	created("a weak key", change("users-g1", "root-g1", ca.Issuing, func(q *signer.Creation) { q.KeyType = "rsa-2048" }))
	created("no use", change("users-g1", "root-g1", ca.Issuing, func(q *signer.Creation) { q.Use = nil }))
	created("a hash below a root", change("next-root-g1", "", ca.Root, func(q *signer.Creation) { q.KeyType, q.Hash = "ed25519", ca.SHA512 }))
	created("a name too long to write", change("users-g1", "root-g1", ca.Issuing, func(q *signer.Creation) {
		q.Subject = ca.Subject{{OID: ca.OIDCommonName, Value: strings.Repeat("x", 65)}}
	}))
	created("an address too long to write", change("users-g1", "root-g1", ca.Issuing, func(q *signer.Creation) { q.PKI = "http://" + strings.Repeat("x", 20000) }))
	created("a root whose line signs day by day", change("users-g1", "", ca.Issuing, func(*signer.Creation) {}))
	for i, keyType := range []string{"ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-3072"} {
		created("a root of "+keyType, change("root"+string(rune('a'+i))+"-g1", "", ca.Root, func(q *signer.Creation) { q.KeyType = keyType }))
	}
	created("an issuing one", c.creation("issuing-g2", "root-g1", ca.Issuing))
	created("one between", c.creation("middle-g1", "roota-g1", ca.Intermediate))

	renewed := func(what string, q signer.Recertification) {
		t.Helper()
		q.Words = c.words
		c.foresees(what, func(dry bool) (ca.Authority, error) {
			q := q
			if q.DryRun = dry; dry {
				q.Words = ""
			}
			made, err := c.Recertify(q)
			return made.Authority, err
		})
	}
	renewed("a renewal of nobody", signer.Recertification{Authority: "nobody", Days: 9})
	renewed("a renewal that shortens", signer.Recertification{Authority: "issuing-g1", Days: 9})
	renewed("one beyond its chain", signer.Recertification{Authority: "issuing-g1", Days: 30000})
	renewed("a cross-certificate by what is no root", signer.Recertification{Authority: "issuing-g1", By: "middle-g1", Days: 9})
	renewed("a renewal", signer.Recertification{Authority: "issuing-g1", Days: 3000})
	renewed("a cross-certificate", signer.Recertification{Authority: "issuing-g1", By: "rootb-g1", Days: 9})

	turned := func(what, name string, to ca.AuthorityState) {
		t.Helper()
		c.foresees(what, func(dry bool) (ca.Authority, error) {
			turned, err := c.Turn(signer.Turn{Authority: name, To: to, DryRun: dry})
			return append(turned.Authorities, ca.Authority{})[0], err
		})
	}
	turned("one that is active already", "issuing-g1", ca.Active)
	turned("one that is active, retired", "issuing-g1", ca.Retired)
	turned("the next", "issuing-g2", ca.Active)

	root := e.makes("root", "", "ec", 4000, rootExtensions)
	sub := e.makes("sub", "root", "ec", 2000, issuingExtensions)
	q := c.importing("sub-g1", ca.Issuing, sub, root)
	q.Key, q.Words = e.key("sub"), ""
	brought := func(what string, do func(*signer.Import)) {
		t.Helper()
		c.foresees(what, func(dry bool) (ca.Authority, error) {
			q := q
			do(&q)
			q.DryRun = dry
			made, err := c.Import(q)
			return made.Authority, err
		})
	}
	brought("no root", func(q *signer.Import) { q.Certificates = q.Certificates[:1] })
	brought("another key", func(q *signer.Import) { q.Key = e.key("root") })
	brought("no name for its root", func(q *signer.Import) { q.Above = nil })
	brought("an import", func(*signer.Import) {})
	q = c.importing("sub-g1", ca.Issuing, e.signs("sub", "root", 2500, issuingExtensions), root)
	brought("a certificate in its place", func(*signer.Import) {})
	brought("the same again", func(*signer.Import) {})

	e.makes("old", "root", "ec", 100, "basicConstraints=CA:FALSE\nsubjectKeyIdentifier=hash\n")
	old := e.openssl("x509", "-in", "old.pem", "-outform", "DER")
	for _, use := range [][]string{nil, {"server"}} {
		c.foresees("a certificate made anew", func(dry bool) (ca.Authority, error) {
			q := signer.Resigning{Import: c.importing("old-g1", ca.Issuing, old), Parent: "root-g1", Days: 100}
			q.Key, q.Use = e.key("old"), use
			if q.DryRun = dry; !dry {
				q.ParentWords = c.words
			}
			made, err := c.Resign(q)
			return made.Authority, err
		})
	}

	if _, err := c.Lock(); err != nil {
		t.Fatal(err)
	}
	locked := c.creation("users-g1", "root-g1", ca.Issuing)
	locked.DryRun = true
	if _, err := c.Create(locked); !isCode(err, ca.E3001) {
		t.Errorf("while the keys are locked: %v", err)
	}
}
