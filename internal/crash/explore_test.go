// SPDX-License-Identifier: Apache-2.0

package crash_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"

	"chancery/internal/sim"
)

// A point is one end of one moment: what the next process finds.
type point struct {
	name   string
	image  *sim.Disk
	ledger ledger
}

// An exploration tries ends of moments: front and signer are started on what is
// left, settle, and all is verified. Of some of these starts every moment is kept
// too, so that death inside recovery, and after it, is tried in the same way.
type exploration struct {
	site *site
	seed uint64
	// ends is how many ends are tried of each moment of the load, again how many of
	// the moments of each start after that.
	ends, again int
	// plan is the disk's in every start: nil, or one that lies.
	plan sim.Plan
	// raw leaves out the copy of the write-ahead log before it is used.
	raw bool
	// share is the part of the moments to try; the zero value is all.
	share share

	points atomic.Int64
	mu     sync.Mutex
	failed *failure
}

// A failure is the first point at which a promise did not hold.
type failure struct {
	moment int
	point  point
	err    error
}

// run explores moments on all cores, until one fails.
func (e *exploration) run(moments []moment) {
	// Neighbours in time are much alike, so the order is drawn.
	order := rand.New(rand.NewPCG(e.seed, 0)).Perm(len(moments))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				i := e.share.pick(int(next.Add(1)) - 1)
				if i >= len(moments) || !e.moment(order[i], moments[order[i]]) {
					return
				}
			}
		})
	}
	wg.Wait()
}

// moment tries the ends of one moment of the load; what is drawn depends on seed
// and number alone.
func (e *exploration) moment(n int, m moment) bool {
	coins := rand.New(rand.NewPCG(e.seed, uint64(n)))
	for end := range e.ends {
		if !e.try(n, 1, drawn(m, end, coins), coins) {
			return false
		}
	}
	return true
}

// drawn gives an end of a moment: the first four are the same of every one.
func drawn(m moment, end int, coins *rand.Rand) point {
	p := point{ledger: m.ledger}
	from, name := m.Disk, fmt.Sprintf("before call %d (%d %s)", m.Call.N, m.Call.Op, m.Call.Name)
	if torn, ok := m.Torn(); ok && (end == 3 || end > 3 && coins.Uint64N(4) == 0) {
		from, name = torn, "half-way in"+name[len("before"):]
	}
	if lost, ok := m.Lost(); ok && (end == 3 || end > 3 && coins.Uint64N(4) == 0) {
		from, name = lost, "after a failure of"+name[len("before"):]
	}
	c := sim.Choice{Keep: []uint64{128, 230, 40, 250, 200, 10}[coins.IntN(6)], Stale: coins.Uint64N(2) == 0, Seed: coins.Uint64()}
	switch {
	case end == 0 || end == 3 || end > 3 && coins.Uint64N(4) == 0:
		p.name, p.image = name+" killed", from.Kill(nil)
		return p
	case end == 1:
		c = sim.Choice{}
	}
	p.name, p.image = fmt.Sprintf("%s power cut %+v", name, c), from.Cut(c, nil)
	return p
}

// try starts on what a point left, and verifies; depth counts the ends so far.
func (e *exploration) try(n, depth int, p point, coins *rand.Rand) bool {
	e.mu.Lock()
	over := e.failed != nil
	e.mu.Unlock()
	if over {
		return false
	}
	deeper := depth == 1 || depth == 2 && coins.Uint64N(8) == 0
	moments, err := e.start(p, deeper)
	e.points.Add(1)
	if err != nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.failed == nil {
			e.failed = &failure{n, p, err}
		}
		return false
	}
	for end := range e.again {
		if !deeper {
			break
		}
		// The last moment is always among them: it has most to lose.
		m := moments[len(moments)-1]
		if end > 0 {
			m = moments[coins.IntN(len(moments))]
		}
		next := drawn(m, []int{1, 0, 4, 4}[min(end, 3)], coins)
		next.name = p.name + ", " + next.name
		if !e.try(n, depth+1, next, coins) {
			return false
		}
	}
	return true
}

// start starts front and signer on an image and verifies. If its moments are
// wanted, it goes on to issue, and verifies again.
func (e *exploration) start(p point, deeper bool) ([]moment, error) {
	image := p.image.Kill(e.plan)
	w, err := e.site.open(image, p.ledger, start{keep: deeper, raw: e.raw})
	if err != nil {
		return nil, err
	}
	err = errors.Join(w.settled(), w.verify(true))
	if err == nil && deeper {
		if err = w.goOn(); err == nil {
			err = errors.Join(w.listed(w.snapshot().revoked), w.verify(false))
		}
		w.moments = append(w.moments, moment{sim.Moment{Disk: image.Kill(nil)}, w.snapshot()})
	}
	_ = w.die()
	if err != nil {
		return nil, errors.Join(append([]error{err}, w.reports...)...)
	}
	return w.moments, nil
}

// goOn is what clients do after an interruption: the one that had no answer asks
// again under the same key, and somebody asks for something new.
func (w *world) goOn() error {
	return errors.Join(w.ask(requests-1, "after"), w.ask(9, "order-1"), w.ask(requests-1, "after"))
}
