// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"chancery/ca"
)

// kept opens a book with a short write-ahead log, and runs it.
func kept(t *testing.T, limit int) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{DSN: filepath.Join(t.TempDir(), "book.db"), LogID: testLog, Now: time.Now, Place: Place{Checkpoint: limit}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("run: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// walSize is how large the log is on the disk, in pages.
func walSize(t *testing.T, s *Store) int64 {
	t.Helper()
	var file string
	if err := s.reader.QueryRowContext(t.Context(), "SELECT file FROM pragma_database_list").Scan(&file); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	return info.Size() / walPage
}

// fill commits groups of 16 certificates from a leaf on, and gives the next leaf.
func fill(t *testing.T, s *Store, from int64, groups int) int64 {
	t.Helper()
	for range groups {
		var all []ca.Change
		for range 16 {
			all = append(all, change(from, "a.example"))
			from++
		}
		commit(t, s, from, all...)
	}
	return from
}

func TestNoCommitTakesTheLogIntoTheDatabase(t *testing.T) {
	s := openBook(t, filepath.Join(t.TempDir(), "book.db"))
	fill(t, s, 1, 60)
	n, err := s.checkpoint(t.Context(), "NOOP")
	if err != nil || n.taken != 0 || n.log <= 1000 {
		t.Errorf("of %d pages %d were taken in, %v; want none of more than SQLite's own 1000", n.log, n.taken, err)
	}
}

func TestTheLogIsTakenInBesideTheCommitsAndBegunAnewInAPause(t *testing.T) {
	s := kept(t, 40)
	next := int64(1)
	for range 50 {
		next = fill(t, s, next, 1)
		if err := s.Kept(t.Context()); err != nil {
			t.Fatal(err)
		}
		n, err := s.checkpoint(t.Context(), "NOOP")
		if err != nil || n.log-n.taken >= 40 {
			t.Fatalf("%d of %d pages were taken in, %v", n.taken, n.log, err)
		}
	}
	if size := walSize(t, s); size > 40*longest {
		t.Errorf("the log grew to %d pages", size)
	}
}

// Commits that never pause, and readers of all the time: SQLite alone would never
// begin its log anew.
func TestTheLogStaysBoundedUnderCommitsWithoutPauseAndReaders(t *testing.T) {
	const limit = 25
	s := kept(t, limit)
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for ctx.Err() == nil {
				if _, err := s.Mark(ctx); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	next, most := int64(1), int64(0)
	for range 30 {
		next = fill(t, s, next, 5)
		most = max(most, walSize(t, s))
	}
	cancel()
	readers.Wait()
	if most < limit || most > 3*longest*limit {
		t.Errorf("the log grew to %d pages, want at most %d", most, 3*longest*limit)
	}
	t.Logf("the log grew to %d pages", most)
}

// A reader that takes long lets the log grow; commits go on, and the room is given
// back when it has ended.
func TestALongReaderHoldsUpNoCommitAndTheLogIsShortenedAfterIt(t *testing.T) {
	const limit = 10
	s := kept(t, limit)
	next := fill(t, s, 1, 1)
	rows, err := s.reader.QueryContext(t.Context(), "SELECT id FROM certificate")
	if err != nil || !rows.Next() {
		t.Fatal(err)
	}
	began := time.Now()
	next = fill(t, s, next, 20)
	if grown := walSize(t, s); grown < 2*longest*limit {
		t.Errorf("the log has %d pages: the reader does not hold it", grown)
	}
	t.Logf("%d pages in %v", walSize(t, s), time.Since(began))
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Fatal(err)
	}
	for range 5 * longest {
		next = fill(t, s, next, 1)
		if err := s.Kept(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if size := walSize(t, s); size > 2*longest*limit {
		t.Errorf("the log still has %d pages", size)
	}
}
