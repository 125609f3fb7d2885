// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"crypto"
	"errors"
	"time"

	"chancery/audit"
)

// Options are what Open needs to know. Log, LogNo, Now and Signer are required.
type Options struct {
	Log   audit.LogID
	LogNo uint16 // 1 to 32767
	// Now gives the time of leaves.
	Now func() time.Time
	// Signer is the log's Ed25519 key; it signs checkpoints and nothing else.
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
	Body []byte // the content, without salt; it goes with the leaf, unhashed by itself
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
type Journal struct{}

var errSkeleton = errors.New("not yet")

// Open recovers the log and makes it ready; nothing is appended before Run runs.
// A log that must not be used gives a *Damage.
func Open(fs FS, o Options) (*Journal, error) { return nil, errSkeleton }

// Run is the one writer. It returns nil once ctx has ended and all that was
// queued is durable, and an error that is ErrFailed after a failed write or fsync.
func (j *Journal) Run(ctx context.Context) error { return errSkeleton }

// Close writes the last checkpoint and the mark of a clean stop. Run must have returned.
func (j *Journal) Close() error { return errSkeleton }

// Append appends entries in order and returns when they are durable; all who wait
// share one fsync (security rule IS-07). At most 256 entries.
func (j *Journal) Append(es []Entry) ([]Placed, error) { return nil, errSkeleton }

// Later appends entries without waiting. They are written at the head of the next
// group, or alone when nobody waits, and are durable within a second.
func (j *Journal) Later(es []Entry) error { return errSkeleton }

// Sync returns when everything queued before it is durable.
func (j *Journal) Sync() error { return errSkeleton }

// Size is the number of durable leaves.
func (j *Journal) Size() int64 { return 0 }

// LogID and LogNo are the log's names.
func (j *Journal) LogID() audit.LogID { return audit.LogID{} }

// LogNo is the log's number.
func (j *Journal) LogNo() uint16 { return 0 }

// LogIDText is the log id in hex.
func (j *Journal) LogIDText() string { return "" }

// Checkpoint is the newest signed checkpoint.
func (j *Journal) Checkpoint() []byte { return nil }

// Leaf reads one durable leaf.
func (j *Journal) Leaf(index int64) (Record, error) { return Record{}, errSkeleton }

// Scan calls fn for each durable leaf from an index on, in order. A Record and its
// bytes are the callee's only until it returns.
func (j *Journal) Scan(from int64, fn func(Record) error) error { return errSkeleton }

// Inclusion proves leaf index in the tree of size leaves, at most Size.
func (j *Journal) Inclusion(index, size int64) ([]audit.Hash, error) { return nil, errSkeleton }

// Consistency proves that the tree of old leaves is a prefix of that of size.
func (j *Journal) Consistency(old, size int64) ([]audit.Hash, error) { return nil, errSkeleton }
