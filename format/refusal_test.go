// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"chancery/ca"
)

// TestRefusesToRead: each says what is wrong, with a stable code and what to do.
func TestRefusesToRead(t *testing.T) {
	t.Parallel()
	w, files := the(), written()["p256"]
	leaf := w.leaves["p256"]
	cert := block("CERTIFICATE", leaf)
	jks := must(JKS([]Entry{w.entry("p256", "a")}, []byte(password), noon, rand.Reader))
	flipped := func(b []byte, at int) []byte {
		out := bytes.Clone(b)
		out[at] ^= 1
		return out
	}
	old := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00112233445566778899AABBCCDDEEFF"}, Bytes: make([]byte, 32)})
	wrong := func() ([]byte, error) { return []byte("wrong"), nil }
	long := func() ([]byte, error) { return make([]byte, maxPassword+1), nil }
	for _, tt := range []struct {
		name     string
		file     []byte
		password func() ([]byte, error)
		code     ca.Code
		says     string
	}{
		{"nothing", nil, nil, ca.E2501, "empty"},
		{"text", []byte("hello"), nil, ca.E2501, "neither PEM"},
		{"UTF-16", []byte("\xff\xfe-\x00-\x00"), nil, ca.E2501, "UTF-16"},
		{"UTF-16 of the other order", []byte("\xfe\xff\x00-\x00-"), nil, ca.E2501, "UTF-16"},
		{"DER of something else", []byte("\x30\x03\x02\x01\x05"), nil, ca.E2501, "DER"},
		{"a sequence that is cut", leaf[:len(leaf)-1], nil, ca.E2501, "DER"},
		{"a certificate with octets after it", append(bytes.Clone(leaf), 0), nil, ca.E2501, "DER"},
		{"only parameters", block("DH PARAMETERS", []byte("\x30\x00")), nil, ca.E2501, "holds no"},
		{"PEM that is indented", []byte(" " + strings.ReplaceAll(string(cert), "\n", "\n ")), nil, ca.E2501, "something before it"},
		{"PEM that is cut", cert[:len(cert)-30], nil, ca.E2501, `"CERTIFICATE" at line 1 is damaged`},
		{"the second block of three is damaged", bytes.Join([][]byte{cert, flippedLine(cert), cert}, []byte("text\n")), nil, ca.E2501, fmt.Sprintf("at line %d is damaged", bytes.Count(cert, []byte("\n"))+2)},
		{"a block without its end", append(bytes.Clone(cert[:100]), append([]byte("\n"), cert...)...), nil, ca.E2501, "at line 1 is damaged"},
		{"a label that lies", block("CERTIFICATE", w.request), nil, ca.E2501, "damaged"},
		{"a public key", block("PUBLIC KEY", leaf), nil, ca.E2506, "PUBLIC KEY"},
		{"a key of OpenSSH", block("OPENSSH PRIVATE KEY", []byte("openssh-key-v1")), nil, ca.E2506, "OpenSSH"},
		{"a key of DSA", block("DSA PRIVATE KEY", leaf), nil, ca.E2506, "DSA"},
		{"a key of no type we know", block("PRIVATE KEY", []byte("\x30\x0c\x02\x01\x00\x30\x03\x06\x01\x2a\x04\x02\x05\x00")), nil, ca.E2506, "type"},
		{"JCEKS", []byte(magicJCEKS + "\x00\x00\x00\x02"), nil, ca.E2506, "JCEKS"},
		{"PKCS#12 without a password", files.modern, nil, ca.E2502, "no password"},
		{"PKCS#12 with the wrong password", files.modern, wrong, ca.E2503, "PKCS#12"},
		{"old PKCS#12 with the wrong password", files.legacy, wrong, ca.E2503, "PKCS#12"},
		{"PKCS#12 with an octet changed in the middle", flipped(files.modern, len(files.modern)/2), given, ca.E2503, "PKCS#12"},
		{"PKCS#12 that is cut", files.modern[:len(files.modern)-5], given, ca.E2501, "DER"},
		{"PKCS#12 under a key", []byte("\x30\x12\x02\x01\x03\x30\x0d\x06\x09" + oidSignedData + "\xa0\x00"), given, ca.E2506, "instead of a password"},
		{"an encrypted key without a password", files.scrypt, nil, ca.E2502, "line 1"},
		{"an encrypted key with the wrong password", files.scrypt, wrong, ca.E2503, "line 1"},
		{"an encrypted key with a password that is too long", files.scrypt, long, ca.E2504, "octets"},
		{"an old encrypted key without a password", old, nil, ca.E2502, "EC PRIVATE KEY"},
		{"an old encrypted key with the wrong password", old, given, ca.E2503, "EC PRIVATE KEY"},
		{"JKS with the wrong password", jks, wrong, ca.E2503, "Java"},
		{"JKS with a key, without a password", jks, nil, ca.E2502, `"a"`},
		{"JKS with an octet changed", flipped(jks, 60), given, ca.E2503, "Java"},
		{"JKS that is cut", jks[:20], given, ca.E2501, "damaged"},
		{"JKS of a version to come", resealed(flipped(jks, 7)), given, ca.E2501, "damaged"},
		{"JKS with more entries than it has", resealed(flipped(jks, 8)), given, ca.E2501, "damaged"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Read(tt.file, tt.password)
			p, ok := errors.AsType[*ca.Problem](err)
			if !ok {
				t.Fatalf("not a problem: %v", err)
			}
			if p.Code != tt.code || !strings.Contains(p.Detail, tt.says) {
				t.Errorf("%s %q, want %s with %q", p.Code, p.Detail, tt.code, tt.says)
			}
			if p.Fix == "" && tt.name != "only parameters" {
				t.Error("it does not say what to do")
			}
		})
	}
}

// flippedLine damages the base64 of a block.
func flippedLine(b []byte) []byte {
	out := bytes.Clone(b)
	out[100] = '!'
	return out
}

// resealed gives a changed JKS its checksum back.
func resealed(file []byte) []byte {
	body := file[:len(file)-sha1.Size]
	return append(bytes.Clone(body), jksSum(utf16Of(password), body)...)
}

// TestRefusesToWrite: what a foreign program would stumble over is refused here.
func TestRefusesToWrite(t *testing.T) {
	t.Parallel()
	w, secret := the(), []byte(password)
	alone := Entry{Key: w.keys["rsa"]}
	foreign := Entry{Key: w.keys["rsa"], Certificates: [][]byte{w.leaves["p256"]}}
	good := w.entry("p256", "a")
	for _, tt := range []struct {
		name string
		err  func() error
		code ca.Code
		says string
	}{
		{"nothing as PEM", failure(func() ([]byte, error) { return PEM(Contents{}, nil) }), ca.E2505, "nothing"},
		{"a request given out as a certificate", failure(func() ([]byte, error) { return PEM(Contents{Certificates: Items(w.request)}, nil) }), ca.E2505, "given out"},
		{"text that looks like PEM", failure(func() ([]byte, error) {
			return PEM(Contents{Certificates: Items(w.root)}, func([]byte) (string, error) { return "CN=x\n-----BEGIN CERTIFICATE-----\n", nil })
		}), ca.E2505, "PEM block"},
		{"nothing as P7B", failure(func() ([]byte, error) { return P7B(nil, nil) }), ca.E2505, "nothing"},
		{"PKCS#12 without a password", failure(func() ([]byte, error) { return PKCS12(good, Modern, nil, rand.Reader) }), ca.E2505, "empty"},
		{"PKCS#12 with a password that is cut by old tools", failure(func() ([]byte, error) { return PKCS12(good, Modern, []byte("a\x00b"), rand.Reader) }), ca.E2505, "control"},
		{"PKCS#12 with a password of other planes", failure(func() ([]byte, error) { return PKCS12(good, Legacy, []byte("🔑🔑🔑"), rand.Reader) }), ca.E2505, "not every tool"},
		{"PKCS#12 with a password in another encoding", failure(func() ([]byte, error) { return PKCS12(good, Legacy, []byte("\xe4\xf6\xfc"), rand.Reader) }), ca.E2505, "not every tool"},
		{"a key without a certificate", failure(func() ([]byte, error) { return PKCS12(alone, Modern, secret, rand.Reader) }), ca.E2505, "no certificate"},
		{"a key with another's certificate", failure(func() ([]byte, error) { return PKCS12(foreign, Modern, secret, rand.Reader) }), ca.E2505, "not the one"},
		{"a key with another's certificate, for Java", failure(func() ([]byte, error) { return JKS([]Entry{foreign}, secret, noon, rand.Reader) }), ca.E2505, "not the one"},
		{"a chain with a request in it", failure(func() ([]byte, error) {
			return PKCS12(Entry{Key: good.Key, Certificates: [][]byte{good.Certificates[0], w.request}}, Modern, secret, rand.Reader)
		}), ca.E2505, "none"},
		{"a name that turns the direction of writing", failure(func() ([]byte, error) { return PKCS12(w.entry("p256", "a\u202eb"), Modern, secret, rand.Reader) }), ca.E2505, "name"},
		{"two names that Java takes for one", failure(func() ([]byte, error) {
			return JKS([]Entry{{Name: "a", Certificates: [][]byte{w.root}}, {Name: "A", Certificates: [][]byte{w.middle}}}, secret, noon, rand.Reader)
		}), ca.E2505, `"a"`},
		{"a trust store with a key", failure(func() ([]byte, error) { return TrustStore([]Entry{good}, Modern, secret, rand.Reader) }), ca.E2505, "key"},
		{"a trust store of nothing", failure(func() ([]byte, error) { return TrustStore(nil, Modern, secret, rand.Reader) }), ca.E2505, "nothing"},
		{"a trust store with a list", failure(func() ([]byte, error) { return TrustStore(Trusted(Items(w.list)), Modern, secret, rand.Reader) }), ca.E2505, "not a certificate"},
		{"an encrypted key without a password", failure(func() ([]byte, error) { return EncryptedKey(good.Key, nil, PBKDF2) }), ca.E2505, "empty"},
		{"an encrypted key of a certificate", failure(func() ([]byte, error) { return EncryptedKey(w.root, secret, PBKDF2) }), ca.E2501, "private key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, ok := errors.AsType[*ca.Problem](tt.err())
			if !ok || p.Code != tt.code || !strings.Contains(p.Detail, tt.says) || p.Fix == "" {
				t.Errorf("got %+v, want %s with %q and a hint", p, tt.code, tt.says)
			}
		})
	}
}

// failure makes a call that gives only its error.
func failure(call func() ([]byte, error)) func() error {
	return func() error { _, err := call(); return err }
}

// TestAFileCannotStall: work is refused before it is done, wherever it is asked for.
func TestAFileCannotStall(t *testing.T) {
	t.Parallel()
	const huge = 1<<31 - 1
	for name, file := range hostile(huge) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			_, err := Read(file, given)
			if codeOf(err) != ca.E2504 {
				t.Errorf("not refused as too much: %v", err)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
	// Many things that each ask for little are one file that asks for much.
	two := bytes.Repeat(written()["ed25519"].scrypt, 2)
	if _, err := read(two, given, scryptN*8*3/2); codeOf(err) != ca.E2504 {
		t.Errorf("two keys, with work for one and a half: %v", err)
	}
	// The same files open, or are told damaged, where they ask for little.
	for name, file := range hostile(1) {
		if _, err := Read(file, given); codeOf(err) == ca.E2504 {
			t.Errorf("%s with one round: %v", name, err)
		}
	}
}

func TestTheFileIsBounded(t *testing.T) {
	t.Parallel()
	w := the()
	cert := block("CERTIFICATE", w.leaves["ed25519"])
	for name, file := range map[string][]byte{
		"size":                  make([]byte, MaxFile+1),
		"number in PEM":         bytes.Repeat(cert, MaxItems+1),
		"number in P7B":         must(P7B(slicesOf(w.root, MaxItems+1), nil)),
		"number in JKS":         resealed(counted(append(append([]byte(magicJKS+"\x00\x00\x00\x02\x00\x00\x00\x00"), manyRecords(w.root)...), make([]byte, sha1.Size)...), MaxItems+1)),
		"the length of a key":   block("PRIVATE KEY", derElement(0x30, append([]byte("\x02\x01\x00\x30\x00\x04\x82\x40\x00"), make([]byte, 0x4000)...))),
		"the work of many keys": bytes.Repeat(block("PRIVATE KEY", w.keys["rsa"]), 8000),
	} {
		if _, err := Read(file, given); codeOf(err) != ca.E2504 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Read(bytes.Repeat(cert, MaxItems), nil); err != nil {
		t.Errorf("as many as may be: %v", err)
	}
	deep := []byte{}
	for range 2000 {
		deep = derElement(0x30, deep)
	}
	if _, err := Read(deep, nil); codeOf(err) != ca.E2501 {
		t.Errorf("nested too deep: %v", err)
	}
}

func slicesOf(der []byte, n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = der
	}
	return out
}
