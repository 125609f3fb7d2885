// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"chancery/audit"
	"chancery/signer/journal"
)

// A snapshot is a memory in a file, so that a start need not read the whole log. It
// saves time and nothing else: it is believed only if the log's key signed it and the
// log has the very tree that it was made of, and else all leaves are read again.
// Nothing waits for it to be on stable storage: a power cut may tear it, and then
// the one before it counts.
const (
	snapshotName = "state/snapshot"
	// snapshotBefore is the one before the newest.
	snapshotBefore = "state/snapshot.old"
	snapshotTmp    = "state/snapshot.tmp"

	// snapshotLeaves is after how many leaves a new one is made: as many as are read in
	// about half a second.
	snapshotLeaves = audit.SegmentLeaves
	// snapshotEvery is how often it is looked whether one is due.
	snapshotEvery = time.Minute
	// lastSnapshot bounds the one of a stop, below the grace that a stop has.
	lastSnapshot = 5 * time.Second
)

// due tells whether enough leaves came for a new snapshot, and the disk has room.
func (s *Signer) due() bool {
	enough := s.Place.SnapshotLeaves
	if enough == 0 {
		enough = snapshotLeaves
	}
	return s.journal.Size()-s.kept >= enough && !s.full()
}

// snapshotRegularly makes snapshots until ctx ends.
func (s *Signer) snapshotRegularly(ctx context.Context) {
	t := time.NewTicker(snapshotEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if s.due() {
				s.snapshot(ctx)
			}
		}
	}
}

// snapshot reads the leaves above the last snapshot into a memory of their own, and
// keeps that. What the signer works with is not touched, so that nobody waits, and
// a snapshot holds what the log says and nothing that only the process believed.
func (s *Signer) snapshot(ctx context.Context) {
	m := s.remembered()
	if err := m.read(ctx, s.journal.Size()); err != nil {
		if ctx.Err() == nil {
			s.report(err)
		}
		return
	}
	s.keep(m)
}

// remembered is the memory of the newest snapshot that can be believed, or an empty
// one.
func (s *Signer) remembered() *memory {
	for _, name := range []string{snapshotName, snapshotBefore} {
		m, err := s.recall(name)
		if err == nil {
			return m
		}
		if !errors.Is(err, fs.ErrNotExist) {
			s.report(fmt.Errorf("%s is not used: %w", name, err))
			_ = s.files.Remove(name) // or it would take the place of one that can be used
		}
	}
	return s.newMemory()
}

// recall reads a snapshot.
func (s *Signer) recall(name string) (m *memory, err error) {
	f, err := s.files.OpenFile(name, journal.Read)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	return s.thaw(io.NewSectionReader(f, 0, size), size)
}

// keep writes a snapshot in place of the newest, which becomes the one before. If
// it fails, it is tried again when as many leaves have come once more.
func (s *Signer) keep(m *memory) {
	s.kept = m.size
	if err := s.write(m); err != nil {
		s.report(fmt.Errorf("keep a snapshot: %w", err))
	}
}

func (s *Signer) write(m *memory) error {
	// One may be left over from an attempt that met a full disk.
	if err := s.files.Remove(snapshotTmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := s.files.OpenFile(snapshotTmp, journal.Create)
	if err != nil {
		return err
	}
	if err := errors.Join(s.freeze(&appending{file: f}, m), f.Close()); err != nil {
		return errors.Join(err, s.files.Remove(snapshotTmp))
	}
	if err := s.files.Rename(snapshotName, snapshotBefore); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.files.Rename(snapshotTmp, snapshotName)
}

func (s *Signer) report(err error) {
	if s.Report != nil {
		s.Report(err)
	}
}
