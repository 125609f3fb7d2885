// SPDX-License-Identifier: Apache-2.0

package vfs_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"chancery/internal/sim"
	"chancery/internal/sim/vfs"
	"chancery/store"
)

func open(t *testing.T, d *sim.Disk) (*vfs.Mounted, *store.Store) {
	t.Helper()
	m, err := vfs.Mount(d)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(context.Background(), store.Options{
		DSN: m.Path("db/book.db"), LogID: "log", Now: time.Now, Place: store.Place{Disk: m, VFS: vfs.Name, Checkpoint: 8},
	})
	if err != nil {
		t.Fatal(err)
	}
	return m, s
}

// A book on the simulated disk is one that another process finds again after each
// kind of end, and not after a power cut that was lied to.
func TestABookOnTheSimulatedDisk(t *testing.T) {
	for name, c := range map[string]struct {
		image func(*sim.Disk) *sim.Disk
		lie   bool
		same  bool
	}{
		"killed":                   {func(d *sim.Disk) *sim.Disk { return d.Kill(nil) }, false, true},
		"power cut":                {func(d *sim.Disk) *sim.Disk { return d.Cut(sim.Choice{}, nil) }, false, true},
		"killed, a lying disk":     {func(d *sim.Disk) *sim.Disk { return d.Kill(nil) }, true, true},
		"power cut, a lying disk":  {func(d *sim.Disk) *sim.Disk { return d.Cut(sim.Choice{}, nil) }, true, false},
		"power cut, all was kept":  {func(d *sim.Disk) *sim.Disk { return d.Cut(sim.Choice{Keep: 256}, nil) }, true, true},
		"two ends, one after that": {func(d *sim.Disk) *sim.Disk { return d.Kill(nil).Cut(sim.Choice{}, nil) }, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			vfs.Seed(1)
			var plan sim.Plan
			if c.lie {
				plan = func(call sim.Call) sim.Outcome {
					if call.Op == sim.Sync && strings.HasPrefix(call.Name, "db/") {
						return sim.Lie
					}
					return sim.Done
				}
			}
			d := sim.New(plan)
			m, s := open(t, d)
			id, err := s.DatabaseID(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d calls", d.Calls())
			image := c.image(d)
			d.Die()
			_ = s.Close() // a dead process's
			m.Unmount()
			m, s = open(t, image)
			defer m.Unmount()
			again, err := s.DatabaseID(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if (again == id) != c.same {
				t.Errorf("the database was %s and is %s", id, again)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
