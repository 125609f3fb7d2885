// SPDX-License-Identifier: Apache-2.0

package softkey

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"

	"chancery/ca"
)

// concealInfo derives the key of Conceal from the key-encryption key; no other key is
// derived so.
const concealInfo = "chancery request v1"

// Conceal encrypts what only the signer may read again, by AES-256-GCM under a key derived
// from the key-encryption key, bound to a context. The nonce, which is random, comes first:
// there will be far fewer than 2^32 of them. It is E3001 while the keys are locked.
func (k *Keyring) Conceal(plain, context []byte) ([]byte, error) {
	key, err := k.concealing()
	if err != nil {
		return nil, err
	}
	defer clear(key)
	nonce, sealed, err := encrypt(key, plain, context)
	return append(nonce, sealed...), err
}

// Disclose gives what Conceal was given, with the same context.
func (k *Keyring) Disclose(sealed, context []byte) ([]byte, error) {
	key, err := k.concealing()
	if err != nil {
		return nil, err
	}
	defer clear(key)
	if len(sealed) < nonceSize {
		return nil, errors.New("what was concealed is cut")
	}
	return decrypt(key, sealed[:nonceSize], sealed[nonceSize:], context)
}

func (k *Keyring) concealing() ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kek.Empty() {
		return nil, ca.Locked(ca.E3001, "the signing key is locked", "chancery key unlock")
	}
	key, err := hkdf.Key(sha256.New, k.kek.Reveal(), nil, concealInfo, keySize)
	if err != nil {
		return nil, fmt.Errorf("derive the key of requests: %w", err)
	}
	return key, nil
}
