// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"sync"
	"testing"
	"time"
)

// noon is the moment of all these tests.
func noon() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

// A party has a key and a certificate.
type party struct {
	key  crypto.Signer
	cert *x509.Certificate
}

// keys are the few that a test needs, made once.
var keys = sync.OnceValue(func() map[string]crypto.Signer {
	made := map[string]crypto.Signer{}
	for _, name := range []string{"root", "policy", "issuing", "leaf", "other"} {
		made[name], _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	made["rsa"], _ = rsa.GenerateKey(rand.Reader, 2048)
	made["short"], _ = rsa.GenerateKey(rand.Reader, 1024)
	return made
})

var serial = struct {
	sync.Mutex
	last int64
}{last: 1000}

func nextSerial() *big.Int {
	serial.Lock()
	defer serial.Unlock()
	serial.last++
	return big.NewInt(serial.last)
}

// issue has issuer sign what a template says, for one of the keys; nil signs itself.
func issue(t testing.TB, key string, template *x509.Certificate, issuer *party) *party {
	t.Helper()
	p := &party{key: keys()[key]}
	parent, signer := template, p.key
	if issuer != nil {
		parent, signer = issuer.cert, issuer.key
	}
	if template.SerialNumber == nil {
		template.SerialNumber = nextSerial()
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, p.key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	if p.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return p
}

// authority is the template of one; a path length of -1 leaves it out.
func authority(name string, pathLen int) *x509.Certificate {
	return &x509.Certificate{
		Subject:   pkix.Name{Organization: []string{"Lab"}, CommonName: name},
		NotBefore: noon().AddDate(-1, 0, 0), NotAfter: noon().AddDate(5, 0, 0),
		IsCA: true, BasicConstraintsValid: true, MaxPathLen: pathLen, MaxPathLenZero: pathLen == 0,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

func server(names ...string) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: "nas.lab.example"}, DNSNames: names,
		NotBefore: noon().AddDate(0, -1, 0), NotAfter: noon().AddDate(0, 2, 0), BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		CRLDistributionPoints: []string{"http://ca.lab.example/issuing.crl"}, IssuingCertificateURL: []string{"http://ca.lab.example/issuing.crt"},
	}
}

// A world is a root, an issuing authority and a server's certificate; a case makes it
// again with other templates.
type world struct {
	t                   testing.TB
	rootT, midT, leafT  *x509.Certificate
	leafKey             string
	root, issuing, leaf *party
	rootList, midList   *x509.RevocationList // templates; nil makes none
	question            Question
}

func newWorld(t testing.TB) *world {
	list := func() *x509.RevocationList {
		return &x509.RevocationList{Number: big.NewInt(7), ThisUpdate: noon().Add(-time.Hour), NextUpdate: noon().AddDate(0, 0, 7)}
	}
	return &world{
		t: t, rootT: authority("Lab Root", -1), midT: authority("Lab Issuing", 0), leafT: server("nas.lab.example"), leafKey: "leaf",
		rootList: list(), midList: list(),
		question: Question{At: noon(), Use: Server, NeedLists: true, Complete: true},
	}
}

// build signs everything, and asks the question about it unless the case has changed it.
func (w *world) build() {
	w.t.Helper()
	w.root = issue(w.t, "root", w.rootT, nil)
	w.issuing = issue(w.t, "issuing", w.midT, w.root)
	w.leaf = issue(w.t, w.leafKey, w.leafT, w.issuing)
	w.question.Sent = []*x509.Certificate{w.leaf.cert, w.issuing.cert}
	w.question.Roots = []*x509.Certificate{w.root.cert}
	w.question.Lists = nil
	for _, one := range []struct {
		template *x509.RevocationList
		by       *party
	}{{w.rootList, w.root}, {w.midList, w.issuing}} {
		if one.template != nil && one.by.cert.KeyUsage&x509.KeyUsageCRLSign != 0 {
			w.question.Lists = append(w.question.Lists, sign(w.t, one.template, one.by))
		}
	}
}

func sign(t testing.TB, template *x509.RevocationList, by *party) *x509.RevocationList {
	t.Helper()
	der, err := x509.CreateRevocationList(rand.Reader, template, by.cert, by.key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// revoke enters a serial into the template of a list.
func revoke(l *x509.RevocationList, n *big.Int) {
	l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: n, RevocationTime: noon().AddDate(0, 0, -1), ReasonCode: 1})
}

// deepen puts another authority between the root and the issuing one, with a path length.
func (w *world) deepen(pathLen int) {
	w.t.Helper()
	policy := issue(w.t, "policy", authority("Lab Policy", pathLen), w.root)
	w.midT.SerialNumber = nil
	w.issuing = issue(w.t, "issuing", w.midT, policy)
	w.leafT.SerialNumber = nil
	w.leaf = issue(w.t, "leaf", w.leafT, w.issuing)
	w.question.Sent = []*x509.Certificate{w.leaf.cert, w.issuing.cert, policy.cert}
	w.question.Lists = append(w.question.Lists, sign(w.t, w.rootList, policy))
}
