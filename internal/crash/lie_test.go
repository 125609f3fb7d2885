// SPDX-License-Identifier: Apache-2.0

package crash_test

import (
	"fmt"
	"path"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"chancery/internal/sim"
)

// siteOf names the place in the program that makes a call: the two innermost
// functions of ours or of SQLite's that are not about calling in general.
func siteOf(c sim.Call) string {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	var out []string
	for more := true; more && len(out) < 3; {
		var f runtime.Frame
		f, more = frames.Next()
		name := path.Base(f.Function)
		switch {
		case strings.Contains(f.Function, "internal/sim") || strings.Contains(f.Function, "_sqlite3Os"):
		case strings.Contains(f.Function, "/signer/journal.") || strings.Contains(f.Function, "chancery/signer.") || strings.Contains(f.Function, "chancery/store.") && len(out) == 0:
			out = append(out, fmt.Sprintf("%s:%d", strings.NewReplacer("(*", "", ")", "").Replace(name), f.Line))
		case strings.Contains(f.Function, "modernc.org/sqlite/lib."):
			out = append(out, strings.TrimPrefix(name, "lib._"))
		}
	}
	op := map[sim.Op]string{sim.Sync: "Sync", sim.SyncDir: "SyncDir"}[c.Op]
	suffix := c.Name
	if _, after, ok := strings.Cut(c.Name, "."); ok && strings.HasPrefix(c.Name, "journal/") {
		suffix = "journal/*." + after
	}
	return op + " " + suffix + " by " + strings.Join(out, " < ")
}

func syncs(c sim.Call) bool { return c.Op == sim.Sync || c.Op == sim.SyncDir }

// sites lists the places that sync, in the load and in what follows a crash.
func (s *site) sites(t *testing.T) []string {
	var mu sync.Mutex
	seen := map[string]bool{}
	plan := func(c sim.Call) sim.Outcome {
		if syncs(c) {
			mu.Lock()
			defer mu.Unlock()
			seen[siteOf(c)] = true
		}
		return sim.Done
	}
	moments := s.load(t, plan)
	e := exploration{site: s, seed: 1, ends: 2, again: 1, plan: plan}
	var some []moment
	for i := 0; i < len(moments); i += 5 {
		some = append(some, moments[i])
	}
	e.run(some)
	if e.failed != nil {
		e.failed.report(t, 1)
	}
	var out []string
	for name := range seen {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// superfluous are the places whose sync no crash misses while all others do their
// work (docs/adr/0011-superfluous-syncs.md).
var superfluous = map[string]string{
	"SyncDir db/ by walFrames":              "SQLite's own: the store has synced the folder when it opened the book",
	"SyncDir db/ by store.Store.openSQLite": "SQLite does it at its first commit, but does not say if it failed: see the test of the folder that is never synced",
	"SyncDir db/ by walCheckpoint":          "the same, of the connection that makes checkpoints",
	"Sync db/book.db-wal by walCheckpoint":  "SQLite's own: with synchronous=FULL each commit has synced the log before",
}

// line is a line's number in the name of a place.
var line = regexp.MustCompile(`:\d+`)

func isSuperfluous(name string) bool {
	name = line.ReplaceAllString(name, "")
	for begin := range superfluous {
		if strings.HasPrefix(name, begin) {
			return true
		}
	}
	return false
}

// window is how many calls after a lie it is looked for most closely: the next
// honest sync of the same file often covers it up.
const window = 6

// closely is how many ends are tried right after the lies, at least: a place that
// syncs once in a load has few moments after it.
const closely = 300

// lied explores a disk on which some calls do not sync: first the moments right
// after a lie in the load, then all.
func (s *site) lied(t *testing.T, which func(sim.Call) bool) *exploration {
	t.Helper()
	var mu sync.Mutex
	var lies []int
	plan := func(c sim.Call) sim.Outcome {
		if !syncs(c) || !which(c) {
			return sim.Done
		}
		mu.Lock()
		defer mu.Unlock()
		lies = append(lies, c.N)
		return sim.Lie
	}
	moments := s.load(t, plan)
	after := slices.DeleteFunc(slices.Clone(moments), func(m moment) bool {
		return !slices.ContainsFunc(lies, func(n int) bool { return m.Call.N > n && m.Call.N <= n+window })
	})
	e := &exploration{site: s, seed: 1, ends: max(6, closely/max(1, len(after))), again: 2, plan: plan}
	e.run(after)
	if e.failed == nil {
		e.ends, e.again = 3, 8
		e.run(moments)
	}
	return e
}

// A test of crashes that no missing sync can fail tests nothing: each place that
// syncs is taken away in turn.
func TestFT01_CrashesFindEachMissingSync(t *testing.T) {
	s := found(t, 1)
	all := s.sites(t)
	if len(all) < 18 {
		t.Errorf("only %d places that sync were seen: %q", len(all), all)
	}
	for _, name := range all {
		t.Run(name, func(t *testing.T) {
			if isSuperfluous(name) && rounds() == 1 {
				t.Skip("superfluous; tried at night")
			}
			e := s.lied(t, func(c sim.Call) bool { return siteOf(c) == name })
			switch {
			case e.failed == nil && !isSuperfluous(name):
				t.Errorf("%d points, and nothing was lost", e.points.Load())
			case e.failed != nil && isSuperfluous(name):
				t.Errorf("not superfluous: %s: %v", e.failed.point.name, e.failed.err)
			case e.failed != nil:
				t.Logf("found after %d points: %s: %v", e.points.Load(), e.failed.point.name, e.failed.err)
			}
		})
	}
}

// SQLite's sync of the folder may fail unseen. Then the store's is the one that
// counts.
func TestFT01_CrashesFindAFolderOfTheBookThatIsNeverSynced(t *testing.T) {
	s := found(t, 1)
	e := s.lied(t, func(c sim.Call) bool { return c.Op == sim.SyncDir && c.Name == "db/" })
	if e.failed == nil {
		t.Fatalf("%d points, and nothing was lost", e.points.Load())
	}
	t.Logf("found after %d points: %s: %v", e.points.Load(), e.failed.point.name, e.failed.err)
}

// A commit that was only in the page cache is built on by settling, and gone after
// a power cut, unless the write-ahead log is written anew first.
func TestFT01_CrashesFindTheMissingCopyOfTheWriteAheadLog(t *testing.T) {
	s := found(t, 1)
	e := exploration{site: s, seed: 1, ends: 6, again: 3, raw: true}
	e.run(slices.DeleteFunc(s.load(t, nil), func(m moment) bool {
		return m.Call.Op != sim.Sync || !strings.HasSuffix(m.Call.Name, "-wal")
	}))
	if e.failed == nil {
		t.Fatalf("%d points, and nothing was lost", e.points.Load())
	}
	t.Logf("found after %d points: %s: %v", e.points.Load(), e.failed.point.name, e.failed.err)
}
