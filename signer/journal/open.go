// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"strings"

	"chancery/audit"
)

// ahead is how many octets of disk are taken at once if Options do not say: some
// thousand certificates, so that few fsyncs have to change the file's length.
const ahead = 16 << 20

// Open recovers the log and makes it ready; nothing is appended before Run runs.
// A log that must not be used gives a *Damage. The directory is the journal's from
// now on: if it is an io.Closer, Close closes it, and so does an Open that fails.
func Open(disk FS, o Options) (*Journal, error) {
	j := &Journal{fs: disk, o: o, wake: make(chan struct{}, 1), slots: make(chan struct{}, maxAppenders)}
	err := j.open()
	if err == nil {
		return j, nil
	}
	if j.seg != nil && j.seg.file != nil {
		err = errors.Join(err, j.seg.file.Close())
	}
	return nil, errors.Join(err, j.release())
}

func (j *Journal) open() error {
	if j.o.SegmentLeaves == 0 {
		j.o.SegmentLeaves = audit.SegmentLeaves
	}
	if j.o.Ahead == 0 {
		j.o.Ahead = ahead
	}
	if j.o.Now == nil || j.o.Signer == nil || j.o.Log == (audit.LogID{}) || j.o.LogNo < 1 || j.o.LogNo > 32767 ||
		j.o.SegmentLeaves < 1 || bits.OnesCount64(uint64(j.o.SegmentLeaves)) != 1 || j.o.Ahead < 1 {
		return errors.New("open the log: the options lack something or are out of bounds")
	}
	firsts, err := j.list()
	if err != nil {
		return err
	}
	promise, err := j.readCheckpoint()
	if err != nil {
		return err
	}
	if firsts, err = j.dropUnborn(firsts); err != nil {
		return err
	}
	if len(firsts) == 0 {
		err = j.create(promise)
	} else {
		err = j.recover(firsts)
	}
	if err != nil {
		return err
	}
	if err := j.kept(promise); err != nil {
		return err
	}
	// All is on stable storage now, also what nobody has been told of.
	if promise == nil {
		j.signed = -1
	}
	return j.sign()
}

// list gives the first leaves of all segments, after it has removed the files
// that were under way.
func (j *Journal) list() ([]int64, error) {
	var firsts []int64
	for _, dir := range []string{logDir, stateDir} {
		names, err := j.fs.Names(dir)
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", dir, err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, tmpSuffix) {
				if err := j.fs.Remove(dir + name); err != nil {
					return nil, fmt.Errorf("remove %s: %w", dir+name, err)
				}
			}
			first, ok := audit.ParseSegmentName(name)
			if !ok || dir != logDir {
				continue
			}
			if want := int64(len(firsts)) * j.o.SegmentLeaves; first != want {
				return nil, &Damage{File: logDir + audit.SegmentName(want), Index: want, What: fmt.Sprintf("missing, and there is %s", name)}
			}
			firsts = append(firsts, first)
		}
	}
	return firsts, nil
}

// dropUnborn removes the last segment if its making was cut off: its header is
// not whole and nothing lies behind. No leaf is lost with it, since the header is
// on stable storage before the first group is written.
func (j *Journal) dropUnborn(firsts []int64) ([]int64, error) {
	if len(firsts) == 0 {
		return nil, nil
	}
	last := len(firsts) - 1
	name := logDir + audit.SegmentName(firsts[last])
	f, err := j.fs.OpenFile(name, Read)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	unborn, err := isUnborn(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if !unborn {
		return firsts, nil
	}
	if err := j.fs.Remove(name); err != nil {
		return nil, fmt.Errorf("remove %s: %w", name, err)
	}
	return firsts[:last], nil // one that comes back is dropped again
}

func isUnborn(f File) (bool, error) {
	size, err := f.Size()
	if err != nil {
		return false, err
	}
	in := io.NewSectionReader(f, 0, size)
	head := make([]byte, audit.SegmentHeaderSize)
	n, err := io.ReadFull(in, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	if _, err := audit.ParseSegmentHeader(head[:n]); err == nil {
		return false, nil
	}
	for b := make([]byte, 64<<10); ; {
		n, err := in.Read(b)
		for _, x := range b[:n] {
			if x != 0 {
				return false, nil // recover refuses it by name
			}
		}
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// create makes a new log, if that was asked for and there never was one.
func (j *Journal) create(promise *audit.Checkpoint) error {
	if promise != nil || j.o.MinSize > 0 {
		return &Damage{File: logDir + audit.SegmentName(0), What: "missing, and there was a log"}
	}
	if !j.o.Create {
		return fmt.Errorf("there is no log here: %w", fs.ErrNotExist)
	}
	var err error
	j.seg, err = j.newSegment(0)
	return err
}

// kept holds the log against what others were told of it. A flip in the last
// group looks like a torn write and is cut; this is what finds it.
func (j *Journal) kept(promise *audit.Checkpoint) error {
	cut := func(what string) error {
		return &Damage{File: j.seg.name(), From: j.seg.end, To: j.seg.end, Index: j.size, What: what}
	}
	switch {
	case j.size < j.o.MinSize:
		return cut(fmt.Sprintf("the log was cut: it has %d leaves, and %d are known of", j.size, j.o.MinSize))
	case promise == nil && j.size > 0:
		return &Damage{File: checkpointName, What: "missing, and there are leaves"}
	case promise == nil:
		return nil
	case j.size < promise.Size:
		return cut(fmt.Sprintf("the log was cut: it has %d leaves, its checkpoint promises %d", j.size, promise.Size))
	}
	root, err := audit.Root(promise.Size, j.hashes())
	if err != nil {
		return fmt.Errorf("root of %d leaves: %w", promise.Size, err)
	}
	if root != promise.Root {
		return cut(fmt.Sprintf("the checkpoint promises another tree of the first %d leaves", promise.Size))
	}
	return nil
}

// Close writes the last checkpoint and the mark of a clean stop. Run must have
// returned, or never have been called.
func (j *Journal) Close() error {
	j.end(ErrClosed)
	j.qmu.Lock()
	for _, r := range j.waits {
		r.done <- ErrClosed
	}
	j.waits, j.later = nil, nil
	j.qmu.Unlock()
	err := j.failed
	if err == nil {
		if err = j.sign(); err == nil {
			err = j.writeClean()
		}
	}
	return errors.Join(err, j.seg.file.Close(), j.release())
}

// release gives the directory back.
func (j *Journal) release() error {
	if c, ok := j.fs.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
