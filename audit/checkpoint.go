// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// MaxCheckpoint is the largest signed checkpoint in octets that is read: our own
// line and some dozens of witnesses.
const MaxCheckpoint = 16 << 10

// unseparated is the extension line that says that front and signer share one
// account, so that nothing here holds against that account.
const unseparated = "UNSEPARATED"

// A Checkpoint is a promise about the first Size leaves of a log. Two signed
// checkpoints of one log whose trees are not prefix and whole convict the log.
type Checkpoint struct {
	Log         LogID
	Size        int64
	Root        Hash
	Unseparated bool
}

// Origin is the first line of a log's checkpoints, and the name of its key.
func (l LogID) Origin() string { return "chancery/" + l.String() }

// Text is the checkpoint's body (c2sp.org/tlog-checkpoint): origin, size, root in
// base64, then extension lines, each ended by a newline.
func (c Checkpoint) Text() string {
	text := c.Log.Origin() + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + base64.StdEncoding.EncodeToString(c.Root[:]) + "\n"
	if c.Unseparated {
		text += unseparated + "\n"
	}
	return text
}

// Sign gives the checkpoint as a signed note (c2sp.org/signed-note). The key must
// be an Ed25519 key.
func (c Checkpoint) Sign(key crypto.Signer) ([]byte, error) {
	pub, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("the log key is not an Ed25519 key")
	}
	signed, err := note.Sign(&note.Note{Text: c.Text()}, noteSigner{noteKey{c.Log.Origin(), pub}, key})
	if err != nil {
		return nil, fmt.Errorf("sign checkpoint: %w", err)
	}
	return signed, nil
}

// ParseCheckpoint opens a signed checkpoint of the log. Extension lines it does
// not know and signatures of others, such as witnesses, are passed over.
func ParseCheckpoint(signed []byte, log LogID, key ed25519.PublicKey) (Checkpoint, error) {
	if len(signed) > MaxCheckpoint {
		return Checkpoint{}, fmt.Errorf("a checkpoint has at most %d octets", MaxCheckpoint)
	}
	if len(key) != ed25519.PublicKeySize {
		return Checkpoint{}, errors.New("the log's public key is not an Ed25519 key")
	}
	n, err := note.Open(signed, note.VerifierList(noteKey{log.Origin(), key}))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("not a checkpoint of log %s under this key: %w", log, err)
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) < 4 || lines[0] != log.Origin() {
		return Checkpoint{}, fmt.Errorf("not a checkpoint of log %s", log)
	}
	c := Checkpoint{Log: log}
	c.Size, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || c.Size < 0 || strconv.FormatInt(c.Size, 10) != lines[1] {
		return Checkpoint{}, fmt.Errorf("%q is not a checkpoint's size", lines[1])
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != len(c.Root) {
		return Checkpoint{}, fmt.Errorf("%q is not a checkpoint's root", lines[2])
	}
	copy(c.Root[:], root)
	for _, line := range lines[3:] {
		c.Unseparated = c.Unseparated || line == unseparated
	}
	return c, nil
}

// noteEd25519 is the signature type of plain Ed25519 notes.
const noteEd25519 = 1

// A noteKey verifies notes. It is ours, and not note.NewVerifier's, because the
// log's key comes as octets and not as note's own text form.
type noteKey struct {
	name string
	key  ed25519.PublicKey
}

func (k noteKey) Name() string { return k.name }

// KeyHash is the first four octets of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ key).
func (k noteKey) KeyHash() uint32 {
	h := sha256.Sum256(append([]byte(k.name+"\n\x01"), k.key...))
	return binary.BigEndian.Uint32(h[:])
}

func (k noteKey) Verify(msg, sig []byte) bool { return ed25519.Verify(k.key, msg, sig) }

// VerifierKey is the log's key in note's text form, name+hash+key, as witnesses
// and other tools want it.
func VerifierKey(log LogID, key ed25519.PublicKey) string {
	k := noteKey{log.Origin(), key}
	return fmt.Sprintf("%s+%08x+%s", k.name, k.KeyHash(), base64.StdEncoding.EncodeToString(append([]byte{noteEd25519}, key...)))
}

// ParseVerifierKey reads what VerifierKey writes about a log.
func ParseVerifierKey(log LogID, text string) (ed25519.PublicKey, error) {
	_, last, _ := strings.Cut(strings.TrimPrefix(text, log.Origin()+"+"), "+")
	raw, err := base64.StdEncoding.Strict().DecodeString(last)
	if err != nil || len(raw) != 1+ed25519.PublicKeySize || VerifierKey(log, raw[1:]) != text {
		return nil, fmt.Errorf("%q is not a key of log %s", text, log)
	}
	return raw[1:], nil
}

type noteSigner struct {
	noteKey
	signer crypto.Signer
}

func (s noteSigner) Sign(msg []byte) ([]byte, error) {
	return s.signer.Sign(nil, msg, crypto.Hash(0)) // Ed25519 takes no randomness
}
