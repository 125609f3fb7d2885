// SPDX-License-Identifier: Apache-2.0

package softkey

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"os"
	"slices"
	"strings"
	"testing"

	"chancery/ca"
)

func TestAPassphraseOpensAllOnlineKeys(t *testing.T) {
	f := newKeyring(t, goodPassphrase)
	issuing, ocsp := f.seal(t, "issuing", Authority), f.seal(t, "issuing-ocsp", OCSP)

	f = f.reopen(t)
	_, err := f.Key("issuing", testLog)
	wantProblem(t, err, ca.E3001, ca.LockedKind)
	wantProblem(t, f.UnlockAuto(testLog), ca.E3001, ca.LockedKind)
	if auto, err := f.Automatic(); auto || err != nil {
		t.Fatalf("automatic: %v, %v", auto, err)
	}
	if err := f.UnlockPassphrase(secret(goodPassphrase), testLog); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]crypto.Signer{"issuing": issuing, "issuing-ocsp": ocsp} {
		got, err := f.Key(id, testLog)
		if err != nil {
			t.Fatal(err)
		}
		sameKey(t, got, want)
	}
	if _, err := os.Stat(f.path("auto.key")); !os.IsNotExist(err) {
		t.Fatal("a keyring under a passphrase has an automatic key file")
	}
}

func TestTheFileOpensAnAutomaticKeyring(t *testing.T) {
	f := newKeyring(t, "")
	key := f.seal(t, "issuing", Authority)

	f = f.reopen(t)
	if auto, err := f.Automatic(); !auto || err != nil {
		t.Fatalf("automatic: %v, %v", auto, err)
	}
	wantProblem(t, f.UnlockPassphrase(secret(goodPassphrase), testLog), ca.E3002, ca.InvalidKind)
	if err := f.UnlockAuto(testLog); err != nil {
		t.Fatal(err)
	}
	got, err := f.Key("issuing", testLog)
	if err != nil {
		t.Fatal(err)
	}
	sameKey(t, got, key)

	// Another installation's file is as long, and opens nothing.
	plant(t, f.path("auto.key"), bytes.Repeat([]byte{1}, keySize))
	if err := f.reopen(t).UnlockAuto(testLog); err == nil {
		t.Fatal("another key file opened the keyring")
	}
	plant(t, f.path("auto.key"), bytes.Repeat([]byte{1}, keySize-1))
	if err := f.reopen(t).UnlockAuto(testLog); err == nil {
		t.Fatal("a short key file opened the keyring")
	}
}

func TestTheWordsOpenEveryKeyringAndTheRoot(t *testing.T) {
	f := newKeyring(t, "")
	online := f.seal(t, "issuing", Authority)
	root, err := f.Generate(edwards)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Seal(root, Sealing{ID: "root", Purpose: Authority, Log: testLog, Words: f.stretched}); err != nil {
		t.Fatal(err)
	}

	f = f.reopen(t)
	typed, err := ParseWords(strings.ToUpper(" " + f.words.Reveal() + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.UnlockWords(typed, testLog); err != nil {
		t.Fatal(err)
	}
	got, err := f.Key("issuing", testLog)
	if err != nil {
		t.Fatal(err)
	}
	sameKey(t, got, online)

	// The root stays closed although the key-encryption key is open.
	_, err = f.Key("root", testLog)
	wantProblem(t, err, ca.E3001, ca.LockedKind)
	other, err := NewWords(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Root("root", other, testLog)
	wantProblem(t, err, ca.E3002, ca.RefusedKind)
	got, err = f.Root("root", typed, testLog)
	if err != nil {
		t.Fatal(err)
	}
	sameKey(t, got, root)
	_, err = f.Root("issuing", typed, testLog)
	wantProblem(t, err, ca.E3002, ca.InvalidKind)
}

func TestTheLogsKeyOpensWhileSealed(t *testing.T) {
	f := plainRing(t)
	key := f.seal(t, "log", LogKey)
	f = f.reopen(t)
	if !f.Sealed() {
		t.Fatal("a keyring is open right after start")
	}
	got, err := f.Key("log", testLog)
	if err != nil {
		t.Fatal(err)
	}
	sameKey(t, got, key)
	infos, err := f.List()
	if err != nil {
		t.Fatal(err)
	}
	// log.auto.key is no envelope and is not listed.
	if len(infos) != 1 || infos[0].KeyID != "log" || !slices.Equal(infos[0].Methods, []Method{ByFile}) {
		t.Fatalf("listed are %+v", infos)
	}
	err = f.Seal(key, Sealing{ID: "log2", Purpose: LogKey, Log: testLog, Words: &Stretched{}})
	if err == nil {
		t.Fatal("the log's key was sealed under words")
	}
}

func TestAKeyLoadsOnlyBesideItsLog(t *testing.T) {
	f := newKeyring(t, "")
	f.seal(t, "issuing", Authority)
	f.seal(t, "log", LogKey)
	for name, log := range map[string]Log{
		"another log": {ID: strings.Repeat("0", logIDDigits), Size: 7},
		"shorter log": {ID: testLog.ID, Size: 6},
	} {
		t.Run(name, func(t *testing.T) {
			for _, id := range []string{"issuing", "log"} {
				_, err := f.Key(id, log)
				wantProblem(t, err, ca.E1406, ca.ConflictKind)
			}
			_, err := f.Root("issuing", f.words, log)
			wantProblem(t, err, ca.E1406, ca.ConflictKind)
			wantProblem(t, f.UnlockAuto(log), ca.E1406, ca.ConflictKind)
			wantProblem(t, f.UnlockWords(f.words, log), ca.E1406, ca.ConflictKind)
		})
	}
	if _, err := f.Key("issuing", Log{ID: testLog.ID, Size: 8}); err != nil {
		t.Fatalf("a grown log is refused: %v", err)
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	f := newKeyring(t, "")
	key := f.seal(t, "issuing", Authority)
	before := readAll(t, f.path("issuing.key"))
	err := f.Seal(key, Sealing{ID: "issuing", Purpose: Authority, Log: testLog})
	wantProblem(t, err, ca.E1002, ca.ConflictKind)
	if !bytes.Equal(before, readAll(t, f.path("issuing.key"))) {
		t.Fatal("a refused sealing changed the file")
	}
	_, err = f.Establish(Opening{Words: f.words, KDF: FloorParams()}, testLog)
	wantProblem(t, err, ca.E1002, ca.ConflictKind)
	_, err = Create(f.dir, f.clock.now)
	wantProblem(t, err, ca.E1002, ca.ConflictKind)
	f.reopen(t) // no leftovers, no faults
}

func TestSealingTakesNoNameThatLeadsAway(t *testing.T) {
	f := plainRing(t)
	key, err := f.Generate(edwards)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"", ".", "..", "../x", "a/b", "a.b", "auto", "kek", "-a", "a-", "A", "é", "a\x00", strings.Repeat("a", maxID+1)} {
		if err := f.Seal(key, Sealing{ID: id, Purpose: Authority, Log: testLog}); err == nil {
			t.Errorf("a key named %q was sealed", id)
		}
		if _, err := f.Key(id, testLog); err == nil {
			t.Errorf("a key named %q was opened", id)
		}
	}
	names, err := dirNames(f.dir)
	if err != nil || len(names) != 0 {
		t.Fatalf("refused sealings left %q, %v", names, err)
	}
}

func TestAFileUnderAnothersNameIsRefused(t *testing.T) {
	f := plainRing(t)
	f.seal(t, "a", Authority)
	f.seal(t, "b", Authority)
	plant(t, f.path("b.key"), readAll(t, f.path("a.key")))
	if _, err := f.Key("b", testLog); err == nil {
		t.Fatal("the key a was given out as the key b")
	}
}

func TestLockWipesTheKeyEncryptionKey(t *testing.T) {
	f := plainRing(t)
	f.seal(t, "issuing", Authority)
	held := f.kek
	octets := held.Reveal()
	f.Lock()
	if !f.Sealed() || !bytes.Equal(octets, make([]byte, keySize)) {
		t.Fatal("the key-encryption key outlived Lock")
	}
	_, err := f.Key("issuing", testLog)
	wantProblem(t, err, ca.E3001, ca.LockedKind)
	key, err := f.Generate(edwards)
	if err != nil {
		t.Fatal(err)
	}
	wantProblem(t, f.Seal(key, Sealing{ID: "next", Purpose: Authority, Log: testLog}), ca.E3001, ca.LockedKind)
	if !held.Empty() {
		t.Fatal("a copy of the secret still shows it")
	}
}
