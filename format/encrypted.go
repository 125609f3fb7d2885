// SPDX-License-Identifier: Apache-2.0

package format

import (
	"crypto"
	"fmt"

	"github.com/youmark/pkcs8"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// A KDF is how an encrypted key's password is stretched.
type KDF int

const (
	// PBKDF2 is read by everything since openssl 1.1 and Java 8: HMAC-SHA-256, 600 000
	// rounds, a tenth of a second.
	PBKDF2 KDF = iota
	// Scrypt costs an attacker memory too (RFC 7914: N 16 384, r 8, p 1, 16 MiB, as openssl
	// writes it); Java and GnuTLS do not read it.
	Scrypt
)

const (
	pbkdf2Rounds = 600_000
	scryptN      = 1 << 14
	saltSize     = 16
)

// EncryptedKey encrypts a key in PKCS#8 (RFC 5958 §3) by PBES2 with AES-256 in CBC
// mode. What it gives is DER; PEM writes it as ENCRYPTED PRIVATE KEY. E2505 if the
// password is empty or the key is none. Salt and initial vector come from crypto/rand.
func EncryptedKey(der, password []byte, kdf KDF) ([]byte, error) {
	key, err := parseKey(der)
	if err != nil {
		return nil, err
	}
	if err := passwordFault(password); err != nil {
		return nil, err
	}
	how := &pkcs8.Opts{Cipher: pkcs8.AES256CBC, KDFOpts: pkcs8.PBKDF2Opts{SaltSize: saltSize, IterationCount: pbkdf2Rounds, HMACHash: crypto.SHA256}}
	if kdf == Scrypt {
		how.KDFOpts = pkcs8.ScryptOpts{SaltSize: saltSize, CostParameter: scryptN, BlockSize: 8, ParallelizationParameter: 1}
	}
	out, err := pkcs8.MarshalPrivateKey(key, password, how)
	if err != nil {
		return nil, fmt.Errorf("encrypt the private key: %w", err)
	}
	return out, nil
}

// passwordFault refuses a password that protects nothing, or that other tools cannot be
// given.
func passwordFault(password []byte) error {
	switch {
	case len(password) == 0:
		return unfit("the password is empty", "give a password; who receives the file needs it too")
	case len(password) > maxPassword:
		return unfit(fmt.Sprintf("the password has more than %d octets", maxPassword), "give a shorter one")
	}
	for _, c := range string(password) {
		if c < 0x20 || c == 0x7f || c == 0xfffd || c > 0xffff {
			return unfit("the password has a control character, or one that not every tool can read",
				"use letters, digits and signs; PKCS#12 has only characters of the basic plane of Unicode")
		}
	}
	return nil
}

// encryptedKey opens EncryptedPrivateKeyInfo (RFC 5958 §3).
func (r *reader) encryptedKey(der []byte, name string) error {
	const what = "the private key"
	password, err := r.ask(what)
	if err != nil {
		return err
	}
	plain, err := r.openKey(der, secretOf(password), what)
	if err != nil {
		return err
	}
	return r.addKey(plain, name)
}

// openKey decrypts EncryptedPrivateKeyInfo and gives PKCS#8. There is no checksum: one
// wrong password in 256 passes the padding, and is told by what comes out.
func (r *reader) openKey(der []byte, s secret, what string) ([]byte, error) {
	all := cryptobyte.String(der)
	body, ok1 := take(&all, asn1.SEQUENCE)
	a, ok2 := readAlgorithm(&body)
	sealed, ok3 := take(&body, asn1.OCTET_STRING)
	if !ok1 || !ok2 || !ok3 || !all.Empty() || !body.Empty() || len(sealed) > 2*maxKey {
		return nil, damaged(what)
	}
	plain, err := r.decrypt(a, sealed, s, what)
	if err != nil {
		return nil, err
	}
	if shapeOf(plain) != pkcs8Key {
		return nil, wrongPassword(what)
	}
	return plain, nil
}
