// SPDX-License-Identifier: Apache-2.0

package journal_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"chancery/audit"
	"chancery/signer/journal"
)

var logID = audit.LogID{1, 2, 3}

func logKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)) }

// options are those of a log with small segments, whose clock goes 300 ms a look.
func options() journal.Options {
	var mu sync.Mutex
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return journal.Options{
		Log: logID, LogNo: 5, Signer: logKey(), Create: true, SegmentLeaves: 8, Ahead: 4096,
		Now: func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			now = now.Add(300 * time.Millisecond)
			return now
		},
	}
}

// run starts the writer; the function it gives stops it and closes the journal.
func run(j *journal.Journal) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	return func() error {
		cancel()
		return errors.Join(<-ended, j.Close())
	}
}

func entries(n int, text string) []journal.Entry {
	es := make([]journal.Entry, n)
	for i := range es {
		es[i] = journal.Entry{Leaf: audit.Leaf{Kind: audit.Refusal}, Body: fmt.Appendf(nil, "%s %d", text, i)}
	}
	return es
}

func osDisk(t *testing.T, dir string) journal.FS {
	t.Helper()
	disk, err := journal.OS(dir)
	if err != nil {
		t.Fatal(err)
	}
	return disk
}

func open(t *testing.T, dir string, o journal.Options) *journal.Journal {
	t.Helper()
	j, err := journal.Open(osDisk(t, dir), o)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// fill makes a log of 5·n leaves and closes it.
func fill(t *testing.T, dir string, n int) {
	t.Helper()
	j := open(t, dir, options())
	stop := run(j)
	for i := range n {
		placed, err := j.Append(entries(5, fmt.Sprint("body ", i)))
		if err != nil {
			t.Fatal(err)
		}
		if placed[4].Index != int64(5*i+4) {
			t.Fatalf("the fifth leaf lies at %d", placed[4].Index)
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

func TestAppendReopenRead(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 9)
	j := open(t, dir, options())
	defer j.Close()
	if j.Size() != 45 {
		t.Fatalf("size %d after reopening, want 45", j.Size())
	}
	c, err := audit.ParseCheckpoint(j.Checkpoint(), logID, logKey().Public().(ed25519.PublicKey))
	if err != nil || c.Size != 45 {
		t.Fatalf("checkpoint of %d leaves, %v", c.Size, err)
	}
	var tree audit.Range
	roots := []audit.Hash{tree.Root()}
	next := int64(0)
	if err := j.Scan(0, func(r journal.Record) error {
		if want := fmt.Sprintf("body %d %d", next/5, next%5); r.Index != next || string(r.Body) != want {
			return fmt.Errorf("leaf %d has body %q, want %q", r.Index, r.Body, want)
		}
		next++
		tree.Add(audit.LeafHash(r.Bytes))
		roots = append(roots, tree.Root())
		return nil
	}); err != nil || next != 45 {
		t.Fatalf("scanned %d leaves: %v", next, err)
	}
	if c.Root != tree.Root() {
		t.Error("the checkpoint's root is not that of the leaves")
	}
	for size := int64(1); size <= 45; size++ {
		for i := range size {
			proof, err := j.Inclusion(i, size)
			if err != nil {
				t.Fatal(err)
			}
			r, err := j.Leaf(i)
			if err != nil {
				t.Fatal(err)
			}
			if err := audit.CheckInclusion(proof, i, size, roots[size], r.Bytes); err != nil {
				t.Errorf("leaf %d in %d: %v", i, size, err)
			}
			if proof, err = j.Consistency(i, size); err != nil {
				t.Fatal(err)
			}
			if err := audit.CheckConsistency(proof, i, roots[i], size, roots[size]); err != nil {
				t.Errorf("tree %d in %d: %v", i, size, err)
			}
		}
	}
	if _, err := j.Inclusion(0, 46); err == nil {
		t.Error("a proof in a tree that is not durable")
	}
	if _, err := j.Leaf(45); err == nil {
		t.Error("a leaf behind the end")
	}
}

func TestScanStopsEarlyWithoutError(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 4)
	j := open(t, dir, options())
	defer j.Close()
	seen := 0
	err := j.Scan(6, func(r journal.Record) error {
		if seen++; r.Index == 11 {
			return journal.ErrStop
		}
		return nil
	})
	if err != nil || seen != 6 {
		t.Errorf("saw %d leaves from 6 to 11: %v", seen, err)
	}
}

func TestLaterIsDurableWithoutAWaiter(t *testing.T) {
	j := open(t, t.TempDir(), options())
	stop := run(j)
	told := make(chan int64, 1)
	if err := j.Later(entries(2, "later"), func(p []journal.Placed) { told <- p[1].Index }); err != nil {
		t.Fatal(err)
	}
	if i := <-told; i != 1 || j.Size() != 2 {
		t.Errorf("told of leaf %d at size %d", i, j.Size())
	}
	// Sync does not wait for the timer, and Close drops nothing.
	if err := j.Later(entries(1, "sync"), nil); err != nil {
		t.Fatal(err)
	}
	if err := j.Sync(); err != nil || j.Size() != 3 {
		t.Errorf("size %d after Sync: %v", j.Size(), err)
	}
	if err := j.Later(entries(1, "stop"), nil); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil || j.Size() != 4 {
		t.Errorf("size %d after the stop: %v", j.Size(), err)
	}
	if _, err := j.Append(entries(1, "closed")); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("append after the stop: %v", err)
	}
}

func TestAppendFromManySidesKeepsEachCallInOrder(t *testing.T) {
	o := options()
	o.SegmentLeaves = 64
	j := open(t, t.TempDir(), o)
	stop := run(j)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			placed, err := j.Append(entries(20, "many"))
			if err != nil {
				t.Error(err)
				return
			}
			for i, p := range placed {
				r, err := j.Leaf(p.Index)
				if err != nil || string(r.Body) != fmt.Sprint("many ", i) || !bytes.Equal(r.Bytes, p.Bytes) {
					t.Errorf("leaf %d: %q, %v", p.Index, r.Body, err)
				}
			}
		})
	}
	wg.Wait()
	if err := stop(); err != nil || j.Size() != 640 {
		t.Errorf("size %d: %v", j.Size(), err)
	}
}

func TestAppendRefusesWhatTheNextStartWouldRefuse(t *testing.T) {
	j := open(t, t.TempDir(), options())
	stop := run(j)
	for name, es := range map[string][]journal.Entry{
		"unknown kind":   {{Leaf: audit.Leaf{Kind: 99}}},
		"no kind":        {{}},
		"body too large": {{Leaf: audit.Leaf{Kind: audit.Refusal}, Body: make([]byte, journal.MaxBody+1)}},
		"negative":       {{Leaf: audit.Leaf{Kind: audit.Refusal, Cites: -1}}},
		"too many":       entries(257, "x"),
	} {
		if _, err := j.Append(es); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	largest := []journal.Entry{{Leaf: audit.Leaf{Kind: audit.Refusal}, Body: make([]byte, journal.MaxBody)}}
	placed, err := j.Append(largest)
	if err != nil {
		t.Fatalf("the largest body: %v", err)
	}
	if r, err := j.Leaf(placed[0].Index); err != nil || len(r.Body) != journal.MaxBody {
		t.Errorf("the largest body read back: %v", err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

func TestASecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, options())
	if _, err := journal.OS(dir); !errors.Is(err, journal.ErrInUse) {
		t.Errorf("second opening: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir, options()).Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAnAbsentLogIsNotMadeUnasked(t *testing.T) {
	dir := t.TempDir()
	o := options()
	o.Create = false
	if _, err := journal.Open(osDisk(t, dir), o); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no log: %v", err)
	}
	o.Create, o.MinSize = true, 1
	var d *journal.Damage
	if _, err := journal.Open(osDisk(t, dir), o); !errors.As(err, &d) {
		t.Errorf("no log, but one leaf is known of: %v", err)
	}
}

// Each case spoils a log of 20 leaves in segments of 8 after a clean stop.
func TestASpoiltLogIsRefused(t *testing.T) {
	segment := func(first int64) string { return "journal/" + audit.SegmentName(first) }
	flip := func(name string, at int64) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			b[at] ^= 1
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(names ...string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			for _, name := range names {
				if err := os.Remove(filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	cases := []struct {
		name  string
		spoil func(t *testing.T, dir string)
		says  string
	}{
		{"header of the last segment", flip(segment(16), 20), "not a segment header"},
		{"header of a full segment", flip(segment(8), 20), "not a segment header"},
		{"last group", flip(segment(16), 70), "clean stop"},
		{"a group below a later one's durable offset", func(t *testing.T, dir string) {
			j := open(t, dir, options())
			stop := run(j)
			if _, err := j.Append(entries(2, "more")); err != nil {
				t.Fatal(err)
			}
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			flip(segment(16), 70)(t, dir)
			remove("state/clean")(t, dir)
		}, "octets that were durable"},
		{"a full segment gone", remove(segment(8)), "missing"},
		{"all segments gone", remove(segment(0), segment(8), segment(16)), "missing"},
		{"last segment gone", remove(segment(16)), "clean stop"},
		{"last segment and mark gone", remove(segment(16), "state/clean"), "the log was cut"},
		{"checkpoint gone", remove("state/checkpoint"), "missing"},
		{"checkpoint spoilt", flip("state/checkpoint", 50), "not a checkpoint"},
		{"full segment spoilt, its hashes to be made anew", func(t *testing.T, dir string) {
			flip(segment(8), 300)(t, dir)
			remove("journal/0000000000000008.hash")(t, dir)
		}, "not whole"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			fill(t, dir, 4)
			c.spoil(t, dir)
			j, err := journal.Open(osDisk(t, dir), options())
			var d *journal.Damage
			if !errors.As(err, &d) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("opened: %v", err)
			}
			if err == nil {
				j.Close()
			}
		})
	}
}

func TestHashFilesAreMadeAnew(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 5)
	name := filepath.Join(dir, "journal", "0000000000000008.hash")
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir, options()).Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the hash file differs from the first: %v", err)
	}
}
