// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"chancery/ca"
	"chancery/internal/sim"
	"chancery/internal/sim/vfs"
	"chancery/store"
)

// IS-06: a fault of the disk in a checkpoint, which is part of no commit, ends the
// book as well, at once, and nothing is committed or settled after it.
func TestIS06_AFaultInACheckpointEndsTheBook(t *testing.T) {
	for _, c := range []struct {
		name    string
		op      sim.Op
		outcome sim.Outcome
		code    ca.Code
	}{
		{"the database cannot be written", sim.WriteAt, sim.Fail, ca.E1410},
		{"the database cannot be synced", sim.Sync, sim.Fail, ca.E1410},
		{"the disk is full", sim.WriteAt, sim.Full, ca.E1407},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := sim.New(nil)
			mount, err := vfs.Mount(disk)
			if err != nil {
				t.Fatal(err)
			}
			defer mount.Unmount()
			book, err := store.Open(t.Context(), store.Options{
				DSN: mount.Path("db/book.db"), LogID: "log", Now: time.Now, Place: store.Place{Disk: mount, VFS: vfs.Name, Checkpoint: 8},
			})
			if err != nil {
				t.Fatal(err)
			}
			disk.Plan(func(call sim.Call) sim.Outcome {
				if call.Op == c.op && call.Name == "db/book.db" {
					return c.outcome
				}
				return sim.Done
			})
			if _, err := book.Commit(t.Context(), []ca.Change{store.Issuance(1, "a.example")}, 2); err != nil {
				t.Fatalf("the commit before: %v", err)
			}
			var p *ca.Problem
			if err := book.Run(t.Context()); !errors.Is(err, ca.ErrDisk) || !errors.As(err, &p) || p.Code != c.code {
				t.Errorf("run gives %v, want %s", err, c.code)
			}
			if _, err := book.Commit(t.Context(), nil, 3); !errors.Is(err, ca.ErrDisk) {
				t.Errorf("a commit after it gives %v", err)
			}
			if _, err := book.Mark(context.Background()); !errors.Is(err, ca.ErrDisk) {
				t.Errorf("the mark is read: %v", err)
			}
			disk.Die()
			_ = book.Close() // a dead process's
		})
	}
}
