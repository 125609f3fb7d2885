// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"chancery/api"
	"chancery/ca"
	"chancery/config"
	"chancery/lifecycle"
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
	book, registrar, err := openFront(ctx, l, log)
	if err := errors.Join(err, reportReady(fds, err)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, book.Close()) }()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := registrar.Run(ctx); !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	})
	admin, err := fds.listener("admin")
	if err != nil {
		return err
	}
	if admin != nil {
		group.Go(func() error { return serveDoor(ctx, admin, registrar, log) })
	}
	public, err := fds.listener("http")
	if err != nil {
		return err
	}
	if public != nil {
		door := status.New(status.Options{Shelf: book, Log: log, Now: time.Now})
		group.Go(func() error { return status.Serve(ctx, public, door, log, stopWait/2) })
	}
	return group.Wait()
}

// serveDoor answers on admin.sock until ctx ends, and finishes what is under way.
func serveDoor(ctx context.Context, l net.Listener, registrar *lifecycle.Registrar, log *slog.Logger) error {
	server := api.Server(api.New(api.Options{Submitter: registrar, Reader: registrar, Log: log, Now: time.Now}), log)
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

// openFront opens the book and makes the registrar that settles it with the signer.
func openFront(ctx context.Context, l layout, log *slog.Logger) (*store.Store, *lifecycle.Registrar, error) {
	logID, err := os.ReadFile(l.logID())
	if err != nil && l.founded() { // the settings come last in a founding
		return nil, nil, ca.Conflict(ca.E1405, l.logID()+" cannot be read", "chancery doctor --fix").Because(err.Error())
	}
	if err != nil {
		return nil, nil, halfway(l).Because(err.Error())
	}
	book, err := openBook(ctx, l, strings.TrimSpace(string(logID)))
	if err != nil {
		return nil, nil, err
	}
	database, err := book.DatabaseID(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, book.Close())
	}
	signer := &bridge{client: wire.Dial(dialPath(l.socket("sign"))), boot: rand.Text()}
	registrar, err := lifecycle.New(lifecycle.Options{
		Book: book, Shelf: book, Issuer: signer, Log: signer, Now: time.Now, Bundle: readBundle,
		Account: os.Getuid(), Version: version(), Database: book.Engine(), DatabaseID: database,
		Report: func(err error) { log.Error("front and signer", "error", err) },
	})
	if err != nil {
		return nil, nil, errors.Join(err, book.Close())
	}
	return book, registrar, nil
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
	}
	return store.Open(ctx, store.Options{DSN: dsn, LogID: logID, Now: time.Now})
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
