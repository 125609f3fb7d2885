// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"chancery/audit"
)

const (
	// leafWindow and scanWindow are how many octets are read at once for one leaf,
	// and for many; a frame that is larger is read by itself.
	leafWindow = 8 << 10
	scanWindow = 1 << 20
)

// Leaf reads one durable leaf, and holds it against the tree and its body against
// the leaf: a caller acts on it as on what was once decided. What does not fit is
// a *Damage.
func (j *Journal) Leaf(index int64) (Record, error) {
	if size := j.Size(); index < 0 || index >= size {
		return Record{}, fmt.Errorf("no leaf %d in a log of %d", index, size)
	}
	var out Record
	err := j.read(index, index+1, leafWindow, func(r Record) error {
		out = r
		return nil
	})
	if err != nil {
		return Record{}, err
	}
	want, err := j.hash(0, index)
	if err != nil {
		return Record{}, err
	}
	if audit.LeafHash(out.Bytes) != want || !out.Erased && audit.BodyDigest(out.Salt, out.Body) != out.Leaf.Body {
		return Record{}, &Damage{File: j.fileOf(index), Index: index, What: "the leaf or its body is not what was hashed"}
	}
	return out, nil
}

// Scan calls fn for each leaf from an index on that is durable now, in order. A
// Record and its bytes are the callee's only until it returns. ErrStop from fn ends
// the scan without error, any other error with it.
func (j *Journal) Scan(from int64, fn func(Record) error) error {
	size := j.Size()
	if from < 0 || from > size {
		return fmt.Errorf("no leaf %d in a log of %d", from, size)
	}
	for from < size {
		to := min(size, from-from%j.o.SegmentLeaves+j.o.SegmentLeaves)
		err := j.read(from, to, scanWindow, fn)
		if errors.Is(err, ErrStop) {
			return nil
		}
		if err != nil {
			return err
		}
		from = to
	}
	return nil
}

// Root is the root of the tree of the first size leaves, at most Size.
func (j *Journal) Root(size int64) (audit.Hash, error) {
	if durable := j.Size(); size < 0 || size > durable {
		return audit.Hash{}, fmt.Errorf("no tree of %d leaves in a log of %d", size, durable)
	}
	return audit.Root(size, j.hashes())
}

// Inclusion proves leaf index in the tree of size leaves, at most Size.
func (j *Journal) Inclusion(index, size int64) ([]audit.Hash, error) {
	if durable := j.Size(); size > durable {
		return nil, fmt.Errorf("no tree of %d leaves in a log of %d", size, durable)
	}
	return audit.Inclusion(index, size, j.hashes())
}

// Consistency proves that the tree of old leaves is a prefix of that of size.
func (j *Journal) Consistency(old, size int64) ([]audit.Hash, error) {
	if durable := j.Size(); size > durable {
		return nil, fmt.Errorf("no tree of %d leaves in a log of %d", size, durable)
	}
	return audit.Consistency(old, size, j.hashes())
}

func (j *Journal) hashes() audit.Hashes { return j.hash }

// hash gives the hash of a complete subtree of durable leaves.
func (j *Journal) hash(level int, n int64) (audit.Hash, error) {
	missing := fmt.Errorf("no hash %d on level %d of the log's tree", n, level)
	top := j.segmentLevel()
	if level < 0 || level > 62 || n < 0 || n > (1<<62)>>level {
		return audit.Hash{}, missing
	}
	first := n << level / j.o.SegmentLeaves * j.o.SegmentLeaves
	j.mu.RLock()
	open := j.seg.header.First
	var h audit.Hash
	var ok bool
	switch {
	case level >= top:
		h, ok = j.tops.at(level-top, n)
	case first == open:
		h, ok = j.seg.tree.at(level, n-first>>level)
	}
	j.mu.RUnlock()
	switch {
	case ok:
		return h, nil
	case level >= top || first >= open:
		return audit.Hash{}, missing
	}
	return j.storedHash(first, level, n-first>>level)
}

// storedHash reads from a full segment's hash file.
func (j *Journal) storedHash(first int64, level int, n int64) (audit.Hash, error) {
	var h audit.Hash
	err := j.readPart(hashName(first), h[:], hashOffset(j.o.SegmentLeaves, level, n))
	return h, err
}

// fileOf names the segment of a leaf.
func (j *Journal) fileOf(index int64) string {
	return logDir + audit.SegmentName(index-index%j.o.SegmentLeaves)
}

// starts gives the offsets of the frames [from, to) of one segment.
func (j *Journal) starts(from, to int64) ([]int64, error) {
	first := from - from%j.o.SegmentLeaves
	j.mu.RLock()
	open, own := j.seg.header.First, j.seg.starts
	j.mu.RUnlock()
	if first == open {
		return own[from-first : to-first], nil // what is published is never changed
	}
	b := make([]byte, 8*(to-from))
	if err := j.readPart(hashName(first), b, startOffset(j.o.SegmentLeaves, from-first)); err != nil {
		return nil, err
	}
	out := make([]int64, to-from)
	for i := range out {
		out[i] = int64(binary.BigEndian.Uint64(b[8*i:]))
	}
	return out, nil
}

// read calls fn for the leaves [from, to) of one segment. It opens the file by
// name, so that it never meets the writer closing it.
func (j *Journal) read(from, to int64, window int, fn func(Record) error) (err error) {
	starts, err := j.starts(from, to)
	if err != nil {
		return err
	}
	name := j.fileOf(from)
	f, err := j.fs.OpenFile(name, Read)
	if err != nil {
		return fmt.Errorf("open %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	w := frames{file: f, size: size, step: window}
	for i, at := range starts {
		index := from + int64(i)
		frame, err := w.at(at)
		if err != nil && !errors.Is(err, audit.ErrFrame) {
			return fmt.Errorf("read leaf %d from %s: %w", index, name, err)
		}
		var r audit.Record
		if err == nil {
			r, err = audit.ReadRecord(frame)
		}
		if err == nil && (r.Leaf.Index != index || r.Leaf.Log != j.o.Log) {
			err = fmt.Errorf("leaf %d of log %s lies here", r.Leaf.Index, r.Leaf.Log)
		}
		if err != nil {
			return &Damage{File: name, From: at, To: at + int64(frame.Size()), Index: index, What: err.Error()}
		}
		if err := fn(Record{Index: index, Leaf: r.Leaf, Bytes: r.Bytes, Salt: r.Salt, Body: r.Body, Erased: r.Erased}); err != nil {
			return err
		}
	}
	return nil
}

// frames reads frames of a file through a window.
type frames struct {
	file File
	size int64
	step int
	buf  []byte
	off  int64 // of buf
}

// at gives the frame at an offset, valid until the next call.
func (w *frames) at(off int64) (audit.Frame, error) {
	if off < 0 || off >= w.size {
		return audit.Frame{}, fmt.Errorf("%w: its offset is outside of the file", audit.ErrFrame)
	}
	b := w.held(off)
	for _, step := range []int{w.step, audit.MaxFrame} {
		if n, err := audit.FrameSize(b); err == nil && n <= len(b) {
			break
		}
		w.buf = append(w.buf[:0], make([]byte, min(int64(step), w.size-off))...)
		n, err := w.file.ReadAt(w.buf, off)
		if err != nil && !errors.Is(err, io.EOF) {
			return audit.Frame{}, err
		}
		w.buf, w.off = w.buf[:n], off
		b = w.buf
	}
	f, _, err := audit.ParseFrame(b)
	return f, err
}

// held is what the window has from an offset on.
func (w *frames) held(off int64) []byte {
	if off < w.off || off >= w.off+int64(len(w.buf)) {
		return nil
	}
	return w.buf[off-w.off:]
}

// readPart fills b from an offset of a file.
func (j *Journal) readPart(name string, b []byte, off int64) error {
	f, err := j.fs.OpenFile(name, Read)
	if err != nil {
		return fmt.Errorf("open %s: %w", name, err)
	}
	_, err = io.ReadFull(io.NewSectionReader(f, off, int64(len(b))), b)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}
