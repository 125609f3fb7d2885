// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// debianKey is a public key that Debian's OpenSSL 0.9.8g made, as the test data of badkeys
// has it (PKCS#1).
const debianKey = `-----BEGIN RSA PUBLIC KEY-----
MIIBCgKCAQEAwJZTDExKND/DiP+LbhTIi2F0hZZt0PdX897LLwPf3+b1GOCUj1OH
BZvVqhJPJtOPE53W68I0NgVhaJdY6bFOA/cUUIFnN0y/ZOJOJsPNle1aXQTjxAS+
FXu4CQ6a2pzcU+9+gGwed7XxAkIVCiTprfmRCI2vIKdb61S8kf5D3YdVRH/Tq977
nxyYeosEGYJFBOIT+N0mqca37S8hA9hCJyD3p0AM40dD5M5ARAxpAT7+oqOXkPzf
zLtCTaHYJK3+WAce121Br4NuQJPqYPVxniUPohT4YxFTqB7vwX2C4/gZ2ldpHtlg
JVAHT96nOsnlz+EPa5GtwxtALD43CwOlWQIDAQAB
-----END RSA PUBLIC KEY-----
`

// debianSPKI is that key, and what OpenSSL prints as its modulus.
func debianSPKI(t *testing.T) (spki []byte, printed string) {
	t.Helper()
	block, _ := pem.Decode([]byte(debianKey))
	key, err := x509.ParsePKCS1PublicKey(block.Bytes)
	if err == nil {
		spki, err = x509.MarshalPKIXPublicKey(key)
	}
	if err != nil {
		t.Fatal(err)
	}
	openssl := exec.Command("openssl", "rsa", "-RSAPublicKey_in", "-noout", "-modulus")
	openssl.Stdin = strings.NewReader(debianKey)
	out, err := openssl.Output()
	if err != nil {
		t.Fatal(err)
	}
	return spki, string(out)
}

// PF-07: a key that Debian's OpenSSL made is found in each form of list, among many, and no
// other key is.
func TestPF07_AKeyThatIsKnownIsFoundInItsList(t *testing.T) {
	spki, printed := debianSPKI(t)
	sum := exec.Command("sha1sum")
	sum.Stdin = strings.NewReader(printed)
	out, err := sum.Output()
	if err != nil {
		t.Fatal(err)
	}
	entry := string(out[20:40])
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := x509.MarshalPKIXPublicKey(stranger.Public())
	if err != nil {
		t.Fatal(err)
	}
	var lines, digests strings.Builder
	lines.WriteString("# the lower half\n\n")
	var all [][]byte
	for i := range 1000 {
		d := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		fmt.Fprintf(&lines, "%x\n", d[:10])
		fmt.Fprintf(&digests, "%x\r\n", d)
		all = append(all, append(d[:15:15], 1))
	}
	none := [3][]byte{[]byte(lines.String()), []byte(digests.String()), joined(all)}
	n := sha256.Sum256(modulus(spki))
	has := [3][]byte{
		[]byte(lines.String() + entry + "\n"), fmt.Appendf([]byte(digests.String()), "%X\n", sha256.Sum256(spki)), joined(append(all, append(n[:15:15], 3))),
	}
	for i, form := range []string{"openssl-vulnkey", "SHA-256", "badkeys"} {
		var without, with Weak
		if err := without.Add("list", none[i]); err != nil || without.Len() != 1000 {
			t.Fatalf("%s: %d, %v", form, without.Len(), err)
		}
		if err := with.Add("debian", has[i]); err != nil || with.Len() != 1001 {
			t.Fatalf("%s: %d, %v", form, with.Len(), err)
		}
		if got := without.List(spki); got != "" {
			t.Errorf("%s: it stands on %q", form, got)
		}
		if got := with.List(spki); got != "debian" {
			t.Errorf("%s: it stands on %q", form, got)
		}
		for _, key := range [][]byte{other, nil, spki[:40], {0x30, 1, 0}} {
			if got := with.List(key); got != "" {
				t.Errorf("%s: %x stands on %q", form, key, got)
			}
		}
	}
	if (*Weak)(nil).List(spki) != "" {
		t.Error("it stands on no list")
	}
}

func joined(records [][]byte) []byte {
	records = slices.Clone(records)
	slices.SortFunc(records, bytes.Compare)
	return bytes.Join(records, nil)
}

// A list that is not one is refused, and not read as far as it goes.
func TestAListOfWeakKeysThatIsNoneIsRefused(t *testing.T) {
	ten, whole := strings.Repeat("ab", 10), strings.Repeat("cd", 32)
	for name, list := range map[string]string{
		"a word": "weak\n", "19 digits": ten[1:] + "\n", "two forms": ten + "\n" + whole + "\n", "no digits": strings.Repeat("x", 20) + "\n", "a page": "<html>\n<body>\n",
		"15 octets": strings.Repeat("\x00", 15), "records out of order": "\x02" + strings.Repeat("\x00", 15) + "\x01" + strings.Repeat("\x00", 15), "a long line": strings.Repeat("a", 2000) + "\n",
	} {
		var w Weak
		if err := w.Add("list", []byte(list)); err == nil || w.Len() != 0 {
			t.Errorf("%s: %d entries, %v", name, w.Len(), err)
		}
	}
	for name, list := range map[string]string{"nothing": "", "comments": "# none yet\n\n"} {
		var w Weak
		if err := w.Add("list", []byte(list)); err != nil || w.Len() != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzWeak: whatever a list is, it is refused or has no more entries than its octets make.
func FuzzWeak(f *testing.F) {
	f.Add([]byte("# x\n0123456789abcdef0123\n"))
	f.Add(bytes.Repeat([]byte{0}, 32))
	f.Fuzz(func(t *testing.T, list []byte) {
		var w Weak
		if err := w.Add("list", list); err == nil && w.Len() > len(list)/16+1 {
			t.Errorf("%d octets make %d entries", len(list), w.Len())
		}
		w.List(list)
	})
}
