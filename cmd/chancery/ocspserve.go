// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"chancery/ca"
	"chancery/config"
	"chancery/listen"
	"chancery/signer/wire"
	"chancery/status"
	"chancery/store"
)

func (a *app) ocspServe() *cobra.Command {
	var address string
	c := &cobra.Command{
		Use: "serve", Short: "Answer OCSP by a process of its own, until Ctrl-C",
		Long: "Answers OCSP by a process of its own, on a port of its own, beside a service that may be busy or starting again. It reads the\n" +
			"database, and has answers signed by the signer of this directory; it takes nothing, and holds no key. While no signer answers it\n" +
			"says so in its log, and says what was signed as long as that is valid; who asks for anything else is told to try later.",
		Example: "  chancery ocsp serve\n  chancery ocsp serve --listen 127.0.0.1:8081",
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := a.founded()
			if err != nil {
				return err
			}
			tuneMemory()
			return a.answers(c.Context(), l, address)
		},
	}
	c.Flags().StringVar(&address, "listen", ":8081", "host:port to answer on")
	return c
}

// answers is the process of ocsp serve.
func (a *app) answers(ctx context.Context, l layout, address string) (err error) {
	began := time.Now()
	if err := l.ours(); err != nil {
		return err
	}
	settings, err := l.settings()
	if err != nil {
		return err
	}
	book, err := besideBook(ctx, l, settings)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, book.Close()) }()
	listener, err := bindAddress(address)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(bare(a.err), nil)).With("role", "ocsp")
	door := status.NewOCSP(status.OCSPOptions{Shelf: book, Index: book, Responder: wire.Dial(dialPath(l.socket("sign"))), Apart: true, Log: log, Now: wallClock(), Age: settings.OCSP.Age(), Room: settings.OCSP.Room()})
	fmt.Fprintf(a.err, "chancery %s  data %s\n  OCSP                 %s\nready in %.1f s - stop with Ctrl-C\n", version(), l.dir, listener.Addr(), time.Since(began).Seconds())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return unlessCanceled(door.Run(ctx)) })
	group.Go(func() error { seesSigner(ctx, l.socket("sign"), signerEvery, log); return nil })
	group.Go(func() error {
		health := listen.NewHealth(func(ctx context.Context) []ca.Check { return ocspReady(ctx, book, l.socket("sign")) }, log, wallClock())
		return status.Serve(ctx, listener, door.Beside(health.Beside(http.NotFoundHandler())), log, stopWait/2)
	})
	return group.Wait()
}

// ocspReady are the checks of /readyz where nothing but OCSP is answered: what that needs, and
// nothing of what issuing does.
func ocspReady(ctx context.Context, book *store.Reader, signer string) []ca.Check {
	out := []ca.Check{{ID: "database", Level: ca.Fine}, {ID: "service", Level: ca.Fine}}
	if _, err := book.Authorities(ctx); err != nil {
		out[0].Level, out[0].Code = ca.Failed, ca.E9000
	}
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", dialPath(signer))
	if err != nil {
		out[1].Level, out[1].Code = ca.Failed, ca.E2301
		return out
	}
	_ = c.Close() // it was only knocked at
	return out
}

// signerEvery is how often it is looked whether the signer is there.
const signerEvery = 2 * time.Second

// seesSigner says when there is no signer, and when there is one again, until ctx ends. It is
// there from the start of this process, perhaps, or comes with a service that starts later:
// who watches this log must not have to ask a question to learn of it.
func seesSigner(ctx context.Context, socket string, every time.Duration, log *slog.Logger) {
	away := false
	for {
		c, err := (&net.Dialer{Timeout: every}).DialContext(ctx, "unix", dialPath(socket))
		if err == nil {
			_ = c.Close() // it was only knocked at
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !away:
			log.Warn("no signer answers: what it signed is said as long as it is valid, and all else is told to try later (start the service: chancery serve)", "error", err)
		case err == nil && away:
			log.Info("the signer answers again")
		}
		away = err != nil
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
	}
}

// besideBook opens the database to read it beside the front.
func besideBook(ctx context.Context, l layout, settings config.Config) (*store.Reader, error) {
	dsn := settings.Database
	if dsn == "" {
		dsn = l.database()
	}
	logID, err := os.ReadFile(l.logID())
	if err != nil {
		return nil, halfway(l).Because(err.Error())
	}
	return store.OpenReader(ctx, store.Options{DSN: dsn, LogID: strings.TrimSpace(string(logID)), Now: wallClock()})
}
