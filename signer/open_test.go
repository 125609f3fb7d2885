// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"chancery/ca"
	"chancery/config"
	"chancery/signer"
	"chancery/signer/softkey"
)

// A start clears away what looks half-written in the key directory. A second
// process that did so before it saw the lock would take a key from under the
// first, which is just sealing it.
func TestASecondSignerTouchesNothingOfADirectoryInUse(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	refused := func() {
		t.Helper()
		second := unopened(dir)
		var p *ca.Problem
		if err := second.Open(); !errors.As(err, &p) || p.Code != ca.E1403 {
			t.Errorf("a second signer: %v", err)
		}
	}
	refused() // before there is an installation, too
	if _, err := s.Found(founding(t), os.Getuid()); err != nil {
		t.Fatal(err)
	}
	sealing := filepath.Join(dir, "keys", ".new-issuing-g2.key")
	if err := os.WriteFile(sealing, []byte("half"), 0o400); err != nil {
		t.Fatal(err)
	}
	refused()
	if _, err := os.Stat(sealing); err != nil {
		t.Errorf("the second signer took a key that the first is sealing: %v", err)
	}
	h := s.hello(0)
	s.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"]))
	s.stop()
	start(t, dir) // the lock was given back
	if _, err := os.Stat(sealing); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what a dead signer left half-written is still there: %v", err)
	}
}

// An Open that fails gives the lock back: the next one says what is wrong, and
// not that the directory is in use.
func TestAFailedOpenHoldsNothing(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	if _, err := s.Found(founding(t), os.Getuid()); err != nil {
		t.Fatal(err)
	}
	s.stop()
	spoil := func(name string) (mend func()) {
		path := filepath.Join(dir, name)
		if err := os.Rename(path, path+".away"); err != nil {
			t.Fatal(err)
		}
		return func() {
			if err := os.Rename(path+".away", path); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, name := range []string{"keys/kek.key", "keys/log.auto.key", "keys/log.key", "state/checkpoint"} {
		mend := spoil(name)
		for range 2 {
			var p *ca.Problem
			if err := unopened(dir).Open(); err == nil || errors.As(err, &p) && p.Code == ca.E1403 {
				t.Errorf("without %s: %v", name, err)
			}
		}
		mend()
	}
	start(t, dir)
}

// unopened is a signer before its Open.
func unopened(dir string) *signer.Signer {
	return &signer.Signer{Dir: dir, Parse: config.Profile, Now: time.Now, Random: rand.Reader, KDF: softkey.FloorParams()}
}
