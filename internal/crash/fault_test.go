// SPDX-License-Identifier: Apache-2.0

package crash_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"chancery/ca"
	"chancery/internal/sim"
)

// A fault is one call that fails, and what came of it.
type fault struct {
	n       int
	outcome sim.Outcome
	call    sim.Call // zero if the load made no such call
	phase   string   // start, run or stop
	taking  bool     // of what is taken from the write-ahead log into the database
	ended   error    // why signer or front ended
}

// short is a load small enough to be run once for each of its calls.
func (w *world) short() error {
	err := errors.Join(w.ask(0, ""), w.ask(9, "order-1"), w.ask(2, ""), w.revoke("order-1"))
	if list := w.listed(w.snapshot().revoked); errors.Is(list, errUnlisted) {
		err = errors.Join(err, list)
	}
	return errors.Join(err, w.ask(3, ""))
}

// suffer runs the short load on a disk of which one call fails, and gives what
// the disk is like when the processes have ended.
func (s *site) suffer(f *fault) (*sim.Disk, ledger, error) {
	var phase atomic.Value
	phase.Store("start")
	disk := s.disk.Kill(func(c sim.Call) sim.Outcome {
		if c.N != f.n {
			return sim.Done
		}
		f.call, f.phase = c, phase.Load().(string)
		f.taking = strings.Contains(siteOf(c), "walCheckpoint")
		return f.outcome
	})
	l := ledger{at: s.began}
	w, err := s.open(disk, l, start{gate: true, fails: f.n, ceremony: (*world).activates})
	if err != nil {
		if errors.Is(err, syscall.EIO) || errors.Is(err, syscall.ENOSPC) {
			err = nil // whoever starts a service is told as it is
		}
		return disk.Kill(nil), l, plain(err)
	}
	phase.Store("run")
	worked := make(chan error, 1)
	go func() { worked <- w.short() }()
	select {
	case err = <-worked:
		disk.Calls() // the call that failed has returned, so f is told of it
		patience := time.Duration(0)
		if f.mustEnd() {
			patience = answerWait // it does so now, though the client may have been served
		} else if err != nil {
			patience = time.Second
		}
		select {
		case f.ended = <-w.ended:
		case <-time.After(patience):
		}
	case f.ended = <-w.ended:
		_ = w.stopFront() // its clients are answered
		select {
		case err = <-worked:
		case <-time.After(answerWait):
			return nil, l, errors.New("a client waits for ever")
		}
	}
	phase.Store("stop")
	image := disk.Kill(nil)
	if f.call.N == 0 {
		_ = w.stop() // the call is perhaps one of the stop
		image = disk.Kill(nil)
	}
	w.mu.Lock()
	l = w.snapshot()
	w.mu.Unlock()
	_ = w.die()
	return image, l, plain(err)
}

// plain gives what of an error is neither a Problem nor the fault itself.
func plain(err error) error {
	var list interface{ Unwrap() []error }
	if errors.As(err, &list) {
		var rest []error
		for _, e := range list.Unwrap() {
			rest = append(rest, plain(e))
		}
		return errors.Join(rest...)
	}
	var p *ca.Problem
	if err == nil || errors.As(err, &p) {
		return nil
	}
	return err
}

// mustEnd tells whether a fault is one after which the front or the signer has to
// end: one of a commit, of a checkpoint or of the log.
func (f *fault) mustEnd() bool {
	if f.phase != "run" || f.call.Op != sim.WriteAt && f.call.Op != sim.Sync {
		return false
	}
	return f.taking || strings.HasSuffix(f.call.Name, "-wal") || strings.HasSuffix(f.call.Name, ".seg") || strings.HasSuffix(f.call.Name, "checkpoint.tmp")
}

// suffered runs the load with a fault; then everything is started again on what
// the page cache has, goes on, loses power, and is started once more. last says
// that the load makes fewer calls.
func (s *site) suffered(n int, outcome sim.Outcome, points *atomic.Int64) (last bool, err error) {
	f := &fault{n: n, outcome: outcome}
	image, l, err := s.suffer(f)
	if f.call.N == 0 || err != nil {
		return f.call.N == 0, f.says(err)
	}
	if f.mustEnd() && f.ended == nil {
		return false, f.says(errors.New("neither signer nor front ended"))
	}
	e := exploration{site: s}
	for _, p := range []point{
		{"power cut at once", image.Cut(sim.Choice{}, nil), l},
		{"started again", image.Kill(nil), l},
	} {
		moments, err := e.start(p, true)
		points.Add(1)
		if err != nil {
			return false, f.says(fmt.Errorf("%s: %w", p.name, err))
		}
		m := moments[len(moments)-1]
		_, err = e.start(point{image: m.Disk.Cut(sim.Choice{}, nil), ledger: m.ledger}, false)
		points.Add(1)
		if err != nil {
			return false, f.says(fmt.Errorf("%s, went on, power cut: %w", p.name, err))
		}
	}
	return false, nil
}

func (f *fault) says(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("call %d (%d %s) gives outcome %d during %s; ended: %v: %w", f.n, f.call.Op, f.call.Name, f.outcome, f.phase, f.ended, err)
}

// Each call of log and book to the disk fails once, with an I/O error and for want
// of space: whoever it hits ends or says so, nobody waits for ever, and after a
// restart, and a power cut, nothing that was answered is lost (IS-06).
func TestFT03_EachDiskCallOfLogAndBookFailsOnce(t *testing.T) {
	s := found(t, 1)
	s.secondStands(t)
	for _, outcome := range []sim.Outcome{sim.Fail, sim.Full} {
		var next, points atomic.Int64
		var mu sync.Mutex
		var faults []error
		var wg sync.WaitGroup
		for range runtime.GOMAXPROCS(0) {
			wg.Go(func() {
				for {
					n := int(next.Add(1))
					last, err := s.suffered(n, outcome, &points)
					if last {
						return
					}
					if err != nil {
						mu.Lock()
						faults = append(faults, err)
						mu.Unlock()
					}
				}
			})
		}
		began := time.Now()
		wg.Wait()
		t.Logf("outcome %d: %d calls, %d points in %v", outcome, next.Load(), points.Load(), time.Since(began))
		for i, err := range faults {
			if i == 8 {
				t.Errorf("and %d more", len(faults)-i)
				break
			}
			t.Error(err)
		}
		if next.Load() < 200 {
			t.Errorf("only %d calls: the load ended early", next.Load())
		}
	}
}
