// SPDX-License-Identifier: Apache-2.0

package check_test

import (
	"strings"
	"testing"

	"chancery/ca"
	"chancery/check"
	"chancery/encode"
	"chancery/internal/hierarchy"
)

// The hierarchy of every key type, by its short names.
var (
	keyTypes  = hierarchy.KeyTypes()
	noon      = hierarchy.Noon()
	spki      = hierarchy.SPKI
	sign      = hierarchy.Sign
	rootDraft = hierarchy.RootDraft
	authority = hierarchy.Authority
	issuing   = hierarchy.Issuing
	certID    = hierarchy.CertID
)

// draft is the hierarchy's, of the profile's version.
func draft(t testing.TB, keyType string) ca.Draft {
	d := hierarchy.Draft(t, keyType)
	d.ProfileDigest = ca.Digest{7}
	return d
}

// profile is one that allows the draft and little else.
func profile() ca.Profile {
	return ca.Profile{
		Schema: 1, Name: "server", Line: "issuing", Doors: []ca.Door{ca.DoorCLI}, Use: []string{"server", "client"},
		Days: 90, MaxDays: 90, Keys: []string{"ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048"},
		Names: ca.NameRules{Max: 6, DNS: []string{"*.lab.example"}, IP: []string{"10.0.0.0/8", "fd00::/8"},
			Email: []string{"@lab.example"}, URI: []string{"spiffe://lab.example/"}, Wildcards: true},
		Subject: ca.SubjectRules{CommonName: "optional", Organization: "fixed:Büro", Country: "supplied", CommonNameInNames: true},
		Digest:  ca.Digest{7},
	}
}

// A want is what a leaf is checked against, and the bytes that pass.
type want struct {
	tbs       []byte
	draft     ca.Draft
	serial    ca.Serial
	profile   ca.Profile
	authority ca.Authority
}

func (w want) check(tbs []byte) error {
	return check.Leaf(tbs, w.draft, w.serial, w.profile, w.authority)
}

// good is a leaf that passes.
func good(t testing.TB, keyType string) want {
	t.Helper()
	_, a := issuing(t, keyType)
	w := want{draft: draft(t, keyType), serial: "410001699999990102030405060708090a0b0c", profile: profile(), authority: a}
	w.tbs = build(t, w)
	if err := w.check(w.tbs); err != nil {
		t.Fatalf("the unchanged certificate is refused: %v", err)
	}
	return w
}

// extended is a leaf with all that a profile can give beside the usual.
func extended(t testing.TB, keyType string) want {
	t.Helper()
	w := good(t, keyType)
	w.profile.KeyUsage = []string{"digital_signature", "non_repudiation", "key_encipherment", "key_agreement", "decipher_only"}
	w.draft.KeyUsage = []string{"digital_signature", "non_repudiation"}
	switch {
	case strings.HasPrefix(keyType, "rsa"):
		w.draft.KeyUsage = append(w.draft.KeyUsage, "key_encipherment")
	case strings.HasPrefix(keyType, "ecdsa"):
		w.draft.KeyUsage = append(w.draft.KeyUsage, "key_agreement", "decipher_only")
	}
	w.draft.Policies = []ca.CertPolicy{{OID: "1.3.6.1.4.1.32473.1", CPS: "https://pki.lab.example/cps"}, {OID: "1.3.6.1.4.1.32473.2"}}
	w.profile.Extensions = ca.ExtensionRules{Take: []string{"tls-feature"},
		Add: []ca.AddedExtension{{OID: "1.3.6.1.4.1.32473.9", Critical: true, Hex: "0c024f4b"}, {Policies: w.draft.Policies}}}
	w.draft.Extensions = []ca.Extension{{OID: "1.3.6.1.4.1.32473.9", Critical: true, Value: []byte{0x0c, 2, 'O', 'K'}}, {OID: ca.OIDTLSFeature, Value: []byte{0x30, 3, 2, 1, 5}}}
	w.tbs = build(t, w)
	if err := w.check(w.tbs); err != nil {
		t.Fatalf("the unchanged certificate is refused: %v", err)
	}
	return w
}

func build(t testing.TB, w want) []byte {
	t.Helper()
	issuer, err := encode.NewIssuer(w.authority)
	if err != nil {
		t.Fatal(err)
	}
	tbs, err := issuer.TBS(w.draft, w.serial)
	if err != nil {
		t.Fatal(err)
	}
	return tbs
}

// everyConstraint has each type, permitted and excluded.
func everyConstraint(t testing.TB) ca.NameConstraints {
	t.Helper()
	c, err := ca.ParseConstraints([]string{
		"dns:lab.example", "dns:lab", "email:@lab.example", "email:.lab.example", "email:hana@other.example", "uri:lab.example", "uri:.lab.example",
		"ip:10.0.0.0/9", "ip:192.0.2.7/32", "ip:fd00::/9", "dn:O=Büro", "dn:C=DE,O=Lab",
		"!dns:secret.lab.example", "!email:root@lab.example", "!uri:secret.lab.example", "!ip:10.1.0.0/16", "!ip:0.0.0.0/0", "!dn:C=DE,O=Lab,OU=Secret", "!dn:",
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// somePolicies have an address and none.
func somePolicies() []ca.CertPolicy {
	return []ca.CertPolicy{{OID: "1.3.6.1.4.1.32473.1.2", CPS: "https://pki.lab.example/cps"}, {OID: "2.5.29.32.0"}}
}
