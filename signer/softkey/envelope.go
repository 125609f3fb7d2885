// SPDX-License-Identifier: Apache-2.0

package softkey

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

const (
	// version is the envelope's format; another one is refused.
	version = 1
	// maxEnvelope bounds a key file: an RSA-4096 key with three wraps takes 7 KiB.
	maxEnvelope = 64 << 10
	// maxWraps is one per method that opens an envelope at once, with room for
	// another.
	maxWraps = 4
	// maxContent bounds the sealed PKCS#8: an RSA-4096 key takes 2.4 KiB.
	maxContent = 16 << 10

	nonceSize = 12
	tagSize   = 16
)

// errWrongSecret says that a human secret does not open a wrap. A damaged wrap
// looks the same: AES-GCM tells no two reasons apart.
var errWrongSecret = errors.New("the secret does not open the key")

// octets are bytes that read and write as lower-case hex.
type octets []byte

// MarshalText gives lower-case hex.
func (o octets) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, o), nil }

// UnmarshalText reads hex; other spellings are refused by parseEnvelope.
func (o *octets) UnmarshalText(b []byte) (err error) {
	*o, err = hex.AppendDecode(nil, b)
	return err
}

// An envelope is a key file. A random data key seals the content; it is wrapped
// once per method. What is sealed binds, as additional data, the header and every
// wrap, and each wrap binds header and method: a part that was swapped with
// another file's, or taken away, opens nothing.
type envelope struct {
	Header Header `json:"header"`
	Wraps  []wrap `json:"wraps"`
	// Nonce and Sealed are the AES-256-GCM of the PKCS#8, or of the 32 octets of
	// the key-encryption key. The data key is used this once.
	Nonce  octets `json:"nonce"`
	Sealed octets `json:"sealed"`
}

// A wrap is the data key, sealed under one method.
type wrap struct {
	Method Method `json:"method"`
	Nonce  octets `json:"nonce"`
	Sealed octets `json:"sealed"`
}

// An opener is a method with the 32 octets it wraps from.
type opener struct {
	method Method
	root   Secret
}

// An Info is what an envelope says without being opened.
type Info struct {
	Header
	Methods []Method `json:"methods"`
}

func (e *envelope) info() Info {
	i := Info{Header: e.Header}
	for _, w := range e.Wraps {
		i.Methods = append(i.Methods, w.Method)
	}
	return i
}

// opensBy tells whether there is a wrap of method m.
func (e *envelope) opensBy(m Method) bool {
	return slices.ContainsFunc(e.Wraps, func(w wrap) bool { return w.Method == m })
}

// seal makes the envelope of content.
func seal(h Header, content []byte, openers []opener) (*envelope, error) {
	dataKey := make([]byte, keySize)
	defer clear(dataKey)
	if _, err := rand.Read(dataKey); err != nil {
		return nil, fmt.Errorf("draw a data key: %w", err)
	}
	e := &envelope{Header: h}
	for _, o := range openers {
		w := wrap{Method: o.method}
		key, err := wrapKey(o.root.Reveal(), o.method, h)
		if err != nil {
			return nil, err
		}
		bound, err := e.boundByWrap(o.method)
		if err == nil {
			w.Nonce, w.Sealed, err = encrypt(key, dataKey, bound)
		}
		clear(key)
		if err != nil {
			return nil, err
		}
		e.Wraps = append(e.Wraps, w)
	}
	bound, err := e.boundByContent()
	if err != nil {
		return nil, err
	}
	if e.Nonce, e.Sealed, err = encrypt(dataKey, content, bound); err != nil {
		return nil, err
	}
	return e, e.check()
}

// open gives the content; the caller clears it. errWrongSecret means that o is a
// human secret and does not fit.
func (e *envelope) open(o opener) ([]byte, error) {
	i := slices.IndexFunc(e.Wraps, func(w wrap) bool { return w.Method == o.method })
	if i < 0 {
		return nil, fmt.Errorf("the key %s does not open by %s", e.Header.KeyID, o.method.title())
	}
	w := e.Wraps[i]
	key, err := wrapKey(o.root.Reveal(), o.method, e.Header)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	bound, err := e.boundByWrap(o.method)
	if err != nil {
		return nil, err
	}
	dataKey, err := decrypt(key, w.Nonce, w.Sealed, bound)
	if err != nil && (o.method == ByWords || o.method == ByPassphrase) {
		return nil, errWrongSecret
	}
	if err != nil {
		return nil, fmt.Errorf("open the key %s: it is damaged, or its %s is another's", e.Header.KeyID, o.method.title())
	}
	defer clear(dataKey)
	if bound, err = e.boundByContent(); err != nil {
		return nil, err
	}
	content, err := decrypt(dataKey, e.Nonce, e.Sealed, bound)
	if err != nil {
		return nil, fmt.Errorf("open the key %s: the file is damaged", e.Header.KeyID)
	}
	return content, nil
}

// signer opens the envelope of a key pair and checks that the key is the one
// that the header promises.
func (e *envelope) signer(o opener) (crypto.Signer, error) {
	if e.Header.Purpose == KEK {
		return nil, fmt.Errorf("%s is a key-encryption key and signs nothing", e.Header.KeyID)
	}
	content, err := e.open(o)
	if err != nil {
		return nil, err
	}
	defer clear(content)
	key, err := decodeKey(content)
	if err != nil {
		return nil, fmt.Errorf("read the key %s: %w", e.Header.KeyID, err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, fmt.Errorf("encode the public key of %s: %w", e.Header.KeyID, err)
	}
	if sha256.Sum256(spki) != e.Header.SPKI {
		return nil, fmt.Errorf("the key %s is not the one its header names", e.Header.KeyID)
	}
	return key, nil
}

// boundByWrap is the additional data of a wrap: tag, method and header.
func (e *envelope) boundByWrap(m Method) ([]byte, error) {
	header, err := json.Marshal(e.Header)
	if err != nil {
		return nil, fmt.Errorf("write the header: %w", err)
	}
	return slices.Concat([]byte("chancery envelope v1 wrap\x00"+string(m)+"\x00"), header), nil
}

// boundByContent is the additional data of the content: tag, header and wraps.
func (e *envelope) boundByContent() ([]byte, error) {
	open, err := json.Marshal(envelope{Header: e.Header, Wraps: e.Wraps})
	if err != nil {
		return nil, fmt.Errorf("write the header: %w", err)
	}
	return append([]byte("chancery envelope v1 content\x00"), open...), nil
}

// marshal gives the one spelling of the file.
func (e *envelope) marshal() ([]byte, error) {
	b, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the envelope: %w", err)
	}
	return append(b, '\n'), nil
}

// parseEnvelope reads a key file. Only the bytes that marshal would write are
// taken, so that unknown or doubled fields, another case, and whatever else two
// readers could see differently, are refused. Costs of key derivation out of
// bounds are refused here, before any memory is spent on them.
func parseEnvelope(b []byte) (*envelope, error) {
	if len(b) > maxEnvelope {
		return nil, fmt.Errorf("a key file has at most %d octets", maxEnvelope)
	}
	var e envelope
	if err := json.Unmarshal(b, &e); err != nil {
		return nil, fmt.Errorf("this is no key file: %w", err)
	}
	again, err := e.marshal()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, b) {
		return nil, errors.New("the key file is not in the form we write")
	}
	return &e, e.check()
}

// check refuses an envelope that we would not have written.
func (e *envelope) check() error {
	if err := e.Header.check(); err != nil {
		return err
	}
	if len(e.Wraps) == 0 || len(e.Wraps) > maxWraps {
		return fmt.Errorf("there are %d wraps, allowed are 1 to %d", len(e.Wraps), maxWraps)
	}
	human := false
	for i, w := range e.Wraps {
		if len(w.Nonce) != nonceSize || len(w.Sealed) != keySize+tagSize {
			return fmt.Errorf("wrap %d has the wrong size", i)
		}
		switch w.Method {
		case ByWords, ByPassphrase:
			human = true
		case ByKEK, ByFile:
		default:
			return fmt.Errorf("the method %q is not known", w.Method)
		}
		if slices.ContainsFunc(e.Wraps[:i], func(o wrap) bool { return o.Method == w.Method }) {
			return fmt.Errorf("the method %q stands twice", w.Method)
		}
	}
	if human != (e.Header.KDF != nil) {
		return errors.New("a key derivation stands exactly where a human secret opens")
	}
	if len(e.Nonce) != nonceSize || len(e.Sealed) <= tagSize || len(e.Sealed) > maxContent+tagSize {
		return errors.New("the sealed key has the wrong size")
	}
	return nil
}

// encrypt seals plain under key with a random nonce. Each key is used once (a
// data key) or for few wraps of one key id, far below the 2^32 of SP 800-38D §8.3.
func encrypt(key, plain, bound []byte) (nonce, sealed octets, err error) {
	aead, err := newGCM(key)
	if err != nil {
		return nil, nil, err
	}
	nonce = make([]byte, nonceSize)
	if _, err := rand.Read(nonce); err != nil {
		return nil, nil, fmt.Errorf("draw a nonce: %w", err)
	}
	return nonce, aead.Seal(nil, nonce, plain, bound), nil
}

func decrypt(key, nonce, sealed, bound []byte) ([]byte, error) {
	aead, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	return aead.Open(nil, nonce, sealed, bound)
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("prepare AES: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("prepare GCM: %w", err)
	}
	return aead, nil
}
