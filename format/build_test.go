// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"chancery/ca"
)

// password opens every file of the tests. Java wants six letters.
const password = "changeit"

func given() ([]byte, error) { return []byte(password), nil }

// keyTypes of the tests, by name.
var keyNames = []string{"rsa", "p256", "p384", "ed25519"}

// A world is a root, an intermediate and a leaf for each type of key, with a list and a
// request. crypto/x509 makes them, which shares nothing with this package.
type world struct {
	root, middle, list, request []byte
	keys, leaves                map[string][]byte
}

// the is made once; each test only reads it.
var the = sync.OnceValue(func() world {
	w := world{keys: map[string][]byte{}, leaves: map[string][]byte{}}
	rootKey, middleKey := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	root := certificateFor("Root g1", nil, rootKey.Public(), rootKey)
	middle := certificateFor("Issuing g1", root, middleKey.Public(), rootKey)
	w.root, w.middle = root.Raw, middle.Raw
	for name, key := range map[string]crypto.Signer{
		"rsa":     must(rsa.GenerateKey(rand.Reader, 2048)),
		"p256":    must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)),
		"p384":    must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)),
		"ed25519": edKey(),
	} {
		w.keys[name] = must(x509.MarshalPKCS8PrivateKey(key))
		w.leaves[name] = certificateFor(name+".example.test", middle, key.Public(), middleKey).Raw
	}
	w.list = must(x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: noon, NextUpdate: noon.AddDate(0, 0, 1),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(77), RevocationTime: noon}},
	}, middle, middleKey))
	w.request = must(x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "asked"}}, rootKey))
	return w
})

// noon is when everything in the tests begins to be valid.
var noon = time.Now().Add(-24 * time.Hour).UTC().Truncate(24 * time.Hour)

func edKey() crypto.Signer {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return must(key, err)
}

// certificateFor signs a certificate; without a parent it is its own.
func certificateFor(name string, parent *x509.Certificate, public crypto.PublicKey, by crypto.Signer) *x509.Certificate {
	isCA := parent == nil || parent.Subject.CommonName[:4] == "Root"
	template := &x509.Certificate{
		SerialNumber: must(rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))), Subject: pkix.Name{CommonName: name, Organization: []string{"Größe & Co"}},
		NotBefore: noon, NotAfter: noon.AddDate(1, 0, 0), BasicConstraintsValid: true, IsCA: isCA, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if isCA {
		template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	}
	if parent == nil {
		parent = template
	}
	return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, parent, public, by))))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// entry is a key with leaf and intermediate.
func (w world) entry(key, name string) Entry {
	return Entry{Name: name, Key: w.keys[key], Certificates: [][]byte{w.leaves[key], w.middle}}
}

// A protected is what is written of one type of key, under the password.
type protected struct{ modern, legacy, pbkdf2, scrypt []byte }

// written is made once, since deriving keys is slow on purpose; encrypted keys are PEM.
var written = sync.OnceValue(func() map[string]protected {
	w, out := the(), map[string]protected{}
	for _, key := range keyNames {
		out[key] = protected{
			modern: must(PKCS12(w.entry(key, "web server"), Modern, []byte(password), rand.Reader)),
			legacy: must(PKCS12(w.entry(key, "web server"), Legacy, []byte(password), rand.Reader)),
			pbkdf2: must(PEM(Contents{Keys: Items(must(EncryptedKey(w.keys[key], []byte(password), PBKDF2)))}, nil)),
			scrypt: must(PEM(Contents{Keys: Items(must(EncryptedKey(w.keys[key], []byte(password), Scrypt)))}, nil)),
		}
	}
	return out
})

// whole is everything, of one type of key.
func (w world) whole(key string) Contents {
	return Contents{Keys: Items(w.keys[key]), Certificates: Items(w.leaves[key], w.middle, w.root), Lists: Items(w.list), Requests: Items(w.request)}
}

// tool runs a foreign program in a folder and gives what it printed on stdout; make test
// installs them all.
func tool(t *testing.T, dir string, words ...string) []byte {
	t.Helper()
	path, err := exec.LookPath(words[0])
	if err != nil {
		t.Fatalf("no %s on this machine: make test installs it", words[0])
	}
	command := exec.CommandContext(t.Context(), path, words[1:]...)
	command.Dir = dir
	command.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	var out, bad bytes.Buffer
	command.Stdout, command.Stderr = &out, &bad
	if err := command.Run(); err != nil {
		t.Fatalf("%v: %v\n%s%s", words, err, out.Bytes(), bad.Bytes())
	}
	return out.Bytes()
}

// put writes a file and gives its path.
func put(t *testing.T, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// get reads a file that a tool wrote, by Read.
func get(t *testing.T, dir, name string) Contents {
	t.Helper()
	c, err := Read(must(os.ReadFile(filepath.Join(dir, name))), given)
	if err != nil {
		t.Fatalf("Read %s: %v", name, err)
	}
	return c
}

// same compares encodings, whatever their names.
func same(t *testing.T, what string, got []Item, want ...[]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d, want %d", what, len(got), len(want))
		return
	}
	for i := range got {
		if !bytes.Equal(got[i].DER, want[i]) {
			t.Errorf("%s: number %d is another", what, i)
		}
	}
}

// codeOf is the code of a problem, "" if the error is none.
func codeOf(err error) ca.Code {
	if p, ok := errors.AsType[*ca.Problem](err); ok {
		return p.Code
	}
	return ""
}
