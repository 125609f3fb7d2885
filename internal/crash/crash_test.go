// SPDX-License-Identifier: Apache-2.0

package crash_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"chancery/audit"
)

// rounds is how many loads are explored: one, and by night a million points.
func rounds() int {
	if os.Getenv("CHANCERY_SOAK") == "1" {
		return 50
	}
	return 1
}

// again is how many ends are tried of a start after an end: by night there is time for
// more.
func again() int {
	if os.Getenv("CHANCERY_SOAK") == "1" {
		return 3
	}
	return 2
}

// TestMain lets the heap grow: the images of a load live to its end, and are not
// worth being looked at again and again.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	m.Run()
}

// least is how many points a load is good for (security.md §24).
const least = 20000

// At every call to the disk of log and database the process dies or the power is
// cut, and again within the recovery that follows, and after it: nothing that was
// answered is lost, nothing signed is unknown, nothing is signed twice, log and
// book agree, and no checkpoint is forked (IS-01, IS-02, IS-03).
func TestFT01_ACrashAtEveryDiskCallOfLogAndBook(t *testing.T) {
	if part, ok := shareOf(t); ok {
		part.explore(t)
		return
	}
	began := time.Now()
	points := crew(t, runtime.GOMAXPROCS(0))
	all, took := 0, time.Since(began)
	for round := range rounds() {
		n := points[uint64(round+1)]
		if all += n; n < least && !t.Failed() {
			t.Errorf("seed %d: only %d points, want %d: the load ended early", round+1, n, least)
		}
	}
	t.Logf("%d seeds, %d points in %v, %.0f a second", len(points), all, took, float64(all)/took.Seconds())
}

// The same seed gives the same calls with the same octets: a failure can be had
// again.
func TestFT01_TheSameSeedGivesTheSameTrace(t *testing.T) {
	trace := func(t *testing.T, seed uint64) []string {
		t.Helper()
		s := found(t, seed)
		var out []string
		for _, m := range s.load(t, nil) {
			h := sha256.New()
			for _, name := range []string{bookName, bookName + "-wal", "journal/" + audit.SegmentName(segmentLeaves), "state/checkpoint"} {
				b, _ := read(m.Disk, name) // one that is not there is as good as empty
				fmt.Fprintf(h, "%s %d ", name, len(b))
				h.Write(b)
			}
			out = append(out, fmt.Sprintf("call %d: %d %s on %x", m.Call.N, m.Call.Op, m.Call.Name, h.Sum(nil)))
		}
		return out
	}
	first, again, other := trace(t, 7), trace(t, 7), trace(t, 8)
	if slices.Equal(first, other) {
		t.Error("another seed gave the same trace")
	}
	if slices.Equal(first, again) {
		return
	}
	for i := range min(len(first), len(again)) {
		if first[i] != again[i] {
			t.Fatalf("once %s, then %s", first[i], again[i])
		}
	}
	t.Errorf("once %d calls, then %d", len(first), len(again))
}

func (f *failure) report(t *testing.T, seed uint64) {
	t.Helper()
	t.Fatalf("seed %d, moment %d, %s:\n%v\nthe image is in %s; again: go test -count=1 -run %s ./internal/crash", seed, f.moment, f.point.name, f.err,
		keep(t, "ft01-image", f.point.image), t.Name())
}
