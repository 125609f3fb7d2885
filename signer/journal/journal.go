// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"chancery/audit"
)

const (
	// maxAppenders bounds how many callers wait in Append at once; each holds at
	// most a group of entries, and those beyond wait for a place.
	maxAppenders = 256
	// maxLater bounds the leaves queued without a waiter. Each follows a leaf that
	// somebody waited for, so this many are never meant to be outstanding.
	maxLater = 1 << 16
	// leafRoom is what is reckoned for a leaf before its index is known; a
	// canonical one has under 600 octets.
	leafRoom = 1024
	// MaxBody is the largest content of an Entry in octets. What is larger is a
	// file whose digest the leaf holds.
	MaxBody = audit.MaxFrame - audit.FrameOverhead - audit.SaltSize - leafRoom
)

// Options are what Open needs to know. Log, LogNo, Now and Signer are required.
type Options struct {
	Log   audit.LogID
	LogNo uint16 // 1 to 32767
	// Now gives the time of leaves.
	Now func() time.Time
	// Signer is the log's Ed25519 key; here it signs checkpoints.
	Signer crypto.Signer
	// Unseparated marks every checkpoint: front and signer share one account.
	Unseparated bool
	// MinSize is the number of leaves that somebody else knows of (a key's header,
	// the book's mark). A log found smaller was cut and is refused.
	MinSize int64
	// Create makes a new log where there is none; without it an absent log is refused.
	Create bool
	// SegmentLeaves is the number of leaves of a segment, a power of two; 0 is
	// audit.SegmentLeaves, and only tests use another.
	SegmentLeaves int64
	// Ahead is how many octets of disk are taken at once; 0 is 16 MiB, and only
	// tests use another.
	Ahead int64
}

// An Entry is a leaf to be appended. The journal fills the leaf's Index, Time,
// Log and Body; the others are the caller's.
type Entry struct {
	Leaf audit.Leaf
	Body []byte // the content, without salt, at most MaxBody; it goes with the leaf, unhashed by itself
}

// A Placed is where an entry came to lie, and its leaf's exact bytes.
type Placed struct {
	Index int64
	Leaf  audit.Leaf
	Bytes []byte
}

// A Record is a leaf read back.
type Record struct {
	Index  int64
	Leaf   audit.Leaf
	Bytes  []byte // canonical, as hashed into the tree
	Salt   []byte
	Body   []byte
	Erased bool // retention took salt and body
}

// A Journal is an open log. Its methods may be called from several goroutines.
type Journal struct {
	fs FS
	o  Options

	// The queue. qmu is never held across a call to the disk.
	qmu    sync.Mutex
	later  []*request
	waits  []*request
	queued int   // leaves in later
	ended  error // why nothing more is taken: ErrClosed, or the failure
	wake   chan struct{}
	slots  chan struct{}

	// What readers see: durable leaves only. mu is never held across a call to the
	// disk either.
	mu         sync.RWMutex
	size       int64
	seg        *segment // the open one
	tops       levels   // over the roots of full segments
	checkpoint []byte

	// The writer's alone: Open's, then Run's, then Close's.
	unmarked   bool  // no mark of a clean stop is on the disk
	signed     int64 // size of the newest checkpoint
	signedAt   time.Time
	failed     error
	groupBytes []byte
}

// A request is what one call of Append, Later or Sync has queued.
type request struct {
	items  []item
	next   int // the first item not yet written
	placed []Placed
	done   chan error     // told the outcome; nil for Later
	then   func([]Placed) // Later's callback, or nil
}

// An item is an entry that passed all checks, salted.
type item struct {
	leaf audit.Leaf
	body []byte // salt and content
}

// Append appends entries in order and returns when they are durable; all who wait
// share one fsync (security rule IS-07). At most 256 entries. An error that is not
// ErrFailed means that none was written; after ErrFailed only the next start knows.
func (j *Journal) Append(es []Entry) ([]Placed, error) {
	items, err := j.items(es)
	if err != nil || len(items) == 0 {
		return nil, err
	}
	j.slots <- struct{}{}
	defer func() { <-j.slots }()
	r := &request{items: items, done: make(chan error, 1)}
	if err := j.enqueue(r); err != nil {
		return nil, err
	}
	if err := <-r.done; err != nil {
		return nil, err
	}
	return r.placed, nil
}

// Later appends entries without waiting. They are written at the head of the next
// group, or alone when nobody waits, and are durable within a second. The writer
// calls placed, unless it is nil, once they are durable; placed must not wait for
// the journal. After a failure it is never called.
func (j *Journal) Later(es []Entry, placed func([]Placed)) error {
	items, err := j.items(es)
	if err != nil || len(items) == 0 {
		return err
	}
	return j.enqueue(&request{items: items, then: placed})
}

// Sync returns when everything queued before it is durable.
func (j *Journal) Sync() error {
	r := &request{done: make(chan error, 1)}
	if err := j.enqueue(r); err != nil {
		return err
	}
	return <-r.done
}

// items checks and salts entries in the caller's goroutine: a leaf refused by the
// writer would take its whole group with it.
func (j *Journal) items(es []Entry) ([]item, error) {
	if len(es) > audit.MaxGroupFrames {
		return nil, fmt.Errorf("append %d leaves at once: at most %d", len(es), audit.MaxGroupFrames)
	}
	items := make([]item, len(es))
	for i, e := range es {
		if !e.Leaf.Kind.Known() {
			return nil, fmt.Errorf("append a leaf of %v: the next start would refuse the log", e.Leaf.Kind)
		}
		if len(e.Body) > MaxBody {
			return nil, fmt.Errorf("append a body of %d octets: at most %d", len(e.Body), MaxBody)
		}
		body := make([]byte, audit.SaltSize, audit.SaltSize+len(e.Body))
		if _, err := rand.Read(body); err != nil {
			return nil, fmt.Errorf("salt a leaf: %w", err)
		}
		l := e.Leaf
		l.Index, l.Time, l.Log, l.Body = 0, 0, j.o.Log, audit.BodyDigest(body, e.Body)
		if _, err := l.Marshal(); err != nil {
			return nil, fmt.Errorf("append: %w", err)
		}
		items[i] = item{leaf: l, body: append(body, e.Body...)}
	}
	return items, nil
}

func (j *Journal) enqueue(r *request) error {
	j.qmu.Lock()
	defer j.qmu.Unlock()
	switch {
	case j.ended != nil:
		return j.ended
	case r.done != nil:
		j.waits = append(j.waits, r)
	case j.queued+len(r.items) > maxLater:
		return fmt.Errorf("%d leaves wait to be written: no more are taken", j.queued)
	default:
		j.later = append(j.later, r)
		j.queued += len(r.items)
	}
	select {
	case j.wake <- struct{}{}:
	default: // the writer is to be woken already
	}
	return nil
}

// Size is the number of durable leaves.
func (j *Journal) Size() int64 {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.size
}

// LogID is the log's name.
func (j *Journal) LogID() audit.LogID { return j.o.Log }

// LogNo is the log's number, 1 to 32767.
func (j *Journal) LogNo() uint16 { return j.o.LogNo }

// LogIDText is the log id in hex.
func (j *Journal) LogIDText() string { return j.o.Log.String() }

// VerifierKey is the key that signs checkpoints, as audit.VerifierKey has it; empty if it
// is of another kind.
func (j *Journal) VerifierKey() string {
	key, ok := j.o.Signer.Public().(ed25519.PublicKey)
	if !ok {
		return ""
	}
	return audit.VerifierKey(j.o.Log, key)
}

// Promise is Checkpoint with what it says.
func (j *Journal) Promise() (audit.Checkpoint, []byte, error) {
	signed := j.Checkpoint()
	key, _ := j.o.Signer.Public().(ed25519.PublicKey)
	c, err := audit.ParseCheckpoint(signed, j.o.Log, key)
	return c, signed, err
}

// Checkpoint is the newest signed checkpoint. It is on stable storage, and so is
// all that it promises.
func (j *Journal) Checkpoint() []byte {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return append([]byte(nil), j.checkpoint...)
}
