// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"chancery/audit"
)

// A Damage is why a log must not be used: what was promised of it does not hold.
// Nothing of it is mended here; a restore, or its founder, decides.
type Damage struct {
	File     string // under the signer's directory
	From, To int64  // octets [From, To) of it; both 0 if it is about the whole file
	Index    int64  // the leaf at fault, or the first that cannot be read
	What     string
}

func (d *Damage) Error() string {
	return fmt.Sprintf("the log is damaged: %s, octets %d to %d, leaf %d: %s", d.File, d.From, d.To, d.Index, d.What)
}

// copyStep is how much of a segment is copied at once.
const copyStep = 1 << 20

// recover reads what lies on the disk: of full segments the roots, of the last
// all groups. What lies behind the last whole group is cut if no fsync is known to
// have covered it, and refused otherwise.
func (j *Journal) recover(firsts []int64) error {
	last := len(firsts) - 1
	for _, first := range firsts[:last] {
		root, err := j.sealed(first)
		if err != nil {
			return err
		}
		j.tops.add(root)
	}
	mark, err := j.readClean()
	if err != nil {
		return err
	}
	s, tail, err := j.scan(firsts[last], Write)
	if s != nil {
		j.seg = s
	}
	if err != nil {
		return err
	}
	if tail.Durable > s.end {
		return &Damage{File: s.name(), From: s.end, To: min(tail.Durable, tail.To), Index: firsts[last] + int64(len(s.starts)),
			What: "octets that were durable are not whole groups"}
	}
	j.size = firsts[last] + int64(len(s.starts))
	if j.full() {
		root, _ := s.tree.at(j.segmentLevel(), 0)
		j.tops.add(root)
	}
	if mark == nil {
		return j.rewrite()
	}
	found, err := j.mark()
	if err != nil {
		return err
	}
	if *mark != found || tail.To > tail.From {
		return &Damage{File: s.name(), From: s.end, To: max(s.end, tail.To), Index: j.size,
			What: fmt.Sprintf("changed since the clean stop, at which the log had %d leaves", mark.Size)}
	}
	return nil
}

// sealed gives the root of a full segment, from its hash file.
func (j *Journal) sealed(first int64) (audit.Hash, error) {
	name := logDir + audit.SegmentName(first)
	b := make([]byte, audit.SegmentHeaderSize)
	if err := j.readPart(name, b, 0); err != nil {
		return audit.Hash{}, err
	}
	h, err := audit.ParseSegmentHeader(b)
	if err == nil {
		err = j.mine(h, first)
	}
	if err != nil {
		return audit.Hash{}, &Damage{File: name, To: audit.SegmentHeaderSize, Index: first, What: err.Error()}
	}
	whole, err := j.hasHashes(first)
	if err != nil {
		return audit.Hash{}, err
	}
	if !whole {
		if err := j.remakeHashes(first); err != nil {
			return audit.Hash{}, err
		}
	}
	return j.storedHash(first, j.segmentLevel(), 0)
}

// mine says what is wrong with a header that is whole.
func (j *Journal) mine(h audit.SegmentHeader, first int64) error {
	if h.Log != j.o.Log || h.LogNo != j.o.LogNo || h.First != first {
		return fmt.Errorf("the header names log %s, number %d, leaf %d: another log, or another place in it", h.Log, h.LogNo, h.First)
	}
	return nil
}

// hasHashes says whether the hash file of a segment is there and has its size. It
// was fsynced before it got its name, so it is whole then.
func (j *Journal) hasHashes(first int64) (bool, error) {
	f, err := j.fs.OpenFile(hashName(first), Read)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open %s: %w", hashName(first), err)
	}
	size, err := f.Size()
	if err := errors.Join(err, f.Close()); err != nil {
		return false, fmt.Errorf("read %s: %w", hashName(first), err)
	}
	return size == startOffset(j.o.SegmentLeaves, j.o.SegmentLeaves), nil
}

// remakeHashes makes the hash file of a full segment anew.
func (j *Journal) remakeHashes(first int64) error {
	s, tail, err := j.scan(first, Read)
	if s != nil {
		err = errors.Join(err, s.file.Close())
	}
	if err != nil {
		return err
	}
	if int64(len(s.starts)) != j.o.SegmentLeaves || tail.To > tail.From {
		return &Damage{File: s.name(), From: s.end, To: max(s.end, tail.To), Index: first + int64(len(s.starts)),
			What: "a segment that is followed by another is not whole"}
	}
	return j.writeHashes(s)
}

// scan reads all whole groups of a segment and what lies behind them. The file
// stays open, also with an error if the segment is not nil.
func (j *Journal) scan(first int64, mode Mode) (*segment, audit.Tail, error) {
	s := &segment{header: audit.SegmentHeader{First: first}}
	var err error
	if s.file, err = j.fs.OpenFile(s.name(), mode); err != nil {
		return nil, audit.Tail{}, fmt.Errorf("open %s: %w", s.name(), err)
	}
	if s.taken, err = s.file.Size(); err != nil {
		return s, audit.Tail{}, fmt.Errorf("read %s: %w", s.name(), err)
	}
	in, err := audit.NewSegmentReader(s.name(), bufio.NewReaderSize(io.NewSectionReader(s.file, 0, s.taken), int(min(s.taken, copyStep))))
	if err != nil {
		return s, audit.Tail{}, damage(err)
	}
	if err := j.mine(in.Header, first); err != nil {
		return s, audit.Tail{}, &Damage{File: s.name(), To: audit.SegmentHeaderSize, Index: first, What: err.Error()}
	}
	s.header = in.Header
	for {
		g, err := in.Next()
		var fault *audit.Fault
		if errors.Is(err, io.EOF) || errors.As(err, &fault) {
			break
		}
		if err != nil {
			return s, audit.Tail{}, err
		}
		if err := j.takeIn(s, g); err != nil {
			return s, audit.Tail{}, err
		}
	}
	s.end, s.groups = in.End(), in.Groups()
	tail, err := in.Tail()
	return s, tail, err
}

// takeIn adds a group that was read to the segment's hashes and offsets.
func (j *Journal) takeIn(s *segment, g audit.Group) error {
	for i, f := range g.Frames {
		from, to := g.Span(i)
		index := s.header.First + int64(len(s.starts))
		bad := func(what string) error { return &Damage{File: s.name(), From: from, To: to, Index: index, What: what} }
		if int64(len(s.starts)) == j.o.SegmentLeaves {
			return bad("more leaves than a segment has")
		}
		if !f.Kind.Known() {
			return bad(fmt.Sprintf("a leaf of %v, which this version does not know and so cannot settle", f.Kind))
		}
		s.starts = append(s.starts, from)
		s.tree.add(audit.LeafHash(f.Leaf))
	}
	return nil
}

// damage turns a reader's fault into ours.
func damage(err error) error {
	var f *audit.Fault
	if errors.As(err, &f) {
		return &Damage{File: f.File, From: f.From, To: f.To, Index: f.Index, What: f.What}
	}
	return err
}

// rewrite writes the open segment anew up to the cut. After a stop that was not
// clean, what was read may be in the page cache only: an fsync that failed may
// have marked it as written. Nothing is built upon it before it is copied.
func (j *Journal) rewrite() error {
	old, name := j.seg.file, j.seg.name()
	tmp := name + tmpSuffix
	f, err := j.fs.OpenFile(tmp, Create)
	if err != nil {
		return fmt.Errorf("create %s: %w", tmp, err)
	}
	j.seg.file, j.seg.taken = f, 0
	err = j.seg.take(j.seg.end, j.o.Ahead)
	b := make([]byte, min(copyStep, j.seg.end))
	for at := int64(0); err == nil && at < j.seg.end; at += int64(len(b)) {
		b = b[:min(int64(len(b)), j.seg.end-at)]
		if _, err = io.ReadFull(io.NewSectionReader(old, at, int64(len(b))), b); err == nil {
			_, err = f.WriteAt(b, at)
		}
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, old.Close()); err != nil {
		return fmt.Errorf("write %s anew: %w", name, err)
	}
	if err := j.fs.Rename(tmp, name); err != nil {
		return fmt.Errorf("rename %s: %w", tmp, err)
	}
	return j.syncNames(logDir)
}
