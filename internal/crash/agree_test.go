// SPDX-License-Identifier: Apache-2.0

package crash_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"testing"
	"time"

	"chancery/ca"
	"chancery/signer"
)

// elsewhere makes a root and an issuing authority below it, with the key of that.
func elsewhere(t *testing.T, now time.Time) (chain [][]byte, pkcs8 []byte) {
	t.Helper()
	var keys [2]*ecdsa.PrivateKey
	var made [2]*x509.Certificate
	for i, name := range []string{"Corp Root", "Corp Issuing"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		x := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: name}, NotBefore: now, NotAfter: now.AddDate(5-i, 0, 0),
			BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: i == 1, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		}
		if i == 1 {
			x.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
		}
		keys[i], made[i] = key, x
		der, err := x509.CreateCertificate(rand.Reader, x, made[0], key.Public(), keys[0])
		if err != nil {
			t.Fatal(err)
		}
		chain = append([][]byte{der}, chain...)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(keys[1])
	if err != nil {
		t.Fatal(err)
	}
	return chain, pkcs8
}

// AU-06: after each step of a ceremony log and book say the same, while the service
// runs and after a restart.
func TestAU06_LogAndBookAgreeAfterEachCeremony(t *testing.T) {
	s := found(t, 1)
	w, err := s.open(s.disk.Kill(nil), ledger{at: s.began}, start{})
	if err != nil {
		t.Fatal(err)
	}
	named := func(name, line string, kind ca.AuthorityKind, parent string) signer.Creation {
		q := signer.Creation{
			Generation: signer.Generation{Name: name, Line: line, Subject: ca.Subject{{OID: ca.OIDCommonName, Value: name}}, KeyType: "ecdsa-p256", Days: 1000},
			Kind:       kind, Parent: parent, PKI: "http://ca.lab.example:8080", Words: s.words,
		}
		if kind == ca.Issuing {
			q.Use = []string{"server", "client"}
		}
		return q
	}
	create := func(q signer.Creation) func() error {
		return func() error { _, err := w.Signer.Create(q); return err }
	}
	turn := func(name string, to ca.AuthorityState) func() error {
		return func() error { _, err := w.Signer.Turn(signer.Turn{Authority: name, To: to}); return err }
	}
	certify := func(q signer.Recertification) func() error {
		q.Days, q.Words = 1900, s.words
		return func() error { _, err := w.Signer.Recertify(q); return err }
	}
	chain, key := elsewhere(t, s.began)
	for n, step := range []struct {
		what string
		do   func() error
	}{
		{"a root", create(named("root-g2", "root", ca.Root, ""))},
		{"an intermediate", create(named("middle-g1", "middle", ca.Intermediate, "root-g2"))},
		{"a standby", create(named(second, "issuing", ca.Issuing, "middle-g1"))},
		{"an activation", turn(second, ca.Active)},
		{"an activation taken back", turn("issuing-g1", ca.Active)},
		{"a renewal", certify(signer.Recertification{Authority: "issuing-g1"})},
		{"a renewal of a root", certify(signer.Recertification{Authority: "root-g2"})},
		{"a cross-certificate", certify(signer.Recertification{Authority: "root-g2", By: "root-g1"})},
		{"an end", turn(second, ca.Retired)},
		{"a request", func() error {
			_, err := w.Signer.ExportCSR(signer.KeyRequest{Name: "asked-g1", Kind: ca.Issuing, Subject: ca.Subject{{OID: ca.OIDCommonName, Value: "x"}}, KeyType: "ecdsa-p256"})
			return err
		}},
		{"an import", func() error {
			_, err := w.Signer.Import(signer.Import{
				Name: "issuing-g3", Line: "issuing", Kind: ca.Issuing, Certificates: chain, Above: []string{"corp"}, Key: key, PKI: "http://ca.lab.example:8080",
			})
			return err
		}},
		{"its activation", turn("issuing-g3", ca.Active)},
		{"a refusal", func() error {
			if err := turn("issuing-g3", ca.Active)(); err == nil {
				return errors.New("it was done")
			}
			return nil
		}},
	} {
		if err := errors.Join(step.do(), w.ask(n, ""), w.verify(false)); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		// And again when both have started anew.
		if err := w.noteKeys(); err != nil {
			t.Fatal(err)
		}
		l := w.snapshot()
		if err := w.stop(); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		if w, err = s.open(w.disk, l, start{}); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		if err := errors.Join(w.settled(), w.verify(true)); err != nil {
			t.Fatalf("%s, after a restart: %v", step.what, err)
		}
	}
	all, err := w.registrar.Authorities(t.Context(), hana)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, a := range all {
		said = append(said, fmt.Sprintf("%s %s v%d", a.Name, a.State, a.Version))
	}
	want := []string{"root-g1 active v1", "issuing-g1 retiring v5", "root-g2 standby v3", "middle-g1 active v1", "issuing-g2 retired v4", "corp active v1", "issuing-g3 active v2"}
	if fmt.Sprint(said) != fmt.Sprint(want) {
		t.Errorf("the book has %v, want %v", said, want)
	}
	if err := w.stop(); err != nil {
		t.Error(err)
	}
}
