// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"io"
	"iter"
	"math/big"
	mathrand "math/rand/v2"
	"runtime"
	"testing"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/encode"
	"chancery/signer"
)

// many are the entries of a list of an authority that was used hard.
func many(n int) []x509.RevocationListEntry {
	random := mathrand.New(mathrand.NewPCG(1, 2))
	out := make([]x509.RevocationListEntry, n)
	at := time.Now().Add(-24 * time.Hour).Truncate(time.Second)
	for i := range out {
		var serial [20]byte
		for j := range serial {
			serial[j] = byte(random.Uint32())
		}
		serial[0] = 0x40
		out[i] = x509.RevocationListEntry{SerialNumber: new(big.Int).SetBytes(serial[:]), RevocationTime: at, ReasonCode: []int{0, 1, 4, 5, 6}[i%5]}
	}
	return out
}

// R26: 200 000 revocations are taken within bounded memory while others issue; a power
// cut between them leaves no list, and the same call again makes it whole.
func TestR26_ManyRevocationsFromElsewhereSurviveAPowerCut(t *testing.T) {
	const entries = 200_000
	i := newImported(t)
	list := i.makesList("sub", &x509.RevocationList{Number: big.NewInt(9), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour), RevokedCertificateEntries: many(entries)})
	if err := i.InheritPart("issuing-g2", list); err != nil {
		t.Fatal(err)
	}
	i.restarts()
	if _, err := i.MakeLists(i.hello(0).Number, ca.ListWish{Authority: "issuing-g2"}); !isCode(err, ca.E3004) {
		t.Fatalf("a list of a part of them: %v", err)
	}
	before := i.Size()
	var mem [2]runtime.MemStats
	runtime.ReadMemStats(&mem[0])
	got, err := i.tries(list)
	runtime.ReadMemStats(&mem[1])
	if err != nil {
		t.Fatal(err)
	}
	// All that is asked for, also what is given back: more than there ever is at once.
	if n := mem[1].TotalAlloc - mem[0].TotalAlloc; n > uint64(128*len(list)) {
		t.Errorf("%d octets were allocated for a list of %d", n, len(list))
	}
	i.all["issuing-g2"] = got.Authority
	if got.Entries != entries || got.Taken != entries-ca.MaxEarlier || got.Authority.Past.Entries != entries {
		t.Errorf("taken: %+v, %+v", got, got.Authority.Past)
	}
	if n := i.Size() - before; n > entries/ca.MaxEarlier+2 {
		t.Errorf("%d leaves", n)
	}
	i.restarts()
	if _, l := i.listOf(i.hello(0), "issuing-g2", 0); len(l.RevokedCertificateEntries) != entries {
		t.Errorf("%d entries on the list", len(l.RevokedCertificateEntries))
	}
	if n := i.count(audit.Earlier); n != entries/ca.MaxEarlier {
		t.Errorf("%d leaves of them", n)
	}
}

// FuzzPast: whatever is taken of a list from elsewhere can stand on a list made here, and
// is there once for each serial number. Else the key could never make a list again.
func FuzzPast(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "Old"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(100 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SubjectKeyId: make([]byte, 20),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		f.Fatal(err)
	}
	x, err := x509.ParseCertificate(der)
	if err != nil {
		f.Fatal(err)
	}
	l := &x509.RevocationList{Number: big.NewInt(9), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now(), RevokedCertificateEntries: many(5),
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 46}, Value: []byte{5, 0}}}}
	if der, err = x509.CreateRevocationList(rand.Reader, l, x, key); err != nil {
		f.Fatal(err)
	}
	f.Add(der)
	issuer := ca.Authority{Name: "old-g1", KeyType: "ecdsa-p256", Subject: x.RawSubject, SPKI: x.RawSubjectPublicKeyInfo, SKI: x.SubjectKeyId, Certificate: x.Raw}
	f.Fuzz(func(t *testing.T, der []byte) {
		all, err := signer.Past(der)
		if err != nil {
			return
		}
		list := encode.List{Issuer: issuer, Number: 10, ThisUpdate: l.ThisUpdate.UTC().Truncate(time.Second), NextUpdate: l.NextUpdate.UTC().Truncate(time.Second)}
		_, err = list.TBS(io.Discard, func() iter.Seq2[ca.Entry, error] {
			return func(yield func(ca.Entry, error) bool) {
				for _, e := range all {
					if !yield(e, nil) {
						return
					}
				}
			}
		})
		if err != nil {
			t.Errorf("no list can be made of what was taken: %v", err)
		}
	})
}
