// SPDX-License-Identifier: Apache-2.0

package sim_test

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"chancery/internal/sim"
	"chancery/signer/journal"
)

// A disk that kept too much would prove nothing.
func TestAPowerCutTakesWhatWasNotSynced(t *testing.T) {
	const name = "journal/a"
	steps := []struct {
		name string
		do   func(d *sim.Disk, f journal.File) error
		want string // after a cut that keeps nothing; "-" is no such file
	}{
		{"a new file", func(*sim.Disk, journal.File) error { return nil }, "-"},
		{"its content synced, not its name", func(_ *sim.Disk, f journal.File) error {
			_, err := f.WriteAt([]byte("one"), 0)
			return errors.Join(err, f.Sync())
		}, "-"},
		{"its name synced", func(d *sim.Disk, _ journal.File) error { return d.SyncDir("journal/") }, "one"},
		{"a write", func(_ *sim.Disk, f journal.File) error {
			_, err := f.WriteAt([]byte("two"), 0)
			return err
		}, "one"},
		{"the write synced", func(_ *sim.Disk, f journal.File) error { return f.Sync() }, "two"},
		{"a length", func(_ *sim.Disk, f journal.File) error { return f.Truncate(1) }, "two"},
		{"the length synced", func(_ *sim.Disk, f journal.File) error { return f.Sync() }, "t"},
		{"disk taken and synced", func(_ *sim.Disk, f journal.File) error { return errors.Join(f.Allocate(3), f.Sync()) }, "t\x00\x00"},
		{"a removal", func(d *sim.Disk, _ journal.File) error { return d.Remove(name) }, "t\x00\x00"},
		{"the removal synced", func(d *sim.Disk, _ journal.File) error { return d.SyncDir("journal/") }, "-"},
	}
	d := sim.New(nil)
	f, err := d.OpenFile(name, journal.Create)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		if err := s.do(d, f); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		if got := content(d.Cut(sim.Choice{}, nil), name); got != s.want {
			t.Errorf("after %s and a power cut: %q, want %q", s.name, got, s.want)
		}
		if got, want := content(d.Cut(sim.Choice{Keep: 256}, nil), name), content(d.Kill(nil), name); got != want {
			t.Errorf("after %s, all kept: %q, and with the machine alive %q", s.name, got, want)
		}
	}
}

func content(d *sim.Disk, name string) string {
	f, err := d.OpenFile(name, journal.Read)
	if errors.Is(err, fs.ErrNotExist) {
		return "-"
	}
	if err != nil {
		return err.Error()
	}
	size, err := f.Size()
	if err != nil {
		return err.Error()
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil && size > 0 {
		return err.Error()
	}
	return string(b)
}

func TestAPowerCutTearsWrites(t *testing.T) {
	d := sim.New(nil)
	f, err := d.OpenFile("state/a", journal.Create)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Allocate(1024), f.Sync(), d.SyncDir("state/")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte(strings.Repeat("x", 1024)), 0); err != nil {
		t.Fatal(err)
	}
	torn := content(d.Cut(sim.Choice{Keep: 128, Seed: 1}, nil), "state/a")
	if n := strings.Count(torn, "x"); n == 0 || n == 1024 {
		t.Errorf("%d octets of 1024 were kept", n)
	}
	if again := content(d.Cut(sim.Choice{Keep: 128, Seed: 1}, nil), "state/a"); again != torn {
		t.Error("one seed gave two images")
	}
}

func TestAFailedSyncLosesThePages(t *testing.T) {
	d := sim.New(func(c sim.Call) sim.Outcome {
		if c.Op == sim.Sync && c.N == 4 {
			return sim.Fail
		}
		return sim.Done
	})
	f, err := d.OpenFile("state/a", journal.Create)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	if err := d.SyncDir("state/"); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("the sync gave %v", err)
	}
	if got := content(d.Kill(nil), "state/a"); got != "x" {
		t.Errorf("the page cache has %q", got)
	}
	if got := content(d.Cut(sim.Choice{Keep: 256}, nil), "state/a"); got != "" {
		t.Errorf("the disk has %q", got)
	}
}

func TestTheDeadChangeNothing(t *testing.T) {
	d := sim.New(func(c sim.Call) sim.Outcome {
		if c.N == 2 {
			return sim.Die
		}
		return sim.Done
	})
	f, err := d.OpenFile("state/a", journal.Create)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"a", "b"} {
		if _, err := f.WriteAt([]byte(text), 0); !errors.Is(err, sim.ErrDead) {
			t.Errorf("a write gave %v", err)
		}
	}
	if got := content(d.Kill(nil), "state/a"); got != "a" || d.Calls() != 2 {
		t.Errorf("the page cache has %q after %d calls", got, d.Calls())
	}
}

// A kernel that failed to write a page counts it as clean: a second sync that
// succeeds has not written it.
func TestASyncAfterAFailedOneWritesOnlyWhatIsNew(t *testing.T) {
	var moments []sim.Moment
	d := sim.New(func(c sim.Call) sim.Outcome {
		if c.N == 4 {
			return sim.Fail
		}
		return sim.Done
	})
	d.Watch(func(m sim.Moment) { moments = append(moments, m) })
	f, err := d.OpenFile("state/a", journal.Create)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte("xx"), 0)
	if err := errors.Join(err, d.SyncDir("state/")); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("the sync gave %v", err)
	}
	_, err = f.WriteAt([]byte("y"), 2)
	if err := errors.Join(err, f.Sync()); err != nil {
		t.Fatal(err)
	}
	if got := content(d.Kill(nil), "state/a"); got != "xxy" {
		t.Errorf("the page cache has %q", got)
	}
	if got := content(d.Cut(sim.Choice{}, nil), "state/a"); got != "\x00\x00y" {
		t.Errorf("the disk has %q", got)
	}
	if torn, ok := moments[1].Torn(); !ok || content(torn, "state/a") != "x" {
		t.Error("half of a write is not in the page cache")
	}
	lost, ok := moments[3].Lost()
	if !ok || content(lost, "state/a") != "xx" || content(lost.Cut(sim.Choice{Keep: 256}, nil), "state/a") != "" {
		t.Error("what a failed sync lost is on the disk, or cannot be read")
	}
}
