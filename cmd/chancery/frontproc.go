// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"

	"chancery/api"
	"chancery/ca"
	checker "chancery/check"
	"chancery/config"
	"chancery/internal/csr"
	"chancery/lifecycle"
	"chancery/listen"
	"chancery/policy"
	"chancery/signer/wire"
	"chancery/status"
	"chancery/store"
)

// runFront is the front process: it listens, and owns the database.
func runFront(ctx context.Context, l layout, fds inherited, log *slog.Logger) (err error) {
	syscall.Umask(0o077)
	ctx, cancel := whileAlive(ctx, fds)
	defer cancel()
	var f front
	err = unheld(ctx, func() (err error) { f, err = openFront(ctx, l, log); return err })
	if err := reportReady(fds, err); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.book.Close()) }()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return unlessCanceled(f.registrar.Run(ctx)) })
	group.Go(func() error { return unlessCanceled(f.book.Run(ctx)) })
	admin, err := fds.listener("admin")
	if err != nil {
		return err
	}
	if admin != nil {
		group.Go(func() error { return serveDoor(ctx, admin, f, log) })
	}
	open, err := f.serveTLS(ctx, group, l, fds, log)
	if err != nil {
		return err
	}
	public, err := fds.listener("http")
	if err != nil {
		return err
	}
	if open || public != nil { // both look certificates up
		group.Go(func() error { return unlessCanceled(f.ocsp.Run(ctx)) })
	}
	if public != nil {
		group.Go(func() error {
			return status.Serve(ctx, public, f.ocsp.Beside(f.health.Beside(f.open)), log, stopWait/2)
		})
		// Lists are kept fresh where somebody can fetch them; a command that is alone
		// publishes when it is told to.
		group.Go(func() error { return unlessCanceled(f.publisher.Run(ctx)) })
		f.outlet.run(ctx, group)
		group.Go(func() error { return unlessCanceled(f.monitor.run(ctx)) })
		group.Go(func() error { return unlessCanceled(f.monitor.room.watch(ctx, log)) })
		if f.feeds {
			group.Go(func() error { return unlessCanceled(f.feeder.Run(ctx)) })
		}
	}
	numbers, err := fds.listener("metrics")
	if err != nil {
		return err
	}
	if numbers != nil {
		group.Go(func() error {
			return status.Serve(ctx, numbers, f.metrics.beside(f.health.Beside(http.NotFoundHandler())), log, stopWait/2)
		})
	}
	// What was planned ends whatever door is open: a service may have none on TCP.
	group.Go(func() error { f.registrar.Displace(ctx, displaceEvery); return nil })
	return group.Wait()
}

// unlessCanceled is the error of what runs until it is told to stop.
func unlessCanceled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// door is the API, whoever proves who asks.
func (f front) door(log *slog.Logger) http.Handler {
	return api.New(api.Options{
		Submitter: f.registrar, Reader: f.registrar, Recorder: f.registrar, Revoker: f.registrar, Publisher: f.registrar, Owner: f.registrar, Officer: f.registrar, Clerk: f.registrar, Keeper: f.registrar, Rehearser: f.registrar, Explainer: f.registrar, Lists: f.publisher, Public: f.public, Log: log, Now: wallClock(),
	})
}

// serveDoor answers on admin.sock until ctx ends, and finishes what is under way.
func serveDoor(ctx context.Context, l net.Listener, f front, log *slog.Logger) error {
	server := api.Server(f.metrics.beside(f.health.Beside(f.door(log))), log)
	done := make(chan error, 1)
	context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWait/2)
		defer cancel()
		done <- server.Shutdown(grace)
	})
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve admin.sock: %w", err)
	}
	return <-done
}

// A front is the parts of the front process.
type front struct {
	book      *store.Store
	registrar *lifecycle.Registrar
	publisher *status.Publisher
	public    http.Handler // what everybody may fetch
	open      http.Handler // the same for who has not signed in, with the limit of lists
	ocsp      *status.OCSP
	vouched   *lifecycle.Vouched
	outlet    outlet
	monitor   *monitor
	metrics   *metrics
	health    *listen.Health
	feeder    *status.Feeder
	feeds     bool // whether it keeps them by itself
}

// keptLists are the lists as the registrar knows them: one keeps them, the other says what
// they would be.
type keptLists struct {
	*status.Publisher
	*bridge
}

// A witnessed book tells of each revocation that it took, or may have taken, before
// anybody else hears of it (security rule RV-07).
type witnessed struct {
	*store.Store
	changed func(issuerKey ca.Digest, serial ca.Serial)
	counts  *metrics
}

// Commit is that of the book.
func (w witnessed) Commit(ctx context.Context, changes []ca.Change, next int64) ([]ca.RequestID, error) {
	lost, err := w.Store.Commit(ctx, changes, next)
	for _, c := range changes {
		if c.Certificate != nil && c.Certificate.Kind == ca.EndEntity && err == nil {
			w.counts.issued.Add(1)
		}
		if c.Revocation != nil {
			w.changed(c.Revocation.IssuerKey, c.Revocation.Serial)
		}
		if c.Revocation != nil && err == nil {
			w.counts.revoked.Add(1)
		}
	}
	return lost, err
}

// openFront opens the book, and makes what works on it.
func openFront(ctx context.Context, l layout, log *slog.Logger) (f front, err error) {
	logID, err := os.ReadFile(l.logID())
	if err != nil && l.founded() { // the settings come last in a founding
		return f, ca.Conflict(ca.E1405, l.logID()+" cannot be read", "chancery doctor --fix").Because(err.Error())
	}
	if err != nil {
		return f, halfway(l).Because(err.Error())
	}
	weak, err := l.weak()
	if err != nil {
		return f, err
	}
	settings, err := l.settings()
	if err != nil {
		return f, err
	}
	f.book, err = openBook(ctx, l, strings.TrimSpace(string(logID)))
	if err != nil {
		return f, err
	}
	database, err := f.book.DatabaseID(ctx)
	if err != nil {
		return f, errors.Join(err, f.book.Close())
	}
	signer := &bridge{client: wire.Dial(dialPath(l.socket("sign"))), boot: rand.Text()}
	f.vouched = lifecycle.NewVouched(f.book)
	published := status.Options{Shelf: f.vouched, Lists: l.lists(), Log: log, Now: wallClock()}
	f.publisher, f.public = status.NewPublisher(published, signer), status.New(published)
	f.outlet = l.outlet(published, log)
	f.feeder = status.NewFeeder(status.FeedOptions{Options: published, Signer: signer, Book: f.book, Random: rand.Reader})
	if f.feeds, err = l.feeds(); err != nil {
		return f, errors.Join(err, f.book.Close())
	}
	f.ocsp = status.NewOCSP(status.OCSPOptions{Shelf: f.vouched, Index: f.book, Responder: signer, Log: log, Now: wallClock(), Age: settings.OCSP.Age(), Room: settings.OCSP.Room()})
	f.monitor = l.monitor(f, log)
	f.metrics = &metrics{book: f.book, vouched: f.vouched, ocsp: f.ocsp, monitor: f.monitor, lists: l.lists(), now: wallClock()}
	if f.public, err = l.pages(f, log); err != nil {
		return f, errors.Join(err, f.book.Close())
	}
	f.registrar, err = lifecycle.New(lifecycle.Options{
		Book: witnessed{f.book, f.ocsp.Changed, f.metrics}, Shelf: f.book, Records: f.book, Issuer: signer, Log: signer, Leaf: signer.Leaf, Condemned: f.book.Condemned, Foresee: signer.Foresee, Promiser: signer, Now: wallClock(), Bundle: readBundle, CSR: readRequest, Proof: proof, Profile: config.Profile,
		Vouched: f.vouched, Tokens: f.book, Weak: weak.List, Past: f.book, Archive: signer, Constraints: checker.Constraints, Subject: checker.Subject,
		Account: os.Getuid(), Version: version(), Database: f.book.Engine(), DatabaseID: database,
		Space: f.monitor.room.space, Lists: keptLists{f.publisher, signer}, Spoilt: f.publisher.Spoilt, Feeds: f.feeder, FeedsKept: f.feeds,
		Watched: f.monitor.checks, Report: func(err error) { log.Error("front and signer", "error", err) },
	})
	if err != nil {
		return f, errors.Join(err, f.book.Close())
	}
	f.metrics.registrar = f.registrar
	f.health = listen.NewHealth(f.registrar.Ready, log, wallClock())
	if f.open, err = l.limited(f, log); err != nil {
		return f, errors.Join(err, f.book.Close())
	}
	return f, nil
}

// readRequest reads a certification request in DER.
func readRequest(der []byte) (ca.CSR, error) {
	p, err := csr.Parse(der)
	return p.CSR, err
}

// proof verifies the signature of a certification request in DER.
func proof(der []byte) error {
	p, err := csr.Parse(der)
	if err != nil {
		return err
	}
	return csr.Check(p)
}

// readBundle reads the profiles of a policy bundle.
func readBundle(document []byte) (map[string]ca.Profile, error) {
	b, err := policy.ParseBundle(document)
	if err != nil {
		return nil, err
	}
	return b.Load(config.Profile)
}

// openBook opens the database that the settings name, or the embedded one.
func openBook(ctx context.Context, l layout, logID string) (*store.Store, error) {
	settings, err := l.settings()
	if err != nil {
		return nil, err
	}
	dsn := settings.Database
	if dsn == "" {
		dsn = l.database()
		// A log has a database. A new one beside it would be empty, and say that nothing
		// was ever issued.
		if _, err := os.Stat(dsn); logID != "" && l.founded() && errors.Is(err, fs.ErrNotExist) {
			return nil, ca.Conflict(ca.E1405, "the database is missing: "+dsn, "bring it back from a backup; what is younger than it is put back from the log").Because("the log " + logID + " has one")
		}
	}
	return store.Open(ctx, store.Options{DSN: dsn, LogID: logID, Now: wallClock()})
}

// newDatabase makes the book of a new installation and gives its id.
func newDatabase(ctx context.Context, l layout) (id string, err error) {
	book, err := openBook(ctx, l, "")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, book.Close()) }()
	return book.DatabaseID(ctx)
}

// bindBook enters the log into the new book, and writes down which one it is.
func bindBook(ctx context.Context, l layout, logID string) error {
	book, err := openBook(ctx, l, logID)
	if err != nil {
		return err
	}
	if err := book.Close(); err != nil {
		return err
	}
	if err := os.WriteFile(l.logID(), []byte(logID+"\n"), 0o600); err != nil {
		return fmt.Errorf("write the log's name: %w", err)
	}
	return nil
}
