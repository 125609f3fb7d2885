// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"unicode/utf16"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/scrypt"
)

// Algorithms of password-based encryption, as content octets: PKCS#5 (RFC 8018 §A),
// PKCS#12 (RFC 7292 §C), scrypt (RFC 7914 §7).
const (
	oidPBEWithMD5DES  = "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x03"
	oidPBEWithSHADES  = "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0a"
	oidPBKDF2         = "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c"
	oidPBES2          = "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d"
	oidPBMAC1         = "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0e"
	oidScrypt         = "\x2b\x06\x01\x04\x01\xda\x47\x04\x0b"
	oidPKCS12With3DES = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x03"
	oidPKCS12With2DES = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x04"
	oidPKCS12WithRC2  = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x05" // 128 bits
	oidPKCS12WithRC40 = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x06" // RC2 with 40 bits
)

const (
	// maxScryptMemory bounds 128·N·r octets (RFC 7914 §2); openssl writes 16 MiB.
	maxScryptMemory = 128 << 20
	// maxSalt bounds a salt; tools write 8 to 64 octets.
	maxSalt = 1024
)

// A secret is a password in the two encodings that the standards want.
type secret struct {
	utf8 []byte // PKCS#5
	wide []byte // PKCS#12 (RFC 7292 §B.1): UTF-16, big-endian, with two octets 0 at the end
}

// secretOf encodes a password. Characters outside the basic plane become surrogates, as
// openssl and Java write them.
func secretOf(password []byte) secret {
	return secret{password, append(utf16Of(string(password)), 0, 0)}
}

// utf16Of is a text in UTF-16, big-endian.
func utf16Of(s string) []byte {
	var out []byte
	for _, c := range utf16.Encode([]rune(s)) {
		out = append(out, byte(c>>8), byte(c))
	}
	return out
}

// An algorithm is an AlgorithmIdentifier (RFC 5280 §4.1.1.2): object identifier and
// parameters, the latter as whole elements.
type algorithm struct {
	oid    string
	params cryptobyte.String
}

// readAlgorithm reads the next element as one.
func readAlgorithm(in *cryptobyte.String) (algorithm, bool) {
	body, ok1 := take(in, asn1.SEQUENCE)
	oid, ok2 := take(&body, asn1.OBJECT_IDENTIFIER)
	return algorithm{string(oid), body}, ok1 && ok2
}

// sequence opens the parameters, where they are one SEQUENCE.
func (a algorithm) sequence() (cryptobyte.String, bool) {
	in := a.params
	body, ok := take(&in, asn1.SEQUENCE)
	return body, ok && in.Empty()
}

// decrypt opens what a password encrypted; what names it for messages. The work it asks
// for is taken from the file's, before it is done.
func (r *reader) decrypt(a algorithm, sealed []byte, s secret, what string) ([]byte, error) {
	var block cipher.Block
	var iv []byte
	var err error
	switch a.oid {
	case oidPBES2:
		block, iv, err = r.pbes2(a, s, what)
	case oidPKCS12With3DES, oidPKCS12With2DES, oidPBEWithMD5DES, oidPBEWithSHADES:
		block, iv, err = r.pbes1(a, s, what)
	default:
		err = unsupported(what+" is encrypted with a cipher that is not read", rewrite)
	}
	if err != nil {
		return nil, err
	}
	size := block.BlockSize()
	if len(iv) != size || len(sealed) == 0 || len(sealed)%size != 0 {
		return nil, damaged(what)
	}
	out := make([]byte, len(sealed))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, sealed)
	pad := int(out[len(out)-1]) // RFC 8018 §6.1.1 step 4
	if pad == 0 || pad > size || !bytes.HasSuffix(out, bytes.Repeat([]byte{byte(pad)}, pad)) {
		return nil, wrongPassword(what)
	}
	return out[:len(out)-pad], nil
}

// rewrite is the hint for what an old tool must read first.
const rewrite = "write it again: openssl pkcs12 -legacy -in FILE -nodes -out FILE.pem, or openssl pkcs8 -provider legacy -provider default -topk8 -in FILE -out FILE.p8"

// pbes1 derives key and initial vector of the old schemes: RFC 8018 §6.1 and RFC 7292 §C.
func (r *reader) pbes1(a algorithm, s secret, what string) (cipher.Block, []byte, error) {
	params, ok := a.sequence()
	salt, rounds, ok2 := saltAndRounds(&params)
	if !ok || !ok2 || !params.Empty() {
		return nil, nil, damaged(what)
	}
	if a.oid == oidPBEWithMD5DES || a.oid == oidPBEWithSHADES {
		if err := r.spend(rounds); err != nil {
			return nil, nil, err
		}
		h := md5.New
		if a.oid == oidPBEWithSHADES {
			h = sha1.New
		}
		key := repeated(h(), append(bytes.Clone(s.utf8), salt...), rounds) // PBKDF1, RFC 8018 §5.1
		block, err := des.NewCipher(key[:8])
		return block, key[8:16], err
	}
	const blocks = 3 // two of SHA-1 for 24 octets of key, one for the initial vector
	if err := r.spend(rounds * blocks); err != nil {
		return nil, nil, err
	}
	size := 24
	if a.oid == oidPKCS12With2DES {
		size = 16
	}
	key := pkcs12Key(sha1.New, forKey, s.wide, salt, [2]int{rounds, size})
	key = append(key, key[:24-size]...) // two keys: the first one serves again
	block, err := des.NewTripleDESCipher(key)
	return block, pkcs12Key(sha1.New, forIV, s.wide, salt, [2]int{rounds, des.BlockSize}), err
}

// saltAndRounds reads what all schemes but scrypt begin with. More rounds than maxWork
// are cut, so that multiplying them cannot overflow; spend refuses them.
func saltAndRounds(in *cryptobyte.String) (salt []byte, rounds int, ok bool) {
	ok = in.ReadASN1Bytes(&salt, asn1.OCTET_STRING) && len(salt) <= maxSalt && in.ReadASN1Integer(&rounds)
	return salt, min(rounds, maxWork+1), ok
}

// pbes2 derives the key of RFC 8018 §6.2.
func (r *reader) pbes2(a algorithm, s secret, what string) (cipher.Block, []byte, error) {
	params, ok := a.sequence()
	derivation, ok1 := readAlgorithm(&params)
	scheme, ok2 := readAlgorithm(&params)
	if !ok || !ok1 || !ok2 || !params.Empty() {
		return nil, nil, damaged(what)
	}
	newBlock, size := cipherOf(scheme.oid)
	if newBlock == nil {
		return nil, nil, unsupported(what+" is encrypted with a cipher that is not read", rewrite)
	}
	var iv []byte
	if !scheme.params.ReadASN1Bytes(&iv, asn1.OCTET_STRING) || !scheme.params.Empty() {
		return nil, nil, damaged(what)
	}
	key, err := r.derive(derivation, s, size, what)
	if err != nil {
		return nil, nil, err
	}
	if len(key) != size {
		return nil, nil, damaged(what)
	}
	block, err := newBlock(key)
	return block, iv, err
}

// cipherOf gives a block cipher in CBC mode and the octets of its key (RFC 8018 §B.2,
// RFC 3565 §4.1).
func cipherOf(oid string) (func([]byte) (cipher.Block, error), int) {
	switch oid {
	case "\x60\x86\x48\x01\x65\x03\x04\x01\x02":
		return aes.NewCipher, 16
	case "\x60\x86\x48\x01\x65\x03\x04\x01\x16":
		return aes.NewCipher, 24
	case "\x60\x86\x48\x01\x65\x03\x04\x01\x2a":
		return aes.NewCipher, 32
	case "\x2a\x86\x48\x86\xf7\x0d\x03\x07":
		return des.NewTripleDESCipher, 24
	case "\x2b\x0e\x03\x02\x07":
		return des.NewCipher, 8
	}
	return nil, 0
}

// derive makes a key from a password by PBKDF2 or scrypt. Its length may be given in the
// parameters; size is what is wanted otherwise.
func (r *reader) derive(a algorithm, s secret, size int, what string) ([]byte, error) {
	if a.oid == oidScrypt {
		return r.scrypt(a, s, size, what)
	}
	if a.oid != oidPBKDF2 {
		return nil, unsupported(what+" derives its key in a way that is not read", rewrite)
	}
	params, ok := a.sequence()
	salt, rounds, ok2 := saltAndRounds(&params)
	if !ok || !ok2 || !optionalLength(&params, &size) {
		return nil, damaged(what)
	}
	newHash := sha1.New // the default of RFC 8018 §A.2
	if !params.Empty() {
		prf, ok := readAlgorithm(&params)
		if !ok || !params.Empty() {
			return nil, damaged(what)
		}
		if newHash = hmacHash(prf.oid); newHash == nil {
			return nil, unsupported(what+" derives its key with a hash that is not read", rewrite)
		}
	}
	blocks := (size + newHash().Size() - 1) / newHash().Size()
	if err := r.spend(rounds * blocks); err != nil {
		return nil, err
	}
	return pbkdf2.Key(newHash, string(s.utf8), salt, rounds, size)
}

// optionalLength reads the length of the key, where it stands. The longest anybody
// needs is SHA-512's (RFC 9579 §5).
func optionalLength(in *cryptobyte.String, size *int) bool {
	if in.PeekASN1Tag(asn1.INTEGER) && !in.ReadASN1Integer(size) {
		return false
	}
	return *size > 0 && *size <= 64
}

// scrypt derives by RFC 7914; its cost counts as N·r·p rounds.
func (r *reader) scrypt(a algorithm, s secret, size int, what string) ([]byte, error) {
	params, ok := a.sequence()
	var salt []byte
	var n, br, p int
	if !ok || !params.ReadASN1Bytes(&salt, asn1.OCTET_STRING) || len(salt) > maxSalt ||
		!params.ReadASN1Integer(&n) || !params.ReadASN1Integer(&br) || !params.ReadASN1Integer(&p) ||
		!optionalLength(&params, &size) || !params.Empty() {
		return nil, damaged(what)
	}
	if n < 2 || n&(n-1) != 0 || br < 1 || p < 1 {
		return nil, damaged(what)
	}
	const most = maxScryptMemory / 128
	if n > most || br > most/n || p > maxWork {
		return nil, tooMuch(what+" asks for too much memory to derive its key", "the number is not protected by the password, so that a forged file could exhaust whoever opens it")
	}
	if err := r.spend(n * br * p); err != nil {
		return nil, err
	}
	return scrypt.Key(s.utf8, salt, n, br, p, size)
}

// hmacHash is the hash of an HMAC (RFC 8018 §B.1), nil if it is not known.
func hmacHash(oid string) func() hash.Hash {
	switch oid {
	case "\x2a\x86\x48\x86\xf7\x0d\x02\x07":
		return sha1.New
	case "\x2a\x86\x48\x86\xf7\x0d\x02\x08":
		return sha256.New224
	case "\x2a\x86\x48\x86\xf7\x0d\x02\x09":
		return sha256.New
	case "\x2a\x86\x48\x86\xf7\x0d\x02\x0a":
		return sha512.New384
	case "\x2a\x86\x48\x86\xf7\x0d\x02\x0b":
		return sha512.New
	}
	return nil
}
