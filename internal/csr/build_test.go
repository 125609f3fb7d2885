// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"chancery/ca"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// A wish is a request to build, honest or not.
type wish struct {
	version    int64
	subject    []byte // content of the name; nil is CN=nas.lab.example
	spki       []byte // nil is the test key's
	attributes []byte // content of [0]
	after      []byte // stands behind the attributes
	key        crypto.Signer
}

// newKeyP256 is a key for signing requests.
func newKeyP256(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// der builds and signs with ECDSA and SHA-256.
func (w wish) der(t testing.TB) []byte {
	t.Helper()
	if w.key == nil {
		w.key = newKeyP256(t)
	}
	if w.spki == nil {
		w.spki = spkiOf(t, w.key.Public())
	}
	if w.subject == nil {
		w.subject = field("\x55\x04\x03", asn1.UTF8String, "nas.lab.example")
	}
	info := build(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(w.version)
		b.AddBytes(element(asn1.SEQUENCE, w.subject))
		b.AddBytes(w.spki)
		b.AddBytes(element(asn1.Tag(0).ContextSpecific().Constructed(), w.attributes))
		b.AddBytes(w.after)
	})
	hash := sha256.Sum256(info)
	signature, err := w.key.Sign(rand.Reader, hash[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return build(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(info)
		b.AddBytes(element(asn1.SEQUENCE, element(asn1.OBJECT_IDENTIFIER, []byte("\x2a\x86\x48\xce\x3d\x04\x03\x02"))))
		b.AddBytes(element(asn1.BIT_STRING, append([]byte{0}, signature...)))
	})
}

func spkiOf(t testing.TB, public any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func build(tag asn1.Tag, fill func(*cryptobyte.Builder)) []byte {
	var b cryptobyte.Builder
	b.AddASN1(tag, fill)
	return b.BytesOrPanic()
}

func element(tag asn1.Tag, content []byte) []byte {
	return build(tag, func(b *cryptobyte.Builder) { b.AddBytes(content) })
}

// field is one RDN.
func field(id string, tag asn1.Tag, value string) []byte {
	return element(asn1.SET, element(asn1.SEQUENCE, join(element(asn1.OBJECT_IDENTIFIER, []byte(id)), element(tag, []byte(value)))))
}

func join(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// attribute is one attribute with its values.
func attribute(id string, values ...[]byte) []byte {
	return element(asn1.SEQUENCE, join(element(asn1.OBJECT_IDENTIFIER, []byte(id)), element(asn1.SET, join(values...))))
}

// extensions is the extension request.
func extensions(list ...[]byte) []byte {
	return attribute(oidExtensionRequest, element(asn1.SEQUENCE, join(list...)))
}

func extension(id string, value []byte) []byte {
	return element(asn1.SEQUENCE, join(element(asn1.OBJECT_IDENTIFIER, []byte(id)), element(asn1.OCTET_STRING, value)))
}

// san is the extension with names already encoded.
func san(names ...[]byte) []byte { return extension(oidSAN, element(asn1.SEQUENCE, join(names...))) }

func general(tag uint8, value string) []byte {
	return element(asn1.Tag(tag).ContextSpecific(), []byte(value))
}

func dns(name string) []byte { return general(2, name) }

// rsaSPKI is an RSA key of any two numbers.
func rsaSPKI(n *big.Int, e int64) []byte {
	key := build(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1BigInt(n); b.AddASN1Int64(e) })
	algorithm := element(asn1.SEQUENCE, join(element(asn1.OBJECT_IDENTIFIER, []byte(oidRSA)), []byte{5, 0}))
	return element(asn1.SEQUENCE, join(algorithm, element(asn1.BIT_STRING, append([]byte{0}, key...))))
}

// code is the problem's code, or "" if there is none.
func code(t testing.TB, err error) ca.Code {
	t.Helper()
	if err == nil {
		return ""
	}
	var p *ca.Problem
	if !errors.As(err, &p) {
		t.Fatalf("the error is no problem: %v", err)
	}
	if !ca.PlainText(p.Detail+p.Fix+p.Why+p.Field) || p.Fix == "" {
		t.Errorf("the problem is not fit to be shown: %+v", p)
	}
	return p.Code
}

// openssl runs the tool in a directory of the test's, and gives the file "out".
func openssl(t testing.TB, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatal("openssl is not installed: make test installs it")
	}
	out := filepath.Join(t.TempDir(), "out")
	cmd := exec.Command(path, append(args, "-out", out)...)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("openssl %v: %v\n%s", args, err, text)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
