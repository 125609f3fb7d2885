// SPDX-License-Identifier: Apache-2.0

package crash_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/check"
	"chancery/config"
	"chancery/internal/lab"
	"chancery/internal/sim"
	"chancery/internal/sim/vfs"
	"chancery/internal/verifyall"
	"chancery/lifecycle"
	"chancery/policy"
	"chancery/signer/journal"
	"chancery/store"
)

// answerWait is when a call counts as hung.
const answerWait = 20 * time.Second

// A ledger is what people outside know: it must hold for ever. Its lists only
// grow, so that a moment's ledger is the beginning of them.
type ledger struct {
	told, signed, checkpoints [][]byte
	revoked                   []ca.Serial
	unwanted                  []ca.Serial // their revocation was asked for
	swapped                   []ca.Serial // a renewal that revokes them was asked for
	// keys are what an idempotency key was answered with.
	keys map[string][]byte
	// made are the generations that a ceremony answered with, the newest answer last.
	made []ca.Authority
	// ring are the keys as they lay then: they are not on the simulated disk. None are as
	// they were founded.
	ring keys
	next int // number of the next request
	at   time.Time
}

// A world is front and signer running on one disk.
type world struct {
	lab.Front
	site      *site
	disk      *sim.Disk
	mount     *vfs.Mounted
	book      *store.Store
	registrar *lifecycle.Registrar
	clock     atomic.Int64 // milliseconds
	raw       bool         // the write-ahead log is not copied before it is used
	dir       string       // of its own keys, which end with it
	stopFront func() error
	stopLog   func() error
	// logging and keeping are closed when the signer's and the book's Run have ended.
	logging, keeping chan struct{}
	// ended has why the signer and the front ended before they were stopped.
	ended chan error

	mu     sync.Mutex
	ledger ledger
	// gate, if set, keeps the front waiting until the signer's disk is quiet, so
	// that two runs make the same calls in the same order.
	gate  bool
	shown chan struct{} // a checkpoint was written
	// moments are the images of the run, if they are kept.
	keep    bool
	moments []moment
	papers  bool // the call before made a checkpoint's name last
	fails   int  // the call that does not
	reports []error
}

// A moment is a disk just before a call, and what people knew by then.
type moment struct {
	sim.Moment
	ledger ledger
}

// A start is how signer and front are started.
type start struct {
	keep bool // all moments
	gate bool
	raw  bool
	// fails is the number of a call that the disk refuses: no checkpoint is shown by it.
	fails int
	// ceremony, if set, is held before the front is there.
	ceremony func(*world) error
}

// open starts signer and front on a disk. The error is of either; what was
// started is stopped then.
func (s *site) open(disk *sim.Disk, l ledger, how start) (*world, error) {
	w := &world{
		site: s, disk: disk, ledger: l, keep: how.keep, gate: how.gate, raw: how.raw, fails: how.fails,
		shown: make(chan struct{}, 1), ended: make(chan error, 3),
	}
	var err error
	if w.ledger.ring == nil {
		w.ledger.ring = s.keys
	}
	if w.dir, err = w.ledger.ring.placed(s.dir); err != nil {
		return nil, err
	}
	w.clock.Store(l.at.UnixMilli())
	if how.keep || how.gate {
		disk.Watch(w.see)
	}
	if err := s.shown(disk, l); err != nil {
		return nil, errors.Join(err, os.RemoveAll(w.dir))
	}
	if w.mount, err = vfs.Mount(disk); err != nil {
		return nil, errors.Join(err, os.RemoveAll(w.dir))
	}
	if err := w.openSigner(); err != nil {
		return nil, errors.Join(fmt.Errorf("open the signer: %w", err), w.die())
	}
	if how.ceremony != nil {
		if err := how.ceremony(w); err != nil {
			return nil, errors.Join(fmt.Errorf("hold the ceremony: %w", err), w.die())
		}
	}
	if err := w.openFront(); err != nil {
		return nil, errors.Join(fmt.Errorf("open the front: %w", err), w.die())
	}
	return w, nil
}

// shown tells whether the checkpoint that was shown last is on the disk, or a newer
// one (AU-03).
func (s *site) shown(disk *sim.Disk, l ledger) error {
	if len(l.checkpoints) == 0 {
		return nil
	}
	var sizes [2]int64
	has, err := read(disk, "state/checkpoint")
	if err != nil {
		return fmt.Errorf("a checkpoint was shown, and there is none: %w", err)
	}
	for i, signed := range [][]byte{l.checkpoints[len(l.checkpoints)-1], has} {
		c, err := audit.ParseCheckpoint(signed, s.log, s.logKey)
		if err != nil {
			return err
		}
		sizes[i] = c.Size
	}
	if sizes[0] > sizes[1] {
		return fmt.Errorf("a checkpoint of %d leaves was shown, and the one on the disk has %d", sizes[0], sizes[1])
	}
	return nil
}

func (w *world) now() time.Time { return time.UnixMilli(w.clock.Load()).UTC() }

func (w *world) openSigner() error {
	k := w.site.signer(w.disk, w.dir, w.now)
	if err := k.Open(); err != nil {
		return err
	}
	w.Signer = k
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	w.logging = make(chan struct{})
	go func() {
		defer close(w.logging)
		err := k.Run(ctx)
		if ctx.Err() == nil {
			w.ended <- fmt.Errorf("the signer ended: %w", err)
		}
		ended <- err
	}()
	w.stopLog = sync.OnceValue(func() error {
		cancel()
		return errors.Join(<-ended, k.Close())
	})
	return nil
}

func (w *world) openFront() error {
	ctx := context.Background()
	var err error
	o := w.site.options(w.mount, w.site.log.String(), w.now)
	if w.raw {
		o.Place.Disk = careless{w.mount}
	}
	if w.book, err = store.Open(ctx, o); err != nil {
		return err
	}
	id, err := w.book.DatabaseID(ctx)
	if err != nil {
		return err
	}
	w.registrar, err = lifecycle.New(lifecycle.Options{
		Book: gated{w.book, w}, Shelf: w.book, Records: w.book, Issuer: w, Log: w, Leaf: w.Leaf, Condemned: w.book.Condemned, Now: w.now, Bundle: lab.Bundle, CSR: lab.Request, Profile: config.Profile, Proof: func([]byte) error { return nil },
		Account: hana.UID, Version: "test", Database: w.book.Engine(), DatabaseID: id,
		Vouched: lifecycle.NewVouched(w.book), Constraints: check.Constraints,
		Report: func(err error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.reports = append(w.reports, err)
		},
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 2)
	w.keeping = make(chan struct{})
	for _, run := range []func(context.Context) error{w.registrar.Run, func(ctx context.Context) error {
		defer close(w.keeping)
		return w.book.Run(ctx)
	}} {
		go func() {
			err := run(ctx)
			if ctx.Err() == nil {
				w.ended <- fmt.Errorf("the front ended: %w", err)
			}
			ended <- err
		}()
	}
	w.stopFront = sync.OnceValue(func() error {
		cancel()
		var failed error
		for range 2 {
			if err := <-ended; !errors.Is(err, context.Canceled) {
				failed = errors.Join(failed, err)
			}
		}
		return failed
	})
	return nil
}

// A gated book has nobody go on while it takes its write-ahead log into the
// database, if the world is gated: in all others that happens beside everything else.
type gated struct {
	*store.Store
	world *world
}

func (g gated) Commit(ctx context.Context, changes []ca.Change, next int64) ([]ca.RequestID, error) {
	lost, err := g.Store.Commit(ctx, changes, next)
	if err != nil || !g.world.gate {
		return lost, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-g.world.keeping: // it has failed
			cancel()
		case <-ctx.Done():
		}
	}()
	_ = g.Kept(ctx)
	return lost, err
}

// careless is the disk of a build that does not copy the write-ahead log.
type careless struct{ *vfs.Mounted }

func (careless) Open(string) (io.ReadCloser, error) { return nil, fs.ErrNotExist }

// see notes a moment. It is called with the disk held.
func (w *world) see(m sim.Moment) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.papers {
		// The checkpoint is shown once its name is on stable storage.
		if paper, err := read(m.Disk, "state/checkpoint"); err == nil && !w.knows(paper) {
			w.ledger.checkpoints = append(w.ledger.checkpoints, paper)
		}
	}
	if err := w.noteKeys(); err != nil {
		w.reports = append(w.reports, err)
	}
	w.papers = m.Call.Op == sim.SyncDir && m.Call.Name == "state/" && m.Call.N != w.fails
	if w.keep {
		w.moments = append(w.moments, moment{m, w.snapshot()})
	}
	if w.papers {
		select {
		case w.shown <- struct{}{}:
		default:
		}
	}
}

// knows tells whether a checkpoint was the last one seen. The caller holds mu.
func (w *world) knows(paper []byte) bool {
	n := len(w.ledger.checkpoints)
	return n > 0 && bytes.Equal(w.ledger.checkpoints[n-1], paper)
}

// snapshot is the ledger by now. The caller holds mu.
func (w *world) snapshot() ledger {
	l := w.ledger
	l.told, l.signed, l.checkpoints = l.told[:len(l.told):len(l.told)], l.signed[:len(l.signed):len(l.signed)], l.checkpoints[:len(l.checkpoints):len(l.checkpoints)]
	l.revoked, l.made = l.revoked[:len(l.revoked):len(l.revoked)], l.made[:len(l.made):len(l.made)]
	l.at = w.now()
	return l
}

// step moves the clock on, and forgets checkpoints shown before.
func (w *world) step() {
	w.clock.Add(1500)
	select {
	case <-w.shown:
	default:
	}
}

// quiet waits until the signer has shown a checkpoint over what it wrote.
func (w *world) quiet(err error) {
	if !w.gate || err != nil {
		return
	}
	select {
	case <-w.shown:
	case <-w.logging: // it has failed, and shows nothing any more
	case <-time.After(answerWait): // nothing was written
	}
	w.disk.Calls() // the call that showed it has returned
}

// Revoke implements lifecycle.Log.
func (w *world) Revoke(ctx context.Context, steps []ca.Revoking) ([]ca.RevokeAnswer, error) {
	w.step()
	answers, err := w.Front.Revoke(ctx, steps)
	w.quiet(err)
	return answers, err
}

// Append implements lifecycle.Log.
func (w *world) Append(ctx context.Context, e ca.EventBody) (ca.Placed, error) {
	w.step()
	p, err := w.Front.Append(ctx, e)
	w.quiet(err)
	return p, err
}

// Sign implements lifecycle.Issuer.
func (w *world) Sign(ctx context.Context, drafts []policy.Cleared) ([]ca.Answer, error) {
	if len(drafts) > 0 {
		w.step()
	}
	answers, err := w.Front.Sign(ctx, drafts)
	w.mu.Lock()
	for _, a := range answers {
		if a.DER != nil {
			w.ledger.signed = append(w.ledger.signed, a.DER)
		}
	}
	w.mu.Unlock()
	if len(drafts) > 0 {
		w.quiet(err)
	}
	return answers, err
}

// settled waits until log and book agree, and gives why they do not.
func (w *world) settled() error {
	ctx, cancel := context.WithTimeout(context.Background(), answerWait)
	defer cancel()
	_, err := w.registrar.Profiles(ctx, hana)
	return err
}

// ask is a client: it asks for a certificate, under an idempotency key if it has
// one, and writes down what it was given.
func (w *world) ask(n int, key string) error {
	w.mu.Lock()
	w.ledger.next++
	id := ca.RequestID(fmt.Sprintf("01939a3e-0000-7000-8000-%012d", w.ledger.next))
	w.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), answerWait)
	defer cancel()
	c := w.site.wishes[n]
	issued, err := w.registrar.Submit(ctx, ca.Request{
		ID: id, Door: ca.DoorCLI, Key: key, From: hana, Profile: "server", CSR: c.Raw, At: w.now(),
	}, c.CSR)
	if w.gaveUp(key, err) {
		return nil
	}
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	der := issued.Certificate.DER
	before := w.ledger.keys[key]
	if before != nil && !bytes.Equal(before, der) {
		return fmt.Errorf("the key %s led to one certificate, and now to another", key)
	}
	if err := w.ledger.signedBy(issued.Certificate.Authority); before == nil && err != nil {
		return err
	}
	if key != "" { // a new map, as moments share the old one
		keys := map[string][]byte{key: der}
		for k, v := range w.ledger.keys {
			keys[k] = v
		}
		w.ledger.keys = keys
	}
	w.ledger.told = append(w.ledger.told, der)
	return nil
}

// stop ends front and signer as a service is stopped.
func (w *world) stop() error {
	err := errors.Join(w.stopFront(), w.book.Close(), w.stopLog())
	w.mount.Unmount()
	return errors.Join(err, os.RemoveAll(w.dir))
}

// die ends them as power does. What they say of it is of no interest.
func (w *world) die() error {
	w.disk.Die()
	if w.stopFront != nil {
		_ = w.stopFront()
	}
	if w.book != nil {
		_ = w.book.Close()
	}
	if w.stopLog != nil {
		_ = w.stopLog()
	}
	w.mount.Unmount()
	return os.RemoveAll(w.dir)
}

// verify is verify-all of what lies on the disk now.
func (w *world) verify(settled bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), answerWait)
	defer cancel()
	w.mu.Lock()
	l := w.snapshot()
	w.mu.Unlock()
	paper, err := read(w.disk, "state/checkpoint")
	if err != nil {
		return fmt.Errorf("read the checkpoint: %w", err)
	}
	looking, err := store.OpenAudit(ctx, w.site.options(w.mount, w.site.log.String(), w.now))
	if err != nil {
		return err
	}
	rows, err := looking.Book(ctx, 1)
	if err != nil {
		return errors.Join(err, looking.Close())
	}
	names, err := w.disk.Names("journal")
	if err != nil {
		return errors.Join(err, looking.Close())
	}
	_, err = verifyall.Check(verifyall.Evidence{
		Log: audit.Verification{
			// A log whose tree has the root of the last checkpoint has those before it as
			// well: they were held against the same tree when the load ended.
			Key: w.site.logKey, Newest: paper, Kept: l.checkpoints[max(0, len(l.checkpoints)-1):], SegmentLeaves: segmentLeaves,
			Segments: verifyall.Segments(names, func(name string) (io.ReadCloser, error) {
				b, err := read(w.disk, "journal/"+name)
				return io.NopCloser(bytes.NewReader(b)), err
			}),
		},
		Book: rows, Settled: settled, Told: l.told, Signed: l.signed,
	})
	return errors.Join(err, looking.Close(), w.answers(ctx, l), w.whole(ctx, l))
}

// answers asks what people ask of a running service.
func (w *world) answers(ctx context.Context, l ledger) error {
	s, err := w.registrar.Status(ctx, hana)
	if err != nil {
		return fmt.Errorf("status: %w", err)
	}
	if s.Problem != nil {
		return fmt.Errorf("nothing is issued: %w", s.Problem)
	}
	page, err := w.registrar.List(ctx, hana, ca.Filter{Limit: ca.MaxPage})
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	if len(page) < len(l.keys) {
		return fmt.Errorf("%d certificates are listed, and clients have %d", len(page), len(l.keys))
	}
	all, err := w.registrar.Authorities(ctx, hana)
	if err != nil {
		return fmt.Errorf("authorities: %w", err)
	}
	for _, made := range l.made {
		if !slices.ContainsFunc(all, func(a ca.Authority) bool {
			return a.Name == made.Name && a.Key == made.Key && a.Version >= made.Version
		}) {
			return fmt.Errorf("version %d of %s was answered, and the book does not have it", made.Version, made.Name)
		}
	}
	for _, serial := range l.revoked {
		if !slices.ContainsFunc(page, func(c ca.Certificate) bool { return c.Serial == serial && c.Revoked != nil }) {
			return fmt.Errorf("the revocation of %s was answered, and the book does not have it", serial)
		}
	}
	return nil
}

// read gives a whole file.
func read(disk *sim.Disk, name string) ([]byte, error) {
	f, err := disk.OpenFile(name, journal.Read)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	n, err := f.ReadAt(b, 0)
	if n == len(b) {
		err = nil
	}
	return b, err
}
