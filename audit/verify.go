// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bufio"
	"cmp"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"slices"
)

// A SegmentFile is one segment to be verified.
type SegmentFile struct {
	Name string
	Open func() (io.ReadCloser, error)
	// Hashes opens the segment's hash file, if it has one. It begins with the leaf
	// hashes, which are compared: so a leaf that was changed together with its
	// checksums is named, and so is a wrong hash. What follows them is not read.
	Hashes func() (io.ReadCloser, error)
}

// A Verification is what Verify works from: files, checkpoints and the log's
// public key, and no service of ours.
type Verification struct {
	Key      ed25519.PublicKey
	Segments []SegmentFile // all, in order
	// Newest is the log's own checkpoint, read before the segments were listed.
	Newest []byte
	// Kept are checkpoints that were held elsewhere. Only against these is a log
	// found out that was cut or rewritten together with its own checkpoint.
	Kept [][]byte
	// Lists, if they are set, learn what the log says of revocation lists.
	Lists *Lists
	// Feeds likewise, of compact feeds.
	Feeds *Feeds
	// SegmentLeaves is 0 for the constant of that name; only tests use another.
	SegmentLeaves int64
	// each is called for every leaf in order, if it is set: Compare holds it against
	// the book. The record is the callee's until it returns.
	each func(Record) error
}

// MaxKept is the number of kept checkpoints that are taken at once.
const MaxKept = 4096

// maxOpenListed is how many open intents a report lists; all are counted.
const maxOpenListed = 64

// A Report is what a verification without fault has seen.
type Report struct {
	Log         LogID
	LogNo       uint16
	Leaves      int64
	First, Last int64 // times of the first and last leaf, milliseconds
	Root        Hash
	Checkpoints int        // verified, the newest and the kept ones
	Newest      Checkpoint // the log's own
	Kinds       [len(kinds)]int64
	Erased      int64 // bodies that retention took
	// Open counts intents that have neither Final nor Void; OpenFirst are their
	// first indices.
	Open      int64
	OpenFirst []int64
	// SerialWindow is the number of latest certificates among which serials were
	// compared; 0 means all of them.
	SerialWindow int64
	// Tail is set if octets lie behind the last whole group of the last segment and
	// no promise covers them: a write in progress, or one that a crash cut off.
	Tail *Fault
}

// A verifier is the state of one pass. It grows by two bits a leaf and the
// bounded window of serials; AU-08 allows 64 MiB in all.
type verifier struct {
	v       Verification
	rep     Report
	in      *bufio.Reader // of the present segment
	tree    Range
	due     []promise // by size, ascending
	done    int       // of due
	kept    int64     // size of the last checkpoint that held
	limit   int64     // number of leaves up to the end of this segment
	cites   citations
	serials serials
	suspect *Fault // first leaf that differs from its hash file
}

// A promise is a checkpoint and where it came from.
type promise struct {
	Checkpoint
	from string
}

// Verify reads the whole log once and checks it against its own structure and
// against the checkpoints. It returns a *Fault, naming the first bad octets, if
// the log is not what was promised; any other error is of reading.
//
// Checked are: frames, groups and segments; each leaf's canonical form, index,
// log and body digest; that a FINAL or VOID cites an earlier INTENT that nothing
// else has closed; that no serial is used twice by one issuer (SerialWindow); and
// that each checkpoint's root is that of the leaves, so that every earlier tree
// is a prefix of this one.
func Verify(v Verification) (Report, error) {
	if v.SegmentLeaves == 0 {
		v.SegmentLeaves = SegmentLeaves
	}
	if len(v.Kept) > MaxKept {
		return Report{}, fmt.Errorf("at most %d kept checkpoints at once", MaxKept)
	}
	if len(v.Segments) == 0 {
		return Report{}, &Fault{File: SegmentName(0), What: "there is no segment"}
	}
	r := &verifier{v: v, in: bufio.NewReaderSize(nil, 64<<10)}
	for i := range v.Segments {
		if err := r.segment(i); err != nil {
			return r.rep, err
		}
	}
	if err := r.finish(); err != nil {
		return r.rep, err
	}
	return r.rep, nil
}

// start takes the log's name from the first segment, and opens the checkpoints
// under it.
func (r *verifier) start(h SegmentHeader) error {
	r.rep.Log, r.rep.LogNo = h.Log, h.LogNo
	add := func(from string, signed []byte) (Checkpoint, error) {
		c, err := ParseCheckpoint(signed, h.Log, r.v.Key)
		if err != nil {
			return c, &Fault{File: from, To: int64(len(signed)), What: err.Error()}
		}
		r.due = append(r.due, promise{c, from})
		return c, nil
	}
	var err error
	if r.rep.Newest, err = add("checkpoint", r.v.Newest); err != nil {
		return err
	}
	for i, signed := range r.v.Kept {
		if _, err := add(fmt.Sprintf("kept checkpoint %d", i+1), signed); err != nil {
			return err
		}
	}
	slices.SortStableFunc(r.due, func(a, b promise) int { return cmp.Compare(a.Size, b.Size) })
	return r.promised(r.v.Segments[0].Name, 0, 0)
}

// segment reads one segment to its end.
func (r *verifier) segment(i int) error {
	file, last := r.v.Segments[i], i == len(r.v.Segments)-1
	in, err := file.Open()
	if err != nil {
		return fmt.Errorf("open %s: %w", file.Name, err)
	}
	defer func() { in.Close() }() // the one that is open then
	r.in.Reset(in)
	first := int64(i) * r.v.SegmentLeaves
	s, err := NewSegmentReader(file.Name, r.in)
	if err != nil {
		var fault *Fault
		if errors.As(err, &fault) {
			fault.Index = first
		}
		return err
	}
	if i == 0 {
		if err := r.start(s.Header); err != nil {
			return err
		}
	}
	if h := s.Header; h.Log != r.rep.Log || h.LogNo != r.rep.LogNo || h.First != first {
		return &Fault{File: file.Name, To: SegmentHeaderSize, Index: first, What: "the header names another log or another place in it"}
	}
	r.limit = first + r.v.SegmentLeaves
	hashes, closeHashes, err := openHashes(file, last)
	if err != nil {
		return err
	}
	defer closeHashes()
	for seen := int64(0); ; seen = s.End() {
		end, err := r.groups(s, file.Name, hashes)
		if err != nil {
			return err
		}
		if err := r.tail(s, file.Name, end, last); !last || err == nil || s.End() == seen {
			return err
		}
		// A service may write while this reads: a group that was half there when its
		// place was read is whole once a later one calls it durable. So a fault at the
		// end of the log counts only if it is found twice.
		again, err := file.Open()
		if err != nil {
			return fmt.Errorf("open %s: %w", file.Name, err)
		}
		in.Close() // which was only read
		in = again
		r.in.Reset(in)
		if err := s.resume(r.in); err != nil {
			return err
		}
	}
}

// groups reads the groups there are, and gives what ended them.
func (r *verifier) groups(s *SegmentReader, name string, hashes io.Reader) (end, err error) {
	for {
		g, end := s.Next()
		if end != nil {
			return end, nil
		}
		if err := r.group(name, g, hashes); err != nil {
			return nil, err
		}
	}
}

// openHashes opens the leaf hashes of a sealed segment. The open one has none.
func openHashes(file SegmentFile, last bool) (io.Reader, func() error, error) {
	if last || file.Hashes == nil {
		return nil, func() error { return nil }, nil
	}
	in, err := file.Hashes()
	if err != nil {
		return nil, nil, fmt.Errorf("open the hashes of %s: %w", file.Name, err)
	}
	return bufio.NewReader(in), in.Close, nil
}

// group takes in the leaves of one group.
func (r *verifier) group(name string, g Group, hashes io.Reader) error {
	for i, f := range g.Frames {
		from, to := g.Span(i)
		at := func(what string) *Fault {
			return &Fault{File: name, From: from, To: to, Index: r.tree.Size(), What: what}
		}
		if r.tree.Size() >= r.limit {
			return at("more leaves than a segment has")
		}
		rec, what := r.leaf(f)
		if what != "" {
			return at(what)
		}
		h := LeafHash(f.Leaf)
		r.compare(hashes, h, at)
		r.tree.Add(h)
		if err := r.promised(name, from, to); err != nil {
			return err
		}
		if r.v.each != nil {
			if err := r.v.each(rec); err != nil {
				return err
			}
		}
		if r.v.Lists != nil {
			if err := r.v.Lists.leaf(rec); err != nil {
				return err
			}
		}
		if r.v.Feeds != nil {
			if err := r.v.Feeds.leaf(rec); err != nil {
				return err
			}
		}
	}
	return nil
}

// compare holds a leaf against the segment's hash file. Which of the two is
// wrong shows at the next checkpoint: until then the difference is remembered.
func (r *verifier) compare(hashes io.Reader, h Hash, at func(string) *Fault) {
	if hashes == nil || r.suspect != nil {
		return
	}
	var want Hash
	if _, err := io.ReadFull(hashes, want[:]); err != nil {
		r.suspect = at("the hash file ends before this leaf")
	} else if want != h {
		r.suspect = at("the leaf is not the one whose hash was recorded")
	}
}

// promised checks the checkpoints that end at the present size.
func (r *verifier) promised(name string, from, to int64) error {
	for r.done < len(r.due) && r.due[r.done].Size == r.tree.Size() {
		p := r.due[r.done]
		if p.Root != r.tree.Root() {
			if r.suspect != nil {
				return r.suspect
			}
			return &Fault{File: name, From: from, To: to, Index: max(p.Size-1, 0),
				What: fmt.Sprintf("the %s promises another tree of the first %d leaves; the last promise kept was of %d", p.from, p.Size, r.kept)}
		}
		r.done, r.kept = r.done+1, p.Size
	}
	return nil
}

// tail judges what made a segment end. Only the last may end early, and only
// above everything that was promised.
func (r *verifier) tail(s *SegmentReader, name string, end error, last bool) error {
	var fault *Fault
	if !errors.Is(end, io.EOF) && !errors.As(end, &fault) {
		return end
	}
	t, err := s.Tail()
	if err != nil {
		return err
	}
	if fault == nil {
		fault = &Fault{File: name, From: t.From, To: t.To, Index: r.tree.Size(), What: "octets that are not a group"}
		if t.To == t.From {
			fault.What = "the segment ends"
		}
	}
	switch {
	case !last && r.tree.Size() < r.limit:
		fault.What += fmt.Sprintf("; the segment has %d leaves too few", r.limit-r.tree.Size())
		return fault
	case last && r.done < len(r.due):
		p := r.due[r.done]
		fault.What += fmt.Sprintf("; the log was cut: %d leaves can be read, the %s promises %d", r.tree.Size(), p.from, p.Size)
		return fault
	case t.To > t.From && (!last || t.Durable > t.From):
		return fault
	case t.To > t.From:
		fault.From, fault.To, fault.What = t.From, t.To, "tail not yet durable: "+fault.What
		r.rep.Tail = fault
	}
	return nil
}

// finish fills the report.
func (r *verifier) finish() error {
	if r.suspect != nil {
		// Every promise was kept, so it is the hash file that is wrong.
		r.suspect.What = "the hash file of the segment is wrong here; removed, it is made anew at the next start"
		return r.suspect
	}
	r.rep.Leaves, r.rep.Root, r.rep.Checkpoints = r.tree.Size(), r.tree.Root(), r.done
	r.rep.Open, r.rep.OpenFirst = r.cites.open(maxOpenListed)
	r.rep.SerialWindow = r.serials.window()
	return nil
}
