// SPDX-License-Identifier: Apache-2.0

package softkey

import (
	"errors"
	"fmt"

	"chancery/ca"
)

// Automatic tells whether auto.key opens the key-encryption key, which doctor
// names as what it is: whoever reads the directory can sign.
func (k *Keyring) Automatic() (bool, error) {
	e, err := k.readEnvelope(kekID)
	if err != nil {
		return false, err
	}
	return e.opensBy(ByFile), nil
}

// UnlockAuto opens the key-encryption key with auto.key. It fails with E3001 if
// the installation unlocks by passphrase.
func (k *Keyring) UnlockAuto(log Log) error {
	e, err := k.kekEnvelope(log)
	if err != nil {
		return err
	}
	if !e.opensBy(ByFile) {
		return ca.Locked(ca.E3001, "the keys are locked by a passphrase", "chancery key unlock")
	}
	file, err := k.readRandomFile(string(ByFile) + keySuffix)
	if err != nil {
		return err
	}
	defer file.Wipe()
	return k.openKEK(e, opener{ByFile, file})
}

// UnlockPassphrase opens the key-encryption key with the passphrase (R30). A
// wrong one is E3002 and counts as a try; E3002 of kind busy means that the wait
// after five wrong ones is not over.
func (k *Keyring) UnlockPassphrase(passphrase Secret, log Log) error {
	return k.unlock(ByPassphrase, passphrase, log)
}

// UnlockWords opens the key-encryption key with the recovery words, as
// UnlockPassphrase does: no backup holds auto.key, and a passphrase can be lost.
func (k *Keyring) UnlockWords(words Words, log Log) error {
	return k.unlock(ByWords, words.secret, log)
}

// ProveWords tells whether these are the recovery words of the key-encryption key: who
// has them holds the installation. It locks and unlocks nothing; wrong words are E3002
// and count as a try.
func (k *Keyring) ProveWords(words Words, log Log) error {
	e, err := k.kekEnvelope(log)
	if err != nil {
		return err
	}
	return k.try(e, ByWords, words.secret, func(o opener) error {
		content, err := e.open(o)
		clear(content)
		return err
	})
}

func (k *Keyring) unlock(m Method, secret Secret, log Log) error {
	e, err := k.kekEnvelope(log)
	if err != nil {
		return err
	}
	return k.try(e, m, secret, func(o opener) error { return k.openKEK(e, o) })
}

// Lock wipes the key-encryption key. Signers handed out before stay usable:
// whoever holds them drops them.
func (k *Keyring) Lock() { k.hold(Secret{}) }

// Sealed tells whether the key-encryption key is locked.
func (k *Keyring) Sealed() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.kek.Empty()
}

// hold puts kek in the place of the one before, which is wiped.
func (k *Keyring) hold(kek Secret) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kek.Wipe()
	k.kek = kek
}

// kekEnvelope reads the envelope of the key-encryption key.
func (k *Keyring) kekEnvelope(log Log) (*envelope, error) {
	e, err := k.readEnvelope(kekID)
	if err != nil {
		return nil, err
	}
	return e, e.Header.belongs(log)
}

// openKEK opens the key-encryption key and holds it.
func (k *Keyring) openKEK(e *envelope, o opener) error {
	if e.Header.Purpose != KEK {
		return fmt.Errorf("%s is not a key-encryption key", kekID+keySuffix)
	}
	content, err := e.open(o)
	if err != nil {
		return err
	}
	defer clear(content)
	if len(content) != keySize {
		return fmt.Errorf("the key-encryption key has %d octets, wanted %d", len(content), keySize)
	}
	kek, err := lockedSecret(keySize)
	if err != nil {
		return err
	}
	copy(kek.Reveal(), content)
	k.hold(kek)
	return nil
}

// try stretches a human secret and lets use open e with it, unless a wait is
// on. Only a secret that does not fit counts as a wrong try; it alone gives E3002
// of kind refused, which the caller logs.
func (k *Keyring) try(e *envelope, m Method, secret Secret, use func(opener) error) error {
	if !e.opensBy(m) {
		return ca.Invalid(ca.E3002, fmt.Sprintf("the key %s is not sealed by %s", e.Header.KeyID, m.title()), "chancery key list")
	}
	k.tries.Lock()
	defer k.tries.Unlock()
	if err := k.backoff.allow(k.now()); err != nil {
		return err
	}
	stretched, err := e.Header.KDF.stretch(secret)
	if err != nil {
		return err
	}
	defer stretched.Wipe()
	err = use(opener{m, stretched.key})
	if errors.Is(err, errWrongSecret) {
		k.backoff.failed(k.now())
		return ca.Refused(ca.E3002, "wrong "+m.title(), "try again; after five wrong tries each further one must wait")
	}
	if err == nil {
		k.backoff.succeeded()
	}
	return err
}

// title is the method as people say it.
func (m Method) title() string {
	switch m {
	case ByWords:
		return "recovery words"
	case ByPassphrase:
		return "passphrase"
	case ByFile:
		return "key file"
	case ByKEK:
		return "key-encryption key"
	}
	return string(m)
}
