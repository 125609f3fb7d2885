// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"chancery/audit"
	"chancery/internal/pgtest"
	"chancery/internal/sim"
	"chancery/store"
)

const (
	// cutsNow and cutsAtNight are how many connections are cut (security.md §24).
	cutsNow, cutsAtNight = 200, 20_000
	// cutsOfWorld is how many an installation lives through: its log is read anew
	// after each, so longer ones cost the square.
	cutsOfWorld = 50
	// beside is how many installations are at work at once.
	beside = 4
	// clients is how many ask at once.
	clients = 6
	// patience is how long clients keep asking.
	patience = time.Minute
)

// A cutter loses one statement of a round, and lets go in a moment what it holds.
type cutter struct {
	proxy  *pgtest.Proxy
	random *rand.Rand
	// left counts statements to let pass; those other than COMMIT do not count if
	// commits is set.
	left    int
	fate    pgtest.Fate
	commits bool
	done    bool
	what    string
}

// onCommit are the ways to lose a COMMIT, as often as they stand here, and
// onOthers those to lose any statement of any connection.
var (
	onCommit = []pgtest.Fate{
		pgtest.CutBefore, pgtest.CutWithin, pgtest.CutAfter, pgtest.CutAfter, pgtest.CutReply, pgtest.ResetAfter, pgtest.ResetAfter,
		pgtest.Late, pgtest.Overtaken, pgtest.Overtaken, pgtest.CutBefore, pgtest.CutAfter, pgtest.ResetAfter, pgtest.CutWithin, pgtest.Never,
	}
	onOthers = []pgtest.Fate{pgtest.CutBefore, pgtest.CutWithin, pgtest.CutAfter, pgtest.CutReply, pgtest.ResetAfter}
)

// aim draws what the next round loses.
func (c *cutter) aim() {
	c.done, c.commits = false, c.random.IntN(4) > 0
	c.left, c.fate = c.random.IntN(30), onOthers[c.random.IntN(len(onOthers))]
	if c.commits {
		c.left, c.fate = c.random.IntN(2), onCommit[c.random.IntN(len(onCommit))]
	}
	c.proxy.Decide(c.decide)
}

func (c *cutter) decide(s pgtest.Statement) pgtest.Fate {
	if c.done || c.commits && s.Text != "commit" {
		return pgtest.Pass
	}
	if c.left--; c.left >= 0 {
		return pgtest.Pass
	}
	c.done, c.what = true, fmt.Sprintf("fate %d of %.60q", c.fate, s.Text)
	if c.fate == pgtest.Late || c.fate == pgtest.Overtaken {
		// Before settling looks, between its looks, or when the server has given up.
		time.AfterFunc(time.Duration(c.random.IntN(80))*time.Millisecond, c.proxy.Release)
	}
	return c.fate
}

// FT-07: COMMITs whose outcome is unknown, under load, on a real server, with a
// real signer. After each cut all clients get their certificate, one for each, and
// log, book and what anybody remembers say the same.
func TestFT07_AfterEachCutNothingIsLostNothingIsThereTwiceNothingIsUnknown(t *testing.T) {
	t.Parallel()
	cuts := cutsNow
	if os.Getenv("CHANCERY_SOAK") == "1" {
		cuts = cutsAtNight
	}
	seed := rand.Uint64()
	var group sync.WaitGroup
	worlds := make(chan uint64)
	var mu sync.Mutex
	fates := map[pgtest.Fate]int{}
	certificates, took := 0, time.Duration(0)
	for range beside {
		group.Go(func() {
			for number := range worlds {
				t.Run(fmt.Sprint(number), func(t *testing.T) {
					w := newWorld(t, 60*time.Millisecond, nil)
					began := time.Now()
					counts := w.cut(t, rand.New(rand.NewPCG(seed, number)))
					mu.Lock()
					defer mu.Unlock()
					certificates += len(w.told)
					took += time.Since(began)
					for f, n := range counts {
						fates[f] += n
					}
				})
			}
		})
	}
	for n := range cuts / cutsOfWorld {
		worlds <- uint64(n)
	}
	close(worlds)
	group.Wait()
	t.Logf("seed %d: cuts by fate %v, %d certificates, %v of cutting by each of %d at once", seed, fates, certificates, took/beside, beside)
}

// cut loses one statement after the other.
func (w *world) cut(t *testing.T, random *rand.Rand) (fates map[pgtest.Fate]int) {
	if err := w.load(); err != nil {
		t.Fatal(err)
	}
	c := &cutter{proxy: w.proxy, random: random}
	fates = map[pgtest.Fate]int{}
	for cut := 0; cut < cutsOfWorld; {
		c.aim()
		if err := w.load(); err != nil {
			t.Fatalf("after %d cuts, %s: %v; the front said: %v", cut, c.what, err, w.reports())
		}
		w.proxy.Decide(nil)
		result, err := w.verify()
		if err != nil {
			t.Fatalf("after %d cuts, %s: %v", cut, c.what, err)
		}
		w.checkCounts(t, result)
		store.CheckWrites(t, w.proxy.Record())
		w.proxy.Forget()
		if t.Failed() {
			t.Fatalf("after %d cuts, %s", cut, c.what)
		}
		if c.done {
			cut++
			fates[c.fate]++
		}
	}
	return fates
}

// load has some clients ask at once, and waits until each has its certificate.
func (w *world) load() error {
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	errs := make(chan error, clients)
	for range clients {
		go func() {
			errs <- w.certify(ctx)
		}()
	}
	for range clients {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

// checkCounts compares numbers: each client's key led to one certificate, however
// often it asked.
func (w *world) checkCounts(t *testing.T, a audit.Agreement) {
	t.Helper()
	const authorities = 2
	different := map[string]bool{}
	for _, der := range w.told {
		different[string(der)] = true
	}
	if n := len(w.told); len(different) != n || a.Certificates != int64(n)+authorities || w.requests != n {
		t.Errorf("%d requests led to %d answers, %d different certificates and %d rows", w.requests, n, len(different), a.Certificates-authorities)
	}
}

// An outage is a power cut while the database has a COMMIT.
type outage struct {
	fate    pgtest.Fate
	arrives bool // the COMMIT that was overtaken, when settling waits for it
	final   bool // is on the disk
	void    bool
}

// outages is how often a power cut is tried again that found another log than it was to.
const outages = 20

// FT-07: the power of the machine fails, with front and signer, while the database
// has the COMMIT; the FINAL reached the disk or did not. Then the front that comes
// back voids the intent only if the COMMIT can no longer come.
func TestFT07_APowerCutWhileTheDatabaseHasTheCommit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]outage{
		"S04, it did not arrive":         {fate: pgtest.CutBefore, void: true},
		"S04, it never will":             {fate: pgtest.Overtaken, void: true},
		"S05, it was done":               {fate: pgtest.CutAfter},
		"S05, it arrives while settling": {fate: pgtest.Overtaken, arrives: true},
		"S07, it did not arrive":         {fate: pgtest.CutBefore, final: true},
		"S07, it never will":             {fate: pgtest.Overtaken, final: true},
		"S08, it was done":               {fate: pgtest.CutAfter, final: true},
		"S08, it arrives while settling": {fate: pgtest.Overtaken, arrives: true, final: true},
	} {
		t.Run(name, func(t *testing.T) {
			for range outages {
				if c.happens(t) || t.Failed() {
					return
				}
			}
			t.Errorf("in %d power cuts the log was never as it was to be", outages)
		})
	}
}

// happens tells whether the log that the power cut left is the one that was meant: a FINAL
// reaches the disk by itself soon, and sooner than the COMMIT on a starved machine.
func (c outage) happens(t *testing.T) bool {
	idle := 60 * time.Millisecond
	if c.arrives {
		idle = patience
	}
	w := newWorld(t, idle, sim.New(nil))
	if err := w.load(); err != nil {
		t.Fatal(err)
	}
	before := len(w.told)
	w.powerCut(c)
	w.startSigner()
	const authorities = 2
	intents, open, err := w.intents()
	if err != nil {
		t.Fatal(err)
	}
	// Without an intent the COMMIT was of the mark alone.
	if intents != before+authorities+1 || (open == 0) != c.final {
		return false
	}
	w.startFront(w.dsn)
	if c.arrives {
		store.WaitForLock(t, w.book)
		w.proxy.Release()
	}
	if err := w.load(); err != nil {
		t.Fatal(err)
	}
	a, err := w.verify()
	if err != nil {
		t.Fatal(err)
	}
	certificates, voids := int64(before+clients+authorities+1), int64(0)
	if c.void {
		certificates, voids = certificates-1, 1
	}
	if a.Certificates != certificates || a.Voids != voids {
		t.Errorf("%d certificates and %d void rows, want %d and %d", a.Certificates, a.Voids, certificates, voids)
	}
	return true
}

// powerCut has one client ask, and the power fail when the database has its COMMIT.
func (w *world) powerCut(c outage) {
	t := w.t
	cut, done, lost := make(chan *sim.Disk, 1), false, w.disk
	w.proxy.Decide(func(s pgtest.Statement) pgtest.Fate {
		if s.Text != "commit" || done {
			return pgtest.Pass
		}
		done = true
		if c.final {
			if err := w.sync(); err != nil {
				t.Error(err)
			}
		}
		left := lost.Cut(sim.Choice{}, nil) // nothing more than what was synced
		lost.Die()
		cut <- left
		return c.fate
	})
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { gone <- w.certify(ctx) }()
	w.disk = <-cut
	cancel()
	if err := <-gone; err == nil {
		t.Error("somebody was told of a certificate after the power was cut")
	}
	_ = w.stopFront()
	_ = w.stopSigner() // which fails, as its disk did
	w.leaves = 0
}

// intents counts those on the log, and those among them that no leaf has closed.
func (w *world) intents() (all, open int, err error) {
	for from := int64(0); ; {
		page, err := w.Signer.Leaves(from)
		if err != nil || len(page) == 0 {
			return all, open, err
		}
		for _, r := range page {
			l, err := audit.ParseLeaf(r.Leaf)
			if err != nil {
				return 0, 0, err
			}
			switch l.Kind {
			case audit.Intent:
				all, open = all+1, open+1
			case audit.Final, audit.Void:
				open--
			}
		}
		from += int64(len(page))
	}
}
