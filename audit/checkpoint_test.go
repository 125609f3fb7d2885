// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

// logKey is a fixed key of tests, made of a seed.
func logKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(append(make([]byte, 31), seed))
}

func publicOf(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

func mustSign(t testing.TB, c Checkpoint, key ed25519.PrivateKey) []byte {
	t.Helper()
	b, err := c.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAU03_ACheckpointIsASignedNoteThatOthersCanOpen(t *testing.T) {
	key := logKey(1)
	c := Checkpoint{Log: LogID{1}, Size: 1234, Root: LeafHash(nil)}
	want := "chancery/01000000000000000000000000000000\n1234\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\n"
	if c.Text() != want {
		t.Errorf("text %q, want %q", c.Text(), want)
	}
	for _, c.Unseparated = range []bool{false, true} {
		signed := mustSign(t, c, key)
		if got, err := ParseCheckpoint(signed, c.Log, publicOf(key)); err != nil || got != c {
			t.Errorf("parses to %+v, %v", got, err)
		}
		// note's own verifier, from the key's text form, is the second opinion.
		v, err := note.NewVerifier(VerifierKey(c.Log, publicOf(key)))
		if err != nil {
			t.Fatal(err)
		}
		n, err := note.Open(signed, note.VerifierList(v))
		if err != nil || n.Text != c.Text() || strings.Contains(n.Text, "UNSEPARATED\n") != c.Unseparated {
			t.Errorf("note.Open: %v", err)
		}
	}
}

func TestAU03_ACheckpointOfAnotherLogOrKeyIsRefused(t *testing.T) {
	key := logKey(1)
	c := Checkpoint{Log: LogID{1}, Size: 5, Root: LeafHash(nil)}
	signed := mustSign(t, c, key)
	if _, err := ParseCheckpoint(signed, LogID{2}, publicOf(key)); err == nil {
		t.Error("it is taken for one of another log")
	}
	if _, err := ParseCheckpoint(signed, c.Log, publicOf(logKey(2))); err == nil {
		t.Error("it is taken under another key")
	}
	if _, err := ParseCheckpoint(signed, c.Log, nil); err == nil {
		t.Error("it is taken without a key")
	}
	if _, err := ParseCheckpoint(append(signed, make([]byte, MaxCheckpoint)...), c.Log, publicOf(key)); err == nil {
		t.Error("it is taken at any length")
	}
	for i := range signed {
		bad := append([]byte(nil), signed...)
		bad[i] ^= 1
		if got, err := ParseCheckpoint(bad, c.Log, publicOf(key)); err == nil && got != c {
			t.Errorf("with octet %d flipped it parses to %+v", i, got)
		}
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Sign(other); err == nil {
		t.Error("an ECDSA key signs a checkpoint")
	}
}

// signText signs any text with the log's key, as a log that lies would.
func signText(text string, log LogID, key ed25519.PrivateKey) ([]byte, error) {
	return note.Sign(&note.Note{Text: text}, noteSigner{noteKey{log.Origin(), publicOf(key)}, key})
}

func TestAU03_ASignedTextThatIsNoCheckpointIsRefused(t *testing.T) {
	log, key := LogID{1}, logKey(1)
	origin, root := log.Origin()+"\n", "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\n"
	for name, text := range map[string]string{
		"origin alone": origin,
		"no root":      origin + "5\n",
		"other origin": "chancery/other\n5\n" + root,
		"negative":     origin + "-5\n" + root,
		"plus":         origin + "+5\n" + root,
		"leading zero": origin + "05\n" + root,
		"above int64":  origin + "9223372036854775808\n" + root,
		"no size":      origin + "\n" + root,
		"short root":   origin + "5\nbjQL\n",
		"loose base64": origin + "5\n" + strings.Replace(root, "oB0=", "oB1=", 1),
		"unpadded":     origin + "5\n" + strings.Replace(root, "=", "", 1),
	} {
		signed, err := signText(text, log, key)
		if err != nil {
			t.Fatal(err)
		}
		if c, err := ParseCheckpoint(signed, log, publicOf(key)); err == nil {
			t.Errorf("%s: %+v", name, c)
		}
	}
	signed, err := signText(origin+"5\n"+root+"an extension\n", log, key)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := ParseCheckpoint(signed, log, publicOf(key)); err != nil || c.Size != 5 || c.Unseparated {
		t.Errorf("an unknown extension line: %+v, %v", c, err)
	}
}

// Law: whatever the key signed, what is read from it is what its first three
// lines spell; and what the key did not sign is not read.
func FuzzCheckpoint(f *testing.F) {
	log, key := LogID{1}, logKey(1)
	for _, c := range []Checkpoint{{Log: log}, {Log: log, Size: 77, Root: LeafHash(nil), Unseparated: true}} {
		f.Add(c.Text())
		f.Add(c.Text() + "extension\n")
		f.Add(string(mustSign(f, c, logKey(2))))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := ParseCheckpoint([]byte(text), log, publicOf(key)); err == nil {
			t.Fatalf("read without a signature of the key: %q", text)
		}
		signed, err := signText(text, log, key)
		if err != nil {
			return // not a note at all
		}
		c, err := ParseCheckpoint(signed, log, publicOf(key))
		if err != nil {
			return
		}
		plain := c
		plain.Unseparated = false
		if rest, ok := strings.CutPrefix(text, plain.Text()); !ok || strings.Contains("\n"+rest, "\nUNSEPARATED\n") != c.Unseparated {
			t.Fatalf("%q is read as %+v", text, c)
		}
		if again, err := ParseCheckpoint(mustSign(t, c, key), log, publicOf(key)); err != nil || again != c {
			t.Fatalf("%+v signs and parses to %+v, %v", c, again, err)
		}
	})
}

// A log's key is read back as it was written, and the key of another log, or one with
// another octet, is none of this log's.
func TestAVerifierKeyIsThatOfItsLog(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	log := LogID{1}
	text := VerifierKey(log, publicOf(key))
	if got, err := ParseVerifierKey(log, text); err != nil || !got.Equal(key.Public()) {
		t.Errorf("it is read as %x, %v", got, err)
	}
	for _, wrong := range []string{"", text + "A", text[1:], strings.ToUpper(text), VerifierKey(LogID{2}, publicOf(key)), text[:len(text)-8] + "AAAAAAAA"} {
		if _, err := ParseVerifierKey(log, wrong); err == nil {
			t.Errorf("%q is a key of the log", wrong)
		}
	}
}
