// SPDX-License-Identifier: Apache-2.0

package journal_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"chancery/audit"
	"chancery/internal/sim"
	"chancery/signer/journal"
)

// A ledger is what the journal's callers were told: what it must keep for ever.
type ledger struct {
	mu          sync.Mutex
	leaves      map[int64][]byte
	checkpoints map[string]bool
}

func newLedger() *ledger {
	return &ledger{leaves: map[int64][]byte{}, checkpoints: map[string]bool{}}
}

func (l *ledger) clone() *ledger {
	return &ledger{leaves: maps.Clone(l.leaves), checkpoints: maps.Clone(l.checkpoints)}
}

// told notes leaves that were answered, and the checkpoint shown now.
func (l *ledger) told(j *journal.Journal, placed []journal.Placed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range placed {
		l.leaves[p.Index] = p.Bytes
	}
	l.checkpoints[string(j.Checkpoint())] = true
}

func (l *ledger) next() int64 {
	next := int64(0)
	for i := range l.leaves {
		next = max(next, i+1)
	}
	return next
}

// work is the fixed workload: two runs with clean stops, several segments, groups
// of one and of many, waiting and not. It ends at the first error.
func work(disk journal.FS, l *ledger) error {
	for run := range 2 {
		if err := session(disk, l, run); err != nil {
			return err
		}
	}
	return nil
}

func session(disk journal.FS, l *ledger, number int) (err error) {
	j, err := journal.Open(disk, options())
	if err != nil {
		return err
	}
	l.told(j, nil)
	stop := run(j)
	defer func() { err = errors.Join(err, stop()) }()
	for i, n := range []int{1, 3, 5, 1, 7, 2, 1} {
		text := fmt.Sprintf("run %d step %d ", number, i)
		if i%3 == 1 {
			if err := j.Later(entries(2, text+"later"), func(p []journal.Placed) { l.told(j, p) }); err != nil {
				return err
			}
		}
		placed, err := j.Append(entries(n, text+strings.Repeat("x", 40*n)))
		if err != nil {
			return err
		}
		l.told(j, placed)
	}
	return j.Sync()
}

// verify opens the log and holds it against the ledger.
func (l *ledger) verify(disk journal.FS) error {
	o := options()
	o.MinSize = l.next()
	j, err := journal.Open(disk, o)
	if err != nil {
		return fmt.Errorf("%d leaves were answered, and the log is refused: %w", l.next(), err)
	}
	stop := run(j)
	return errors.Join(l.holds(j), stop())
}

// verifyTwice is verify, and again after the power was cut at its end: what was
// appended after a crash is as safe as what was before.
func (l *ledger) verifyTwice(disk *sim.Disk, plan sim.Plan) error {
	o := options()
	o.MinSize = l.next()
	j, err := journal.Open(disk, o)
	if err != nil {
		return fmt.Errorf("%d leaves were answered, and the log is refused: %w", l.next(), err)
	}
	stop := run(j)
	err = l.holds(j)
	cut := disk.Cut(sim.Choice{}, plan)
	if err := errors.Join(err, stop()); err != nil {
		return err
	}
	if err := l.verify(cut); err != nil {
		return fmt.Errorf("recovered, appended, power cut: %w", err)
	}
	return nil
}

// holds checks every promise, and that the log can grow.
func (l *ledger) holds(j *journal.Journal) error {
	placed, err := j.Append(entries(3, "after the crash"))
	if err != nil {
		return fmt.Errorf("append after recovery: %w", err)
	}
	l.told(j, placed)
	var tree audit.Range
	roots := []audit.Hash{tree.Root()}
	err = j.Scan(0, func(r journal.Record) error {
		if want, ok := l.leaves[r.Index]; ok && !bytes.Equal(want, r.Bytes) {
			return fmt.Errorf("leaf %d was answered as %s and is %s", r.Index, want, r.Bytes)
		}
		if audit.BodyDigest(r.Salt, r.Body) != r.Leaf.Body {
			return fmt.Errorf("leaf %d has another body", r.Index)
		}
		tree.Add(audit.LeafHash(r.Bytes))
		roots = append(roots, tree.Root())
		return nil
	})
	if err != nil {
		return err
	}
	if l.next() > tree.Size() {
		return fmt.Errorf("leaf %d was answered, the log has %d", l.next()-1, tree.Size())
	}
	for signed := range l.checkpoints {
		c, err := audit.ParseCheckpoint([]byte(signed), logID, logKey().Public().(ed25519.PublicKey))
		if err != nil {
			return err
		}
		if c.Size > tree.Size() || roots[c.Size] != c.Root {
			return fmt.Errorf("the checkpoint of %d leaves is no prefix of the log of %d", c.Size, tree.Size())
		}
		if _, err := j.Consistency(c.Size, tree.Size()); err != nil {
			return err
		}
	}
	return nil
}

// dieAt lets the process die at the n-th call that changes the disk.
func dieAt(n int, how sim.Outcome, rest sim.Plan) sim.Plan {
	return func(c sim.Call) sim.Outcome {
		if c.N == n {
			return how
		}
		if rest != nil {
			return rest(c)
		}
		return sim.Done
	}
}

// seeds is how many random power cuts are tried at each moment: by night a million
// crashes in all.
func seeds() int {
	if os.Getenv("CHANCERY_SOAK") == "1" {
		return 1024
	}
	return 4
}

// choices are the power cuts tried at each moment: nothing of the unsynced kept,
// all of it, and random parts.
func choices(n int) []sim.Choice {
	all := []sim.Choice{{}, {Keep: 256}}
	for i := range seeds() {
		all = append(all, sim.Choice{Keep: []uint64{128, 200, 40, 230}[i%4], Stale: i%3 == 1, Seed: uint64(n) + uint64(i)*1e6})
	}
	return all
}

// aftermath tries all ends of one moment: power cuts, and a death of the process
// alone, whose recovery works on what may be only in the page cache.
func aftermath(dead *sim.Disk, l *ledger, n int, plan sim.Plan) (points int, err error) {
	images := map[string]func(sim.Plan) *sim.Disk{"process died": dead.Kill}
	for _, c := range choices(n) {
		images[fmt.Sprintf("power cut %+v", c)] = func(p sim.Plan) *sim.Disk { return dead.Cut(c, p) }
	}
	for name, image := range images {
		points += 2
		if err := l.clone().verifyTwice(image(plan), plan); err != nil {
			return points, fmt.Errorf("%s: %w", name, err)
		}
	}
	// Opened after the death of the process and read by others, then the power cut.
	points++
	later := l.clone()
	disk := dead.Kill(plan)
	if err := later.recovered(disk); err != nil {
		return points, fmt.Errorf("process died: %w", err)
	}
	if err := later.verify(disk.Cut(sim.Choice{}, plan)); err != nil {
		return points, fmt.Errorf("process died, recovered, power cut: %w", err)
	}
	for i := range max(1, seeds()/8) {
		c := sim.Choice{Keep: 128, Stale: i%2 == 1, Seed: uint64(n) + uint64(i)*1e6}
		for _, image := range []func(sim.Plan) *sim.Disk{dead.Kill, func(p sim.Plan) *sim.Disk { return dead.Cut(c, p) }} {
			more, err := dieAgain(image, l, c.Seed, plan)
			points += more
			if err != nil {
				return points, fmt.Errorf("after %+v: %w", c, err)
			}
		}
	}
	return points, nil
}

// dieAgain lets recovery die at each of its calls, and then the process alone end,
// or the power be cut.
func dieAgain(image func(sim.Plan) *sim.Disk, l *ledger, seed uint64, plan sim.Plan) (points int, err error) {
	for m := 1; ; m++ {
		disk := image(dieAt(m, sim.Die, plan))
		again := l.clone()
		if err := again.recovered(disk); err == nil || !disk.Dead() {
			return points, nil // recovery needs fewer calls
		}
		points += 2
		if err := again.clone().verify(disk.Cut(sim.Choice{Keep: 128, Seed: seed + uint64(m)}, plan)); err != nil {
			return points, fmt.Errorf("death at call %d of recovery, power cut: %w", m, err)
		}
		if err := again.verify(disk.Kill(plan)); err != nil {
			return points, fmt.Errorf("death at call %d of recovery: %w", m, err)
		}
	}
}

// recovered opens the log, notes all that it shows, and leaves it as it is.
func (l *ledger) recovered(disk *sim.Disk) error {
	o := options()
	o.MinSize = l.next()
	j, err := journal.Open(disk, o)
	if err != nil {
		return err
	}
	l.told(j, nil)
	return j.Scan(0, func(r journal.Record) error {
		l.leaves[r.Index] = bytes.Clone(r.Bytes)
		return nil
	})
}

// crashEverywhere runs the workload once for each call that changes the disk,
// twice for each write, and once to its end. The error names a moment at which a
// promise was broken.
func crashEverywhere(plan sim.Plan) (points int, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := 0
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			mu.Lock()
			defer mu.Unlock()
			for err == nil {
				next++
				n := next
				mu.Unlock()
				more, last, failed := crashAt(n, plan)
				mu.Lock()
				points += more
				if failed != nil && err == nil {
					err = fmt.Errorf("crash at call %d: %w", n, failed)
				}
				if last {
					return
				}
			}
		})
	}
	wg.Wait()
	return points, err
}

// crashAt lets the process die at the n-th call; last says that there is none.
func crashAt(n int, plan sim.Plan) (points int, last bool, err error) {
	for _, how := range []sim.Outcome{sim.Die, sim.Torn} {
		var at sim.Op
		die := dieAt(n, how, plan)
		disk := sim.New(func(c sim.Call) sim.Outcome {
			if c.N == n {
				at = c.Op
			}
			return die(c)
		})
		l := newLedger()
		if err := work(disk, l); err != nil && !disk.Dead() {
			return points, false, fmt.Errorf("the workload: %w", err)
		}
		more, err := aftermath(disk, l, n, plan)
		points += more
		if err != nil || !disk.Dead() || at != sim.WriteAt {
			return points, !disk.Dead(), err
		}
	}
	return points, false, nil
}

// At every call to the disk the process dies or the power is cut, and once more at
// every call of the recovery that follows: no checkpoint is forked, no leaf that was
// durable is lost, and the log can be appended to (IS-05, IS-06).
func TestFT01_ACrashAtEveryDiskCallLosesNothingPromised(t *testing.T) {
	points, err := crashEverywhere(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d crashes", points)
	if least := max(8000, 1000*seeds()); points < least {
		t.Errorf("only %d crashes, want %d: the workload ended early", points, least)
	}
}

// A test of crashes that no missing sync can fail tests nothing.
func TestFT01_CrashesFindEachMissingSync(t *testing.T) {
	lie := func(op sim.Op, suffix string) sim.Plan {
		return func(c sim.Call) sim.Outcome {
			if c.Op == op && strings.HasSuffix(c.Name, suffix) {
				return sim.Lie
			}
			return sim.Done
		}
	}
	for name, plan := range map[string]sim.Plan{
		"of groups":                  lie(sim.Sync, ".seg"),
		"of the segment's new copy":  lie(sim.Sync, ".seg.tmp"),
		"of the checkpoint":          lie(sim.Sync, "checkpoint.tmp"),
		"of hash files":              lie(sim.Sync, ".hash.tmp"),
		"of the names of segments":   lie(sim.SyncDir, "journal/"),
		"of the names of the states": lie(sim.SyncDir, "state/"),
	} {
		t.Run(name, func(t *testing.T) {
			if points, err := crashEverywhere(plan); err == nil {
				t.Errorf("%d crashes, and no promise broken", points)
			} else {
				t.Log(err)
			}
		})
	}
}

// A failed call ends the run; the pages of a failed sync are lost though they can
// still be read (IS-06). FT-03's part of the journal.
func TestIS06_AFailedCallIsFinal(t *testing.T) {
	for _, outcome := range []sim.Outcome{sim.Fail, sim.Full} {
		for n := 1; ; n++ {
			disk := sim.New(func(c sim.Call) sim.Outcome {
				if c.N == n {
					return outcome
				}
				return sim.Done
			})
			l := newLedger()
			failed := work(disk, l)
			if disk.Calls() < n {
				break
			}
			// The next process sees the lost pages; then the power is cut.
			next := disk.Kill(nil)
			err := l.recovered(next)
			if err == nil {
				err = l.verify(next.Cut(sim.Choice{}, nil))
			}
			if err != nil {
				t.Fatalf("outcome %d at call %d: %v", outcome, n, err)
			}
			if failed != nil && !errors.Is(failed, syscall.EIO) && !errors.Is(failed, syscall.ENOSPC) {
				t.Fatalf("outcome %d at call %d hides its cause: %v", outcome, n, failed)
			}
		}
	}
}
