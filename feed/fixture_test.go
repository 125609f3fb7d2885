// SPDX-License-Identifier: Apache-2.0

package feed_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/hex"
	"iter"
	"math/big"
	mrand "math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"chancery/ca"
	"chancery/feed"
	"chancery/feed/verify"
)

// noon is when feeds are made in the tests, and horizon up to when they cover.
var (
	noon    = time.Date(2027, 3, 4, 12, 0, 0, 0, time.UTC)
	horizon = noon.Add(-5 * time.Second)
)

// An issuer signs feeds, itself or by a responder's certificate.
type issuer struct {
	spki        []byte
	key         crypto.Signer
	algorithm   feed.Algorithm
	hash        crypto.Hash
	certificate []byte
}

// quick is an issuer whose key is the same in each run, and whose signatures are.
func quick(t testing.TB) *issuer {
	t.Helper()
	return issuerOf(t, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize)), feed.Ed25519, 0)
}

func issuerOf(t testing.TB, key crypto.Signer, algorithm feed.Algorithm, hash crypto.Hash) *issuer {
	t.Helper()
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{spki: spki, key: key, algorithm: algorithm, hash: hash}
}

// issuers are one for each algorithm.
func issuers(t *testing.T) map[string]*issuer {
	t.Helper()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve := func(c elliptic.Curve) crypto.Signer {
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	return map[string]*issuer{
		"ecdsa-p256": issuerOf(t, curve(elliptic.P256()), feed.ECDSAWithSHA256, crypto.SHA256),
		"ecdsa-p384": issuerOf(t, curve(elliptic.P384()), feed.ECDSAWithSHA384, crypto.SHA384),
		"ecdsa-p521": issuerOf(t, curve(elliptic.P521()), feed.ECDSAWithSHA512, crypto.SHA512),
		"rsa+sha256": issuerOf(t, rsaKey, feed.RSAWithSHA256, crypto.SHA256),
		"rsa+sha384": issuerOf(t, rsaKey, feed.RSAWithSHA384, crypto.SHA384),
		"rsa+sha512": issuerOf(t, rsaKey, feed.RSAWithSHA512, crypto.SHA512),
		"ed25519":    quick(t),
	}
}

// head is what the issuer says of the feed with the number.
func (i *issuer) head(number int64) feed.Head {
	return feed.Head{
		Issuer: sha256.Sum256(i.spki), Number: number, ThisUpdate: noon, NextUpdate: noon.Add(24 * time.Hour),
		Algorithm: i.algorithm, Certificate: i.certificate,
	}
}

// file signs a body.
func (i *issuer) file(t testing.TB, number int64, body, base []byte) []byte {
	t.Helper()
	f, err := feed.New(i.head(number), body, base)
	if err != nil {
		t.Fatal(err)
	}
	file, err := f.Signed(i.sign(t, f.Message()))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func (i *issuer) sign(t testing.TB, message []byte) []byte {
	t.Helper()
	if i.hash != 0 {
		h := i.hash.New()
		h.Write(message)
		message = h.Sum(nil)
	}
	signature, err := i.key.Sign(rand.Reader, message, i.hash)
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

// responder gives an issuer whose feeds are signed by a certificate of this one,
// changed before it is signed.
func (i *issuer) responder(t *testing.T, change func(*x509.Certificate)) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(99), Subject: pkix.Name{CommonName: "responder"},
		NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(48 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning},
	}
	change(template)
	parent := &x509.Certificate{Subject: pkix.Name{CommonName: "issuing"}, SubjectKeyId: []byte{1}, PublicKey: i.key.Public()}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), i.key)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{spki: i.spki, key: key, algorithm: feed.ECDSAWithSHA256, hash: crypto.SHA256, certificate: der}
}

// A book is the truth: which serial numbers are live, and whether they are revoked.
type book map[ca.Serial]bool

// seq gives the live numbers, or the revoked ones, in order.
func (b book) seq(revoked bool) func() iter.Seq2[ca.Serial, error] {
	var all []ca.Serial
	for s, r := range b {
		if r || !revoked {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(x, y ca.Serial) int {
		if len(x) != len(y) {
			return len(x) - len(y)
		}
		return strings.Compare(string(x), string(y))
	})
	return each(all)
}

// each gives the same numbers each time.
func each(all []ca.Serial) func() iter.Seq2[ca.Serial, error] {
	return func() iter.Seq2[ca.Serial, error] {
		return func(yield func(ca.Serial, error) bool) {
			for _, s := range all {
				if !yield(s, nil) {
					return
				}
			}
		}
	}
}

// input is the book as an Input with a seed of its own.
func (b book) input(r *mrand.Rand, base *feed.Feed) feed.Input {
	in := feed.Input{Live: b.seq(false), Revoked: b.seq(true), Horizon: horizon, Base: base}
	for i := range in.Seed {
		in.Seed[i] = byte(r.Uint32())
	}
	return in
}

// ours is a serial number made here in a second.
func ours(r *mrand.Rand, at time.Time) ca.Serial {
	var n [19]byte
	n[0] = 0x41
	binary.BigEndian.PutUint16(n[1:], 1+uint16(r.IntN(3)))
	binary.BigEndian.PutUint32(n[3:], uint32(at.Unix()))
	for i := 7; i < len(n); i++ {
		n[i] = byte(r.Uint32())
	}
	return ca.Serial(hex.EncodeToString(n[:]))
}

// foreign is a serial number from elsewhere, of 1 to 20 octets.
func foreign(r *mrand.Rand) ca.Serial {
	n := make([]byte, 1+r.IntN(20))
	for i := range n {
		n[i] = byte(r.Uint32())
	}
	n[0] = 1 + byte(r.IntN(0x3f)) // neither zero nor 0x41
	return ca.Serial(hex.EncodeToString(n))
}

// want is the right answer of a feed with the horizon.
func want(s ca.Serial, revoked bool, horizon time.Time) feed.Status {
	b := s.Bytes()
	switch {
	case revoked:
		return feed.Revoked
	case len(b) == 19 && b[0] == 0x41 && int64(binary.BigEndian.Uint32(b[3:])) > horizon.Unix():
		return feed.NotCovered
	}
	return feed.Good
}

// same tells whether both readers' words mean the same.
func same(a feed.Status, b verify.Status) bool {
	return (a == feed.Revoked) == (b == verify.Revoked) && (a == feed.NotCovered) == (b == verify.NotCovered)
}
