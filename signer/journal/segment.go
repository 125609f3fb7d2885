// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"strings"
	"syscall"

	"chancery/audit"

	"golang.org/x/mod/sumdb/tlog"
)

// The folders of FS.
const (
	logDir   = "journal/"
	stateDir = "state/"
	// tmpSuffix marks a file under way; a start removes what it finds of them.
	tmpSuffix = ".tmp"
)

// levels are the hashes of the complete subtrees over a row of nodes.
type levels [][]audit.Hash

// add appends the next node of the row, and what it completes.
func (t *levels) add(h audit.Hash) {
	for l := 0; ; l++ {
		if l == len(*t) {
			*t = append(*t, nil)
		}
		row := append((*t)[l], h)
		(*t)[l] = row
		if len(row)%2 == 1 {
			return
		}
		h = tlog.NodeHash(row[len(row)-2], row[len(row)-1])
	}
}

func (t levels) at(level int, n int64) (audit.Hash, bool) {
	if level >= len(t) || n < 0 || n >= int64(len(t[level])) {
		return audit.Hash{}, false
	}
	return t[level][n], true
}

// A segment is the open segment. Readers use starts and tree under Journal.mu;
// the rest is the writer's.
type segment struct {
	header  audit.SegmentHeader
	starts  []int64 // offsets of the frames of durable leaves
	tree    levels
	file    File
	end     int64 // offset after the last group; all below is durable
	groups  int64
	taken   int64 // octets of disk taken
	refused bool  // nothing more is taken ahead: the disk is nearly full
}

// name is the segment's file.
func (s *segment) name() string { return logDir + audit.SegmentName(s.header.First) }

// newSegment creates the file of the segment that begins with leaf first. Name and
// header are on stable storage when it returns, so that a start may take a header
// that is not whole for a segment that has no leaf (rule IS-05).
func (j *Journal) newSegment(first int64) (*segment, error) {
	s := &segment{header: audit.SegmentHeader{LogNo: j.o.LogNo, First: first, Log: j.o.Log}, end: audit.SegmentHeaderSize}
	if _, err := rand.Read(s.header.Key[:]); err != nil {
		return nil, fmt.Errorf("key a segment: %w", err)
	}
	f, err := j.fs.OpenFile(s.name(), Create)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", s.name(), err)
	}
	s.file = f
	err = s.take(audit.SegmentHeaderSize, j.o.Ahead)
	if err == nil {
		_, err = f.WriteAt(s.header.Append(nil), 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = j.fs.SyncDir(logDir)
	}
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", s.name(), errors.Join(err, f.Close()))
	}
	return s, nil
}

// take makes sure that the disk has room for the octets below to, by steps of
// ahead. On a disk that is nearly full it takes just what is needed: the last
// leaves of an ending disk are revocations.
func (s *segment) take(to, ahead int64) error {
	if to <= s.taken {
		return nil
	}
	most := (to + ahead - 1) / ahead * ahead
	if !s.refused {
		err := s.file.Allocate(most)
		if err == nil {
			s.taken = most
			return nil
		}
		if !errors.Is(err, syscall.ENOSPC) {
			return fmt.Errorf("take disk: %w", err)
		}
		s.refused = true
	}
	if err := s.file.Allocate(to); err != nil {
		return fmt.Errorf("take disk: %w", err)
	}
	s.taken = to
	return nil
}

// segmentLevel is the tree level of a whole segment's root.
func (j *Journal) segmentLevel() int { return bits.TrailingZeros64(uint64(j.o.SegmentLeaves)) }

// full says whether the open segment takes no more leaves.
func (j *Journal) full() bool { return int64(len(j.seg.starts)) == j.o.SegmentLeaves }

// hashName is the hash file of a full segment: its leaf hashes, then those of
// each level up to its root, then the offsets of its frames, u64 each. It holds
// nothing that the segment does not, and is made anew if it is missing.
func hashName(first int64) string {
	return logDir + strings.TrimSuffix(audit.SegmentName(first), ".seg") + ".hash"
}

// hashOffset is where the hash of a level's node n lies in the hash file of a
// segment of s leaves; n counts from the segment's start.
func hashOffset(s int64, level int, n int64) int64 {
	return (2*s - 2*(s>>level) + n) * int64(len(audit.Hash{}))
}

// startOffset is where the offset of the segment's frame n lies.
func startOffset(s, n int64) int64 { return (2*s-1)*int64(len(audit.Hash{})) + 8*n }

// writeHashes writes the hash file of a full segment.
func (j *Journal) writeHashes(s *segment) error {
	b := make([]byte, 0, startOffset(j.o.SegmentLeaves, j.o.SegmentLeaves))
	for _, row := range s.tree {
		for _, h := range row {
			b = append(b, h[:]...)
		}
	}
	for _, at := range s.starts {
		b = binary.BigEndian.AppendUint64(b, uint64(at))
	}
	return j.replace(hashName(s.header.First), b) // newSegment makes the name last
}

// replace puts a small file in place of what has its name, or nothing: after a
// crash one of the two is there, whole. Which of them, is for a sync of the folder
// to decide.
func (j *Journal) replace(name string, content []byte) error {
	tmp := name + tmpSuffix
	// One may be left over from an attempt that met a full disk.
	if err := j.fs.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", tmp, err)
	}
	f, err := j.fs.OpenFile(tmp, Create)
	if err != nil {
		return fmt.Errorf("create %s: %w", tmp, err)
	}
	_, err = f.WriteAt(content, 0)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", tmp, err)
	}
	if err := j.fs.Rename(tmp, name); err != nil {
		return fmt.Errorf("rename %s: %w", tmp, err)
	}
	return nil
}

// syncNames makes the names in a folder last.
func (j *Journal) syncNames(dir string) error {
	if err := j.fs.SyncDir(dir); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}
