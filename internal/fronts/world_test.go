// SPDX-License-Identifier: Apache-2.0

package fronts

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"chancery/ca"
	"chancery/encode"
	"chancery/format"
	"chancery/internal/hierarchy"
)

// host is the server's name.
const host = "nas.lab.example"

// A world is authorities with our encoder's certificates, each with a key of
// another type. It lives now, since real programs have no other clock.
type world struct {
	t           *testing.T
	now         time.Time
	serials     int
	authorities []ca.Authority
	revoked     map[string][]ca.Entry
	legacy      bool // how PKCS#12 files are written
}

func newWorld(t *testing.T) *world {
	return &world{t: t, now: time.Now().UTC().Truncate(time.Second), revoked: map[string][]ca.Entry{}}
}

func (w *world) serial() ca.Serial {
	w.serials++
	return ca.Serial(fmt.Sprintf("410001%08x%024x", w.now.Unix(), w.serials))
}

// authority makes one below an issuer, or a root without one.
func (w *world) authority(name, keyType string, issuer *ca.Authority) *ca.Authority {
	w.t.Helper()
	d := ca.AuthorityDraft{
		Serial: w.serial(), Subject: ca.Subject{{OID: ca.OIDOrganization, Value: "Büro"}, {OID: ca.OIDCommonName, Value: "Lab " + name}},
		SPKI: hierarchy.SPKI(w.t, keyType), NotBefore: w.now.Add(-time.Hour), NotAfter: w.now.AddDate(2, 0, 0), PathLen: -1, Issuer: issuer,
	}
	if issuer != nil {
		d.PathLen, d.Use = 0, []string{"server", "client", "email", "ocsp"}
	}
	a := hierarchy.Authority(w.t, name, keyType, d)
	w.authorities = append(w.authorities, a)
	return &a
}

// holder has a certificate of an issuing authority.
func (w *world) holder(name string, by *ca.Authority, use ...string) (Holder, ca.Serial) {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		w.t.Fatal(err)
	}
	issuer, err := encode.NewIssuer(*by)
	if err != nil {
		w.t.Fatal(err)
	}
	serial := w.serial()
	tbs, err := issuer.TBS(ca.Draft{
		Subject: ca.Subject{{OID: ca.OIDCommonName, Value: name}}, Names: []ca.Name{{Type: ca.DNS, Value: name}},
		SPKI: spki, Key: sha256.Sum256(spki), KeyType: "ecdsa-p256", NotBefore: w.now.Add(-time.Minute), NotAfter: w.now.AddDate(0, 0, 90),
		Use: use, Authority: by.Name, Profile: "test",
	}, serial)
	if err != nil {
		w.t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		w.t.Fatal(err)
	}
	leaf := hierarchy.Sign(w.t, tbs, by.KeyType)
	h, err := write(filepath.Join(w.t.TempDir(), "files"), name, slices.Concat(certificate(leaf), certificate(by.Certificate)),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	if err != nil {
		w.t.Fatal(err)
	}
	how := format.Modern
	if w.legacy {
		how = format.Legacy
	}
	p12, err := format.PKCS12(format.Entry{Name: name, Key: pkcs8, Certificates: [][]byte{leaf, by.Certificate}}, how, []byte(h.Password), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	w.file(h.PKCS12, p12)
	return h, serial
}

func (w *world) revoke(by *ca.Authority, serial ca.Serial, why ca.Reason) {
	w.revoked[by.Name] = append(w.revoked[by.Name], ca.Entry{Serial: serial, At: w.now, Reason: why})
}

// crls is a complete list of each authority, which says where its delta is.
func (w *world) crls() []byte {
	w.t.Helper()
	var all bytes.Buffer
	for _, a := range w.authorities {
		der := w.signed(encode.List{Issuer: a, Number: 1, Freshest: a.ListAddress(ca.DeltaList)}, w.revoked[a.Name]...)
		all.Write(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
	}
	return all.Bytes()
}

// ders are the certificates of all authorities, the oldest first.
func (w *world) ders() (all [][]byte) {
	for _, a := range w.authorities {
		all = append(all, a.Certificate)
	}
	return all
}

// bundle is every authority, with a head of text.
func (w *world) bundle() []byte {
	w.t.Helper()
	items := format.Items(w.ders()...)
	text, err := format.PEM(format.Contents{Certificates: items}, func(der []byte) (string, error) {
		return fmt.Sprintf("# one of %d, of %d octets\n", len(items), len(der)), nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

// stores are every authority for Java, in both its forms.
func (w *world) stores() []Store {
	w.t.Helper()
	trusted := format.Trusted(format.Items(w.ders()...))
	const word = "changeit" // Java's own
	modern, err := format.TrustStore(trusted, format.Modern, []byte(word), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	old, err := format.JKS(trusted, []byte(word), w.now, rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	dir := w.t.TempDir()
	return []Store{{w.file(filepath.Join(dir, "trust.p12"), modern), word}, {w.file(filepath.Join(dir, "trust.jks"), old), word}}
}

func (w *world) file(path string, content []byte) string {
	w.t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}
