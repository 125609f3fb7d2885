// SPDX-License-Identifier: Apache-2.0

package softkey

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"chancery/ca"
)

// A Purpose is what a key is for. It is sealed with the key.
type Purpose string

// The purposes: an authority's key, an OCSP responder's, the log's, the key of
// init that signs policy bundles, and the key-encryption key.
const (
	Authority Purpose = "ca"
	OCSP      Purpose = "ocsp"
	LogKey    Purpose = "log"
	Init      Purpose = "init"
	KEK       Purpose = "kek"
)

// A Method is one way to open an envelope.
type Method string

// The methods. ByKEK takes the opened key-encryption key, ByWords the recovery
// words, ByPassphrase the passphrase, ByFile a random key file beside the envelope.
const (
	ByKEK        Method = "kek"
	ByWords      Method = "words"
	ByPassphrase Method = "passphrase"
	ByFile       Method = "auto"
)

// A Log is the log a key belongs to: its id as 32 hex digits and its size in
// leaves. A key loads only with the log its header names, at or above the size
// recorded when it was sealed: an old log beside a newer key would sign a second
// history (architecture §5).
type Log struct {
	ID   string
	Size int64
}

// logIDDigits is the length of a log id: 16 octets in hex.
const logIDDigits = 32

// A Header is what an envelope says openly about its key. All of it is
// authenticated when the envelope is opened, and only then to be believed.
type Header struct {
	Version int     `json:"version"`
	KeyID   string  `json:"key_id"`
	Purpose Purpose `json:"purpose"`
	// KeyType is such as "ecdsa-p384"; empty for the key-encryption key.
	KeyType string `json:"key_type,omitempty"`
	// SPKI is the SHA-256 of the SubjectPublicKeyInfo; zero for the key-encryption key.
	SPKI ca.Digest `json:"spki_sha256"`
	// Log and LogSize are the log the key belongs to and its size at sealing.
	Log     string `json:"log"`
	LogSize int64  `json:"log_size"`
	// KDF is absent where no human secret opens the envelope.
	KDF *Derivation `json:"kdf,omitempty"`
	// Created is UTC, to the second.
	Created time.Time `json:"created"`
}

// check refuses a header that we would not have written.
func (h Header) check() error {
	switch {
	case h.Version != version:
		return fmt.Errorf("version %d is not known", h.Version)
	case !validID(h.KeyID):
		return errors.New("the key id is not a name of ours")
	case h.LogSize < 0:
		return errors.New("the log size is negative")
	case h.Created.Location() != time.UTC:
		return errors.New("the creation time is not UTC")
	}
	if b, err := hex.DecodeString(h.Log); err != nil || hex.EncodeToString(b) != h.Log || len(h.Log) != logIDDigits {
		return errors.New("the log id is not 32 lower-case hex digits")
	}
	switch h.Purpose {
	case Authority, OCSP, LogKey, Init:
		if !knownType(h.KeyType) {
			return fmt.Errorf("key type %q is not known", h.KeyType)
		}
	case KEK:
		if h.KeyType != "" || !h.SPKI.IsZero() {
			return errors.New("a key-encryption key has no public key")
		}
	default:
		return fmt.Errorf("purpose %q is not known", h.Purpose)
	}
	if h.KDF != nil {
		return h.KDF.check()
	}
	return nil
}

// belongs refuses a key whose log is another, or is shorter than it was.
func (h Header) belongs(log Log) error {
	if h.Log != log.ID {
		return ca.Conflict(ca.E1406, fmt.Sprintf("the key %s belongs to log %s, and this is log %s", h.KeyID, h.Log, log.ID),
			"bring keys and journal from one backup together")
	}
	if log.Size < h.LogSize {
		return ca.Conflict(ca.E1406, fmt.Sprintf("the log has %d entries, and the key %s was sealed when it had %d", log.Size, h.KeyID, h.LogSize),
			"restore a newer copy of the journal").Because("a shortened log would sign a second history")
	}
	return nil
}

// maxID keeps a key id, plus suffixes, well below the 255 octets of a file name.
const maxID = 64

// validID tells whether id is letters a-z, digits and inner hyphens: it becomes a
// file name, so nothing in it may lead out of the directory. A dot never occurs,
// which keeps the random files (auto.key, log.auto.key) apart from all envelopes.
func validID(id string) bool {
	if id == "" || len(id) > maxID || id == string(ByFile) || id[0] == '-' || id[len(id)-1] == '-' {
		return false
	}
	return strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
