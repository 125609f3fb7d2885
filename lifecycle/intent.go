// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"chancery/audit"
	"chancery/ca"
)

// The kinds of events that rows of this package carry.
const (
	eventIssued    = "issued"
	eventVoid      = "void"
	eventFounded   = "founded"
	eventAuthority = "authority"
	eventRevoked   = "revoked"
)

// An intent is an INTENT leaf that settling has read.
type intent struct {
	record Record
	leaf   audit.Leaf
}

// body reads what the signer wrote beside the leaf. Retention erases bodies of
// certificates that ended years ago; one that is missing here, above the mark,
// was taken away by somebody.
func (i intent) body() (ca.IntentBody, error) {
	var b ca.IntentBody
	if len(i.record.Body) == 0 {
		return b, contradiction{row: "S02", index: i.record.Index, what: "it needs a row, and its body is erased"}
	}
	if err := json.Unmarshal(i.record.Body, &b); err != nil {
		return b, fmt.Errorf("read the body of intent %d: %w", i.record.Index, err)
	}
	if sha256.Sum256(b.TBS) != i.leaf.Digest {
		return b, contradiction{row: "S13", index: i.record.Index, what: "its body is not the one its leaf was made of"}
	}
	return b, nil
}

// change makes the row that belongs to the intent: the certificate, or for an
// empty der the void row that takes its place.
func (i intent) change(logNo uint16, b ca.IntentBody, der []byte) ca.Change {
	id := ca.NewID(logNo, i.record.Index)
	c := ca.Certificate{
		ID: id, Kind: b.Kind, IssuerKey: i.leaf.Issuer, Serial: i.leaf.Serial, Authority: b.Authority,
		Request: b.Wish.ID, Profile: b.Wish.Profile, ProfileDigest: b.Wish.Digest, Owner: b.Wish.From.ID, Door: b.Wish.Door,
		Names: b.Names, Common: b.Common, Key: b.Key, KeyType: b.KeyType,
		NotBefore: b.NotBefore, NotAfter: b.NotAfter, IssuedAt: leafTime(i.leaf), DER: der,
	}
	kind := eventIssued
	switch {
	case len(der) == 0:
		c.Kind, kind = ca.Void, eventVoid
	case b.Kind == ca.CACertificate:
		kind = eventFounded
	}
	change := ca.Change{
		Certificate: &c,
		Event: ca.Event{
			ID: id, Kind: kind, By: b.Wish.From.By(), At: c.IssuedAt, About: c.PublicName(), Leaf: i.record.Leaf,
		},
	}
	if b.Wish.ID != "" {
		wish := b.Wish
		change.Request = &wish
	}
	return change
}

// leafTime is when a leaf was written.
func leafTime(l audit.Leaf) time.Time { return time.UnixMilli(l.Time).UTC() }

// A contradiction is what no crash can bring about: the log and the book say
// things that exclude each other. Nothing is issued until somebody has looked.
type contradiction struct {
	row   string // of the tables in docs/recovery.md
	index int64
	what  string
}

func (c contradiction) Error() string {
	return fmt.Sprintf("leaf %d contradicts the book (%s of docs/recovery.md): %s", c.index, c.row, c.what)
}

// problem is the contradiction as requesters and the status see it.
func (c contradiction) problem() *ca.Problem {
	return ca.Unavailable(ca.E1406, "log and database contradict each other; nothing is issued",
		"chancery audit verify, then restore both from one backup").Because(c.Error())
}
