// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"chancery/audit"
)

const (
	checkpointName = stateDir + "checkpoint"
	cleanName      = stateDir + "clean"
	// maxClean is what is read of a mark of a clean stop; it has about 150 octets.
	maxClean = 1 << 10
)

// sign signs a checkpoint of all durable leaves, if there is none yet. It is on
// stable storage before anybody sees it: a checkpoint that a crash could take
// back would let the next one promise another tree of the same size.
func (j *Journal) sign() error {
	if j.signed == j.size {
		return nil
	}
	root, err := audit.Root(j.size, j.hashes())
	if err != nil {
		return fmt.Errorf("root of %d leaves: %w", j.size, err)
	}
	signed, err := audit.Checkpoint{Log: j.o.Log, Size: j.size, Root: root, Unseparated: j.o.Unseparated}.Sign(j.o.Signer)
	if err != nil {
		return err
	}
	if err := j.replace(checkpointName, signed); err != nil {
		return err
	}
	if err := j.syncNames(stateDir); err != nil {
		return err
	}
	j.signed, j.signedAt = j.size, j.o.Now()
	j.mu.Lock()
	j.checkpoint = signed
	j.mu.Unlock()
	return nil
}

// readCheckpoint reads the newest checkpoint from the disk; there may be none.
func (j *Journal) readCheckpoint() (*audit.Checkpoint, error) {
	signed, err := j.readSmall(checkpointName, audit.MaxCheckpoint)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	key, ok := j.o.Signer.Public().(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("the log key is not an Ed25519 key")
	}
	c, err := audit.ParseCheckpoint(signed, j.o.Log, key)
	if err != nil {
		return nil, &Damage{File: checkpointName, To: int64(len(signed)), What: err.Error()}
	}
	j.checkpoint, j.signed = signed, c.Size
	return &c, nil
}

// A cleanMark is what a clean stop leaves: with it the next start need not write
// the open segment anew, and knows exactly what it must find.
type cleanMark struct {
	Size    int64      `json:"size"`
	Root    audit.Hash `json:"root"`
	Segment int64      `json:"segment"` // first leaf of the open segment
	Offset  int64      `json:"offset"`  // after its last group
}

// mark is the mark that fits the log as it is.
func (j *Journal) mark() (cleanMark, error) {
	root, err := audit.Root(j.size, j.hashes())
	if err != nil {
		return cleanMark{}, fmt.Errorf("root of %d leaves: %w", j.size, err)
	}
	return cleanMark{Size: j.size, Root: root, Segment: j.seg.header.First, Offset: j.seg.end}, nil
}

// writeClean leaves the mark of a clean stop.
func (j *Journal) writeClean() error {
	m, err := j.mark()
	if err != nil {
		return err
	}
	b, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("write %s: %w", cleanName, err)
	}
	return j.replace(cleanName, b) // a mark without a name is no mark
}

// readClean reads the mark. One that cannot be read is as good as none: the start
// then takes the longer way, which needs no mark.
func (j *Journal) readClean() (*cleanMark, error) {
	b, err := j.readSmall(cleanName, maxClean)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var m cleanMark
	if json.Unmarshal(b, &m) != nil {
		return nil, nil
	}
	return &m, nil
}

// readSmall reads a whole file of at most limit octets.
func (j *Journal) readSmall(name string, limit int64) ([]byte, error) {
	f, err := j.fs.OpenFile(name, Read)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	size, err := f.Size()
	if err == nil && size > limit {
		err = fmt.Errorf("%d octets, at most %d", size, limit)
	}
	var b []byte
	if err == nil {
		b = make([]byte, size)
		_, err = io.ReadFull(io.NewSectionReader(f, 0, size), b)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return b, nil
}
