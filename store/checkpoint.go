// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"
)

const (
	// checkpointPages is how many pages of SQLite's write-ahead log, 4 KiB each, may
	// wait to be taken into the database: those of some 170 certificates. What waits
	// when the log is begun anew holds up a commit: of commits of 32 certificates, in
	// turns of the same minutes, the longest took 7 ms, with 4096 pages 15 ms, with 16 384
	// 45 ms; their rate was the same.
	checkpointPages = 1024
	// longest is how many times as long the whole log may be before a commit has to
	// wait until it is begun anew: 64 MiB. Commits that never pause keep SQLite from
	// doing so by itself. More often would hold up more commits; a longer log makes
	// reads look for their pages in more places, and is copied at a start after a crash.
	longest = 16
	// restartWait is how long commits are held up for readers, in milliseconds. A page
	// of a list is read in a few; what takes longer may take minutes, and the log has
	// to grow meanwhile.
	restartWait = 50
	// parts is how often Run looks at the log while it grows by checkpointPages.
	parts = 4
	// walPage is what a page takes in the log, with its header.
	walPage = 4096 + 24
	// checkpointWait is when a checkpoint is given up as hung.
	checkpointWait = time.Minute
)

// A keeper is what Run knows of the write-ahead log.
type keeper struct {
	// limit is checkpointPages, but in tests.
	limit int64
	// stuck is how long the log was when readers kept it from being begun anew.
	stuck int64
	// wrote is how many pages were committed since wake had a value last.
	wrote atomic.Int64
	// wake has a value when it is time to look at the log.
	wake chan struct{}
	// asked are those who wait until Run has seen to all commits.
	asked chan chan struct{}
}

func newKeeper(limit int) *keeper {
	if limit == 0 {
		limit = checkpointPages
	}
	return &keeper{limit: int64(limit), wake: make(chan struct{}, 1), asked: make(chan chan struct{})}
}

// A walLength is what SQLite says of its log, in pages.
type walLength struct {
	busy       bool // what was asked for was not done, or not in full
	log, taken int64
}

// Run takes the write-ahead log of an SQLite file into the database beside the
// commits, on a connection of its own, until ctx ends. Whoever keeps a book open to
// write to it runs it, once, before Close: without it the log grows until then. Its
// error is ctx's, or ca.ErrDisk with its reason, or that of a damaged file; after
// these the process must end. In pauses it takes names into the index of parts. On
// PostgreSQL it only waits.
func (s *Store) Run(ctx context.Context) error {
	looks := time.NewTicker(searchPause)
	defer looks.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-looks.C:
			if err := s.pause(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		case <-s.keeper.wake:
			if err := s.keep(ctx); err != nil {
				return err
			}
		case done := <-s.keeper.asked:
			select {
			case <-s.keeper.wake:
				if err := s.keep(ctx); err != nil {
					return err
				}
			default:
			}
			close(done)
		}
	}
}

// Kept waits until Run has seen to what the commits before have left to it. The error
// is ctx's.
func (s *Store) Kept(ctx context.Context) error {
	done := make(chan struct{})
	select {
	case s.keeper.asked <- done:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// committed wakes Run when commits have made the log longer by a part of the limit:
// to ask for its length after each would cost a lone caller a part of its rate.
func (s *Store) committed(conn *sql.Conn) {
	wrote := s.keeper.limit // if SQLite does not say
	_ = conn.Raw(func(driver any) error {
		if c, ok := driver.(sqlite.DBStatus); ok {
			if n, _, err := c.Status(sqlite.DBStatusCacheWrite, true); err == nil {
				wrote = int64(n)
			}
		}
		return nil
	})
	if s.keeper.wrote.Add(wrote) < s.keeper.limit/parts {
		return
	}
	s.keeper.wrote.Store(0)
	select {
	case s.keeper.wake <- struct{}{}:
	default: // it is awake, or not needed
	}
}

// keep looks how long the log is, and shortens it if need be.
func (s *Store) keep(ctx context.Context) error {
	err := s.shorten(ctx)
	if err == nil || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return err
	}
	if s.note(err); s.failed() != nil {
		err = s.failed()
	}
	return fmt.Errorf("take the write-ahead log into the database: %w", foreignFile(err))
}

func (s *Store) shorten(ctx context.Context) error {
	k := s.keeper
	n, err := s.checkpoint(ctx, "NOOP")
	if err != nil {
		return err
	}
	if n.log-n.taken >= k.limit {
		if n, err = s.checkpoint(ctx, "PASSIVE"); err != nil {
			return err
		}
	}
	if n.log < k.stuck {
		k.stuck = 0 // it was begun anew
	}
	if n.log < k.stuck+k.limit*longest {
		return nil
	}
	// What was committed meanwhile is taken in too, and synced if it was all: then
	// little is left to do while nobody can commit.
	if _, err = s.checkpoint(ctx, "PASSIVE"); err != nil {
		return err
	}
	return s.restart(ctx)
}

// restart has the next commit begin the log anew. It holds the only connection that
// commits, so that this happens between two of them.
func (s *Store) restart(ctx context.Context) error {
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return err
	}
	n, err := s.checkpoint(ctx, "RESTART")
	if s.keeper.stuck = 0; n.busy {
		s.keeper.stuck = n.log
	}
	return errors.Join(err, conn.Close())
}

// checkpoint runs one of SQLite's checkpoints (sqlite.org/pragma.html); NOOP only
// asks for the length. It does not end with ctx: it is soon done, and a service that
// stops has nothing to gain from doing it twice.
func (s *Store) checkpoint(ctx context.Context, mode string) (n walLength, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkpointWait)
	defer cancel()
	err = s.aside.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&n.busy, &n.log, &n.taken)
	if sqliteCode(err)&0xff == sqliteBusy {
		return walLength{busy: true}, nil // somebody looks at the file from outside
	}
	return n, err
}
