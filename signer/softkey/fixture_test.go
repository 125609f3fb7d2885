// SPDX-License-Identifier: Apache-2.0

package softkey

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"chancery/ca"
)

// A clock stands still until a test moves it.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

var testLog = Log{ID: "00112233445566778899aabbccddeeff", Size: 7}

const goodPassphrase = "marble otter climbs seven fences"

// A fixture is a keyring with what opens it.
type fixture struct {
	*Keyring
	clock *clock
	words Words
	// stretched are the words after their run, for sealing a root.
	stretched *Stretched
}

// newKeyring establishes a keyring; an empty passphrase makes it automatic.
func newKeyring(t testing.TB, passphrase string) *fixture {
	t.Helper()
	return newKeyringIn(t, t.TempDir(), passphrase)
}

func newKeyringIn(t testing.TB, base, passphrase string) *fixture {
	t.Helper()
	c := newClock()
	k, err := Create(filepath.Join(base, "keys"), c.now)
	if err != nil {
		t.Fatal(err)
	}
	words, err := NewWords(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	opening := Opening{Words: words, KDF: FloorParams()}
	if passphrase != "" {
		opening.Passphrase = secret(passphrase)
	}
	stretched, err := k.Establish(opening, testLog)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stretched.Wipe)
	return &fixture{k, c, words, stretched}
}

// reopen opens the directory anew, as a restart does.
func (f *fixture) reopen(t testing.TB) *fixture {
	t.Helper()
	k, err := Open(f.dir, f.clock.now)
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{k, f.clock, f.words, f.stretched}
}

// seal makes and seals a key of the id and purpose.
func (f *fixture) seal(t testing.TB, id string, p Purpose) crypto.Signer {
	t.Helper()
	key, err := f.Generate(edwards)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Seal(key, Sealing{ID: id, Purpose: p, Log: testLog}); err != nil {
		t.Fatal(err)
	}
	return key
}

// plainRing is a keyring without a key-encryption key of its own: one that was
// drawn is held at once, so that no key derivation is paid for.
func plainRing(t testing.TB) *fixture {
	t.Helper()
	c := newClock()
	k, err := Create(filepath.Join(t.TempDir(), "keys"), c.now)
	if err != nil {
		t.Fatal(err)
	}
	kek, err := lockedSecret(keySize)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rand.Read(kek.Reveal()); err != nil {
		t.Fatal(err)
	}
	k.hold(kek)
	return &fixture{Keyring: k, clock: c}
}

func (f *fixture) path(name string) string { return filepath.Join(f.dir, name) }

func secret(s string) Secret { return NewSecret([]byte(s)) }

// wantProblem fails unless err is a problem of that code and kind.
func wantProblem(t testing.TB, err error, code ca.Code, kind ca.Kind) *ca.Problem {
	t.Helper()
	var p *ca.Problem
	if !errors.As(err, &p) {
		t.Fatalf("got %v, wanted a problem %s", err, code)
	}
	if p.Code != code || p.Kind != kind {
		t.Fatalf("got %s %s (%s), wanted %s %s", p.Code, p.Kind, p.Detail, code, kind)
	}
	if p.Detail == "" || p.Fix == "" {
		t.Fatalf("the problem %+v has no detail or no hint", p)
	}
	return p
}

// sameKey fails unless got is the key want.
func sameKey(t testing.TB, got, want crypto.Signer) {
	t.Helper()
	if !bytes.Equal(got.(ed25519.PrivateKey), want.(ed25519.PrivateKey)) {
		t.Fatal("another key came back than was sealed")
	}
}

func readAll(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// plant writes a file as if by other hands: with the right mode and any content.
func plant(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, fileMode); err != nil {
		t.Fatal(err)
	}
}
