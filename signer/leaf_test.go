// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"os"
	"sync/atomic"
	"testing"

	"chancery/ca"
	"chancery/signer/journal"
)

// A tracked disk counts what is asked of it.
type tracked struct {
	journal.FS
	syncs, opens atomic.Int64
}

func (d *tracked) OpenFile(name string, mode journal.Mode) (journal.File, error) {
	d.opens.Add(1)
	f, err := d.FS.OpenFile(name, mode)
	return trackedFile{f, d}, err
}

type trackedFile struct {
	journal.File
	of *tracked
}

func (f trackedFile) Sync() error {
	f.of.syncs.Add(1)
	return f.File.Sync()
}

// PR-04, KY-06: reading a leaf, which a stranger causes who guesses a challenge password, syncs
// nothing, though FINALs wait to be; and when too many were read in a minute the disk is left alone.
func TestKY06_ReadingALeafDoesNotSyncTheLog(t *testing.T) {
	s := unopened(t.TempDir())
	real, err := journal.OS(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	disk := &tracked{FS: real}
	s.Place.Disk = disk
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	r := running(t, s)
	if _, err := r.Found(founding(t), os.Getuid()); err != nil {
		t.Fatal(err)
	}
	h := r.hello(0)
	a := r.issued(h, wish(1, csrBy(t, "a.lab.example", p256...), profiles(t, h)["server"])) // its FINAL waits
	durable := r.hello(0).Durable                                                           // and is synced
	before, opens := disk.syncs.Load(), disk.opens.Load()
	for range 200 {
		got, err := r.Leaf(a.Index)
		if err != nil || got.Index != a.Index || string(got.Leaf) != string(a.Leaf) || len(got.Body) == 0 {
			t.Fatalf("leaf %d: %+v, %v", a.Index, got, err)
		}
	}
	if n := disk.syncs.Load() - before; n > 4 { // the checkpoint of the second that runs
		t.Errorf("200 reads caused %d syncs", n)
	}
	if disk.opens.Load() == opens {
		t.Error("nothing was read")
	}
	for _, index := range []int64{-1, durable + 10} {
		if _, err := r.Leaf(index); !isCode(err, ca.E2101) {
			t.Errorf("leaf %d: %v", index, err)
		}
	}
	for range 10_000 { // most of them of no leaf
		_, _ = r.Leaf(-1)
	}
	opens = disk.opens.Load()
	for range 100 {
		if _, err := r.Leaf(a.Index); !isCode(err, ca.E2301) {
			t.Fatalf("after too many: %v", err)
		}
	}
	if n := disk.opens.Load() - opens; n > 4 { // as above
		t.Errorf("100 refused reads opened %d files", n)
	}
}
