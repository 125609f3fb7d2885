// SPDX-License-Identifier: Apache-2.0

package softkey

import (
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"chancery/ca"
)

// kekID is the key-encryption key's id; its envelope is kek.key.
const kekID = "kek"

// A Keyring is the signer's directory of keys, with the key-encryption key while
// it is unlocked. Its methods may be called at once from several goroutines.
type Keyring struct {
	dir string
	now func() time.Time

	// tries is held during a whole try with a passphrase or words, Argon2id
	// included, so that nobody gets ahead of the wait, or makes us spend the memory
	// of two runs, by trying in parallel. It guards backoff.
	tries   sync.Mutex
	backoff backoff

	// mu guards kek and is held for one file at most.
	mu  sync.Mutex
	kek Secret
}

// Create makes the directory path with mode 0700; its parent exists. It fails
// with E1002 if there is something already.
func Create(path string, now func() time.Time) (*Keyring, error) {
	if err := makeDir(path); err != nil {
		return nil, err
	}
	return Open(path, now)
}

// Open takes the directory path after checking the modes of everything in it
// (KY-04): one loose mode refuses with E1404, naming path, found and needed.
// Nothing is unlocked.
func Open(path string, now func() time.Time) (*Keyring, error) {
	if err := removeLeftovers(path); err != nil {
		return nil, err
	}
	table, err := KeyTable(path)
	if err != nil {
		return nil, err
	}
	if faults := CheckModes(table); len(faults) > 0 {
		return nil, faults[0].problem()
	}
	return &Keyring{dir: path, now: now}, nil
}

// An Opening is what will open the key-encryption key: always the recovery
// words, and either a passphrase or, if that is empty, the random file auto.key.
type Opening struct {
	Words      Words
	Passphrase Secret
	// KDF is the cost of stretching either; zero is the default.
	KDF Params
}

// Establish makes the key-encryption key, seals it, and leaves the keyring
// unlocked. It gives back the stretched recovery words, so that the root is
// sealed without a second run; the caller wipes them. A crash half-way leaves
// auto.key or kek.key behind, and a second Establish then fails with E1002.
func (k *Keyring) Establish(o Opening, log Log) (*Stretched, error) {
	if o.Words.Empty() {
		return nil, errors.New("there are no recovery words to seal the keys under")
	}
	if !o.Passphrase.Empty() {
		if err := CheckPassphrase(o.Passphrase); err != nil {
			return nil, err
		}
	}
	derivation, err := newDerivation(o.KDF)
	if err != nil {
		return nil, err
	}
	words, err := derivation.stretch(o.Words.secret)
	if err != nil {
		return nil, err
	}
	if err := k.establish(o.Passphrase, derivation, words, log); err != nil {
		words.Wipe()
		return nil, err
	}
	return words, nil
}

// establish draws and seals the key-encryption key.
func (k *Keyring) establish(passphrase Secret, derivation Derivation, words *Stretched, log Log) error {
	second := opener{method: ByPassphrase}
	if passphrase.Empty() {
		file, err := k.newRandomFile(string(ByFile) + keySuffix)
		if err != nil {
			return err
		}
		defer file.Wipe()
		second = opener{ByFile, file}
	} else {
		stretched, err := derivation.stretch(passphrase)
		if err != nil {
			return err
		}
		defer stretched.Wipe()
		second.root = stretched.key
	}
	kek, err := lockedSecret(keySize)
	if err != nil {
		return err
	}
	if _, err := rand.Read(kek.Reveal()); err != nil {
		return fmt.Errorf("draw the key-encryption key: %w", err)
	}
	h := Header{Version: version, KeyID: kekID, Purpose: KEK, Log: log.ID, LogSize: log.Size, KDF: &derivation, Created: k.created()}
	if err := k.writeEnvelope(h, kek.Reveal(), []opener{second, {ByWords, words.key}}); err != nil {
		kek.Wipe()
		return err
	}
	k.hold(kek)
	return nil
}

// A Sealing says what a key is sealed as.
type Sealing struct {
	// ID names the key and its file: an authority's name, "init", "log".
	ID      string
	Purpose Purpose
	Log     Log
	// Words, if set, seal the key under the recovery words alone, as the root's is.
	Words *Stretched
}

// Stretch makes recovery words ready to seal a key made after the founding; the zero
// Params stand for the default cost. The caller wipes the result.
func (k *Keyring) Stretch(words Words, p Params) (*Stretched, error) {
	derivation, err := newDerivation(p)
	if err != nil {
		return nil, err
	}
	return derivation.stretch(words.secret)
}

// Seal writes key into an envelope of its own. The log's key is wrapped by a
// random file of its own, a key with Words by these alone, any other by the
// key-encryption key, which must be unlocked (E3001). It overwrites nothing
// (E1002), and on return the file is durable.
func (k *Keyring) Seal(key crypto.Signer, s Sealing) error {
	h, err := describe(key, s)
	if err != nil {
		return err
	}
	h.Created = k.created()
	content, err := encodeKey(key)
	if err != nil {
		return err
	}
	defer clear(content)
	switch {
	case s.Purpose == LogKey:
		file, err := k.newRandomFile(s.ID + randomSuffix)
		if err != nil {
			return err
		}
		defer file.Wipe()
		return k.writeEnvelope(h, content, []opener{{ByFile, file}})
	case s.Words != nil:
		h.KDF = s.Words.derivation()
		return k.writeEnvelope(h, content, []opener{{ByWords, s.Words.key}})
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kek.Empty() {
		return locked(s.ID)
	}
	return k.writeEnvelope(h, content, []opener{{ByKEK, k.kek}})
}

// Key opens a key with the key-encryption key, or the log's with its own file,
// for use beside log. It fails with E3001 while the keyring is locked and for a
// key that only the recovery words open, and with E1406 if log is not the key's.
func (k *Keyring) Key(id string, log Log) (crypto.Signer, error) {
	e, err := k.readEnvelope(id)
	if err != nil {
		return nil, err
	}
	if err := e.Header.belongs(log); err != nil {
		return nil, err
	}
	if e.Header.Purpose == LogKey {
		file, err := k.readRandomFile(id + randomSuffix)
		if err != nil {
			return nil, err
		}
		defer file.Wipe()
		return e.signer(opener{ByFile, file})
	}
	if !e.opensBy(ByKEK) {
		return nil, ca.Locked(ca.E3001, "only the recovery words open the key "+id, "have the recovery words at hand")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kek.Empty() {
		return nil, locked(id)
	}
	return e.signer(opener{ByKEK, k.kek})
}

// Root opens a key that is sealed under the recovery words. Wrong words are
// E3002 and count as a try.
func (k *Keyring) Root(id string, words Words, log Log) (crypto.Signer, error) {
	e, err := k.readEnvelope(id)
	if err != nil {
		return nil, err
	}
	if err := e.Header.belongs(log); err != nil {
		return nil, err
	}
	var key crypto.Signer
	err = k.try(e, ByWords, words.secret, func(o opener) (err error) {
		key, err = e.signer(o)
		return err
	})
	return key, err
}

// Retire removes the key of an OCSP responder whose certificate another one has replaced,
// durably. No other key is ever removed: what it signed may have to be revoked. One that
// is gone already is no error.
func (k *Keyring) Retire(id string) error {
	path := filepath.Join(k.dir, id+keySuffix)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	e, err := k.readEnvelope(id)
	if err != nil {
		return err
	}
	if e.Header.Purpose != OCSP {
		return fmt.Errorf("the key %s is no responder's, and stays", id)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unwritable(path, err)
	}
	return syncDir(k.dir)
}

// List gives the header of every envelope and how it opens, in order of names,
// without opening one: nothing in them is authenticated yet.
func (k *Keyring) List() ([]Info, error) {
	names, err := k.envelopes()
	if err != nil {
		return nil, err
	}
	infos := make([]Info, 0, len(names))
	for _, id := range names {
		e, err := k.readEnvelope(id)
		if err != nil {
			return nil, err
		}
		infos = append(infos, e.info())
	}
	return infos, nil
}

// created is the time of sealing, to the second.
func (k *Keyring) created() time.Time { return k.now().UTC().Truncate(time.Second) }

func locked(id string) error {
	return ca.Locked(ca.E3001, "the key "+id+" is locked", "chancery key unlock")
}
