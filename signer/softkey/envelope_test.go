// SPDX-License-Identifier: Apache-2.0

package softkey

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

// The root secrets of the test envelopes stand for what a file, a stretched
// secret or the key-encryption key gives.
var (
	rootA = bytes.Repeat([]byte{0xa5}, keySize)
	rootB = bytes.Repeat([]byte{0x5a}, keySize)
)

func openerA(m Method) opener { return opener{m, NewSecret(bytes.Clone(rootA))} }
func openerB(m Method) opener { return opener{m, NewSecret(bytes.Clone(rootB))} }

// testHeader is the header of an Ed25519 key with a known seed.
func testHeader(t testing.TB, human bool) (Header, []byte) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	h, err := describe(key, Sealing{ID: "issuing", Purpose: Authority, Log: testLog})
	if err != nil {
		t.Fatal(err)
	}
	h.Created = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	if human {
		h.KDF = &Derivation{Name: argon2id, Params: FloorParams(), Salt: bytes.Repeat([]byte{9}, saltSize)}
	}
	content, err := encodeKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return h, content
}

// testEnvelope gives the file of a key sealed under openers.
func testEnvelope(t testing.TB, human bool, openers ...opener) []byte {
	t.Helper()
	h, content := testHeader(t, human)
	e, err := seal(h, content, openers)
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// opensAnyhow tries every method the file names, with the right secrets.
func opensAnyhow(b []byte) bool {
	e, err := parseEnvelope(b)
	if err != nil {
		return false
	}
	for _, w := range e.Wraps {
		if _, err := e.signer(openerA(w.Method)); err == nil {
			return true
		}
	}
	return false
}

func TestKY01_EveryFlippedBitOfAnEnvelopeIsRefused(t *testing.T) {
	for name, b := range map[string][]byte{
		"key-encryption key":   testEnvelope(t, false, openerA(ByKEK)),
		"file and passphrase":  testEnvelope(t, true, openerA(ByFile), openerA(ByPassphrase)),
		"passphrase and words": testEnvelope(t, true, openerA(ByPassphrase), openerA(ByWords)),
	} {
		t.Run(name, func(t *testing.T) {
			if !opensAnyhow(b) {
				t.Fatal("the untouched file does not open")
			}
			for i := range b {
				for bit := range 8 {
					flipped := bytes.Clone(b)
					flipped[i] ^= 1 << bit
					if opensAnyhow(flipped) {
						t.Fatalf("the file opens with bit %d of octet %d flipped: %q", bit, i, flipped[max(0, i-20):i+1])
					}
				}
			}
			for i := range b {
				if opensAnyhow(b[:i]) || opensAnyhow(append(bytes.Clone(b[:i]), b[min(i+1, len(b)):]...)) {
					t.Fatalf("the file opens when cut at octet %d", i)
				}
			}
		})
	}
}

// Each case is written in the one form we take, so that only the seal can refuse.
func TestKY01_HeaderAndWrapsAreAuthenticated(t *testing.T) {
	b := testEnvelope(t, true, openerA(ByFile), openerA(ByWords))
	other, err := parseEnvelope(testEnvelope(t, true, openerA(ByFile), openerA(ByWords)))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*envelope){
		"key id":          func(e *envelope) { e.Header.KeyID = "other" },
		"purpose":         func(e *envelope) { e.Header.Purpose = OCSP },
		"key type":        func(e *envelope) { e.Header.KeyType = p256 },
		"public key":      func(e *envelope) { e.Header.SPKI[0] ^= 1 },
		"log":             func(e *envelope) { e.Header.Log = strings.Repeat("1", logIDDigits) },
		"log size":        func(e *envelope) { e.Header.LogSize = 0 },
		"salt":            func(e *envelope) { e.Header.KDF.Salt[0] ^= 1 },
		"cost":            func(e *envelope) { e.Header.KDF.Time++ },
		"time":            func(e *envelope) { e.Header.Created = e.Header.Created.Add(time.Second) },
		"wrap taken away": func(e *envelope) { e.Wraps = e.Wraps[1:] },
		"wraps in turn":   func(e *envelope) { e.Wraps[0], e.Wraps[1] = e.Wraps[1], e.Wraps[0] },
		"wrap of another": func(e *envelope) { e.Wraps[0] = other.Wraps[0] },
		"all of another's wraps": func(e *envelope) {
			e.Wraps = other.Wraps
		},
		"content of another": func(e *envelope) { e.Nonce, e.Sealed = other.Nonce, other.Sealed },
		"method renamed":     func(e *envelope) { e.Wraps[0].Method = ByPassphrase },
	} {
		t.Run(name, func(t *testing.T) {
			e, err := parseEnvelope(b)
			if err != nil {
				t.Fatal(err)
			}
			change(e)
			changed, err := e.marshal()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parseEnvelope(changed); err != nil {
				t.Fatalf("the case is refused before it is opened: %v", err)
			}
			if opensAnyhow(changed) {
				t.Fatal("the changed envelope opens")
			}
		})
	}
}

func TestKY01_TheDataKeyIsFreshAndEveryWrapItsOwn(t *testing.T) {
	h, content := testHeader(t, true)
	seen := map[string]bool{}
	for range 16 {
		e, err := seal(h, content, []opener{openerA(ByFile), openerA(ByWords)})
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []octets{e.Nonce, e.Sealed, e.Wraps[0].Nonce, e.Wraps[0].Sealed, e.Wraps[1].Nonce, e.Wraps[1].Sealed} {
			if seen[string(part)] {
				t.Fatal("two envelopes share a nonce or a sealed part")
			}
			seen[string(part)] = true
		}
		if len(e.Wraps[0].Sealed) != 32+16 || len(e.Sealed) != len(content)+16 {
			t.Fatal("a sealed part has another size than AES-256-GCM gives")
		}
	}
	// One root secret never gives two wraps one key.
	keys := map[string]bool{}
	other, purpose := h, h
	other.KeyID, purpose.Purpose = "other", OCSP
	for _, h := range []Header{h, other, purpose} {
		for _, m := range []Method{ByKEK, ByWords, ByPassphrase, ByFile} {
			key, err := wrapKey(rootA, m, h)
			if err != nil {
				t.Fatal(err)
			}
			if keys[string(key)] || bytes.Equal(key, rootA) {
				t.Fatalf("the wrap by %s of %s %s shares its key", m, h.Purpose, h.KeyID)
			}
			keys[string(key)] = true
		}
	}
}

func TestKY01_AnyOfTheMethodsOpensAndAnotherSecretDoesNot(t *testing.T) {
	e, err := parseEnvelope(testEnvelope(t, true, openerA(ByWords), openerB(ByPassphrase)))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []opener{openerA(ByWords), openerB(ByPassphrase)} {
		if _, err := e.signer(o); err != nil {
			t.Errorf("by %s: %v", o.method, err)
		}
	}
	for _, o := range []opener{openerB(ByWords), openerA(ByPassphrase)} {
		if _, err := e.signer(o); !errors.Is(err, errWrongSecret) {
			t.Errorf("by %s with another's secret: %v", o.method, err)
		}
	}
	if _, err := e.signer(openerA(ByFile)); err == nil || errors.Is(err, errWrongSecret) {
		t.Errorf("a method without a wrap: %v", err)
	}
}

// A header is sealed by whoever seals, so its public key is compared with the
// key that comes out.
func TestKY01_AKeyThatIsNotTheHeadersIsRefused(t *testing.T) {
	h, content := testHeader(t, false)
	h.SPKI = sha256.Sum256([]byte("another key"))
	e, err := seal(h, content, []opener{openerA(ByKEK)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.signer(openerA(ByKEK)); err == nil {
		t.Fatal("a key came out that the header does not name")
	}
	h, _ = testHeader(t, false)
	if e, err = seal(h, []byte("this is no PKCS#8"), []opener{openerA(ByKEK)}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.signer(openerA(ByKEK)); err == nil || strings.Contains(err.Error(), "PKCS#8") {
		t.Fatalf("content that is no key: %v", err)
	}
}

func TestOnlyTheFormWeWriteIsRead(t *testing.T) {
	good := testEnvelope(t, true, openerA(ByWords))
	edit := func(from, to string) []byte {
		if !bytes.Contains(good, []byte(from)) {
			t.Fatalf("the file does not hold %q", from)
		}
		return bytes.Replace(good, []byte(from), []byte(to), 1)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, good); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"empty":             nil,
		"null":              []byte("null\n"),
		"an array":          []byte("[]\n"),
		"other spacing":     compact.Bytes(),
		"no end of line":    bytes.TrimSuffix(good, []byte("\n")),
		"something after":   append(bytes.Clone(good), "{}\n"...),
		"an unknown field":  edit(`"version": 1,`, `"version": 1, "more": 1,`),
		"a field twice":     edit(`"version": 1,`, "\"version\": 1,\n    \"version\": 1,"),
		"a field in case":   edit(`"version"`, `"Version"`),
		"another version":   edit(`"version": 1`, `"version": 2`),
		"upper-case log":    edit("aabb", "AABB"),
		"upper-case hex":    edit(`"sealed": "`+string(sealedHead(good)), `"sealed": "`+strings.ToUpper(string(sealedHead(good)))),
		"unknown purpose":   edit(`"purpose": "ca"`, `"purpose": "cb"`),
		"unknown method":    edit(`"method": "words"`, `"method": "sword"`),
		"unknown KDF":       edit(`"name": "argon2id"`, `"name": "argon2d"`),
		"unknown key type":  edit(`"key_type": "ed25519"`, `"key_type": "rsa-1024"`),
		"negative log size": edit(`"log_size": 7`, `"log_size": -7`),
		"a path as key id":  edit(`"key_id": "issuing"`, `"key_id": "../../x"`),
		"too long":          append(bytes.Clone(good), bytes.Repeat([]byte("\n"), maxEnvelope)...),
	} {
		if _, err := parseEnvelope(b); err == nil {
			t.Errorf("%s: the file is read", name)
		}
	}
}

// goldens are key files of the first version, sealed from rootA by one method or
// two; the key is the one of testHeader.
var goldens = []string{"testdata/kek.golden", "testdata/file.golden", "testdata/words.golden"}

// A backup of today must open in ten years.
func TestFilesOfVersionOneStayReadable(t *testing.T) {
	h, content := testHeader(t, false)
	for _, name := range goldens {
		e, err := parseEnvelope(readAll(t, name))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, w := range e.Wraps {
			got, err := e.open(openerA(w.Method))
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("%s does not open by %s: %v", name, w.Method, err)
			}
		}
		if e.Header.KeyID != h.KeyID || e.Header.SPKI != h.SPKI || !e.Header.Created.Equal(h.Created) {
			t.Errorf("%s: the header is %+v", name, e.Header)
		}
	}
}

// sealedHead is the first sealed part of the file up to its first hex letter.
func sealedHead(b []byte) []byte {
	_, rest, _ := bytes.Cut(b, []byte(`"sealed": "`))
	return rest[:1+bytes.IndexAny(rest, "abcdef")]
}

// The law: what is read is written back as it was, and of all files only those
// that were sealed with our secret give out a key with it.
func FuzzEnvelope(f *testing.F) {
	// The workers of a fuzz run are processes of their own, so these are files.
	var sealed [][]byte
	for _, name := range goldens {
		sealed = append(sealed, readAll(f, name))
	}
	for _, b := range sealed {
		f.Add(b)
	}
	f.Add(testEnvelope(f, true, openerB(ByWords)))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := parseEnvelope(b)
		if err != nil {
			return
		}
		again, err := e.marshal()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%q was read and is written as %q, %v", b, again, err)
		}
		if err := e.check(); err != nil {
			t.Fatal(err)
		}
		if e.Header.KDF != nil && e.Header.KDF.Check() != nil {
			t.Fatal("a file was read whose derivation is out of bounds")
		}
		genuine := false
		for _, s := range sealed {
			genuine = genuine || bytes.Equal(s, b)
		}
		if opensAnyhow(b) != genuine {
			t.Fatalf("opens: %v, sealed by us: %v: %q", !genuine, genuine, b)
		}
	})
}
