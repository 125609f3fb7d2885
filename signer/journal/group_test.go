// SPDX-License-Identifier: Apache-2.0

package journal_test

import (
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"chancery/internal/sim"
	"chancery/signer/journal"
)

// A slowDisk counts the fsyncs of segments, and keeps the first waiting until it
// is let go: a disk that is slow at the moment when many want something.
type slowDisk struct {
	journal.FS
	mu      sync.Mutex
	on      bool // whether to count
	syncs   int
	begun   chan struct{}
	release chan struct{}
}

func (d *slowDisk) OpenFile(name string, mode journal.Mode) (journal.File, error) {
	f, err := d.FS.OpenFile(name, mode)
	if err != nil || !strings.HasSuffix(name, ".seg") {
		return f, err
	}
	return &slowFile{f, d}, nil
}

type slowFile struct {
	journal.File
	disk *slowDisk
}

func (f *slowFile) Sync() error {
	f.disk.mu.Lock()
	first := false
	if f.disk.on {
		f.disk.syncs++
		first = f.disk.syncs == 1
	}
	f.disk.mu.Unlock()
	if first {
		close(f.disk.begun)
		<-f.disk.release
	}
	return f.File.Sync()
}

// Without this a disk of 300 fsyncs a second would hold us below 300 certificates
// a second. Intents that come while the disk is busy share the next fsync, 256 of
// them at most; one that comes alone waits for nobody.
func TestIS07_IntentsThatWaitShareAnFsync(t *testing.T) {
	for _, tt := range []struct {
		name          string
		callers, each int
		fsyncs        int // for all of them
	}{
		{"nobody else", 0, 0, 0},
		{"64 calls of one leaf", 64, 1, 1},
		{"as many calls as may wait", 255, 1, 1},
		{"64 calls of 20 leaves: five groups, cut within calls", 64, 20, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := options()
			o.SegmentLeaves, o.Ahead = 4096, 1<<20
			disk := &slowDisk{FS: sim.New(nil), begun: make(chan struct{}), release: make(chan struct{})}
			j, err := journal.Open(disk, o)
			if err != nil {
				t.Fatal(err)
			}
			disk.on = true
			stop := run(j)
			var all sync.WaitGroup
			call := func(n int) {
				all.Go(func() {
					if _, err := j.Append(entries(n, "intent")); err != nil {
						t.Error(err)
					}
				})
			}
			call(1)
			<-disk.begun // a lone leaf is on its way to the disk without a timer
			for range tt.callers {
				call(tt.each)
			}
			for deadline := time.Now().Add(time.Minute); j.Waiters() < tt.callers; runtime.Gosched() {
				if time.Now().After(deadline) {
					t.Fatalf("only %d of %d wait", j.Waiters(), tt.callers)
				}
			}
			close(disk.release)
			all.Wait()
			disk.mu.Lock()
			shared := disk.syncs - 1
			disk.mu.Unlock()
			if shared != tt.fsyncs {
				t.Errorf("%d calls of %d leaves took %d fsyncs, want %d", tt.callers, tt.each, shared, tt.fsyncs)
			}
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			if want := int64(1 + tt.callers*tt.each); j.Size() != want {
				t.Errorf("the log has %d leaves, want %d", j.Size(), want)
			}
		})
	}
}
