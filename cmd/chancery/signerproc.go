// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"syscall"

	"golang.org/x/sync/errgroup"

	"chancery/ca"
	"chancery/config"
	"chancery/signer"
	"chancery/signer/journal"
	"chancery/signer/wire"
)

// runSigner is the signer process: keys, log, two Unix sockets, nothing else.
func runSigner(ctx context.Context, l layout, fds inherited, log *slog.Logger) error {
	syscall.Umask(0o077)
	ctx, cancel := whileAlive(ctx, fds)
	defer cancel()
	weak, err := l.weak()
	if err != nil {
		return reportReady(fds, err)
	}
	s := &signer.Signer{
		Weak: weak.List,
		Dir:  l.signer(), Parse: config.Profile, Now: wallClock(), Random: rand.Reader,
		Since: sinceBoot, Space: space(l.signer()), KDF: derivation(),
		// One account for both processes is what solo allows and separated refuses.
		Unseparated: true,
		Report:      func(err error) { log.Warn("the signer goes on without", "error", err) },
	}
	err = damagedLog(unheld(ctx, s.Open))
	if err := reportReady(fds, err); err != nil {
		return err
	}
	fatal := make(chan error, 1)
	server := &wire.Server{Signer: s, UID: os.Getuid(), Log: log, Fatal: func(err error) {
		select {
		case fatal <- err:
		default: // one is enough
		}
	}}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.Run(ctx) })
	for name, serve := range map[string]func(context.Context, net.Listener) error{"sign": server.Sign, "ceremony": server.Ceremony} {
		listener, err := fds.listener(name)
		if err != nil {
			return err
		}
		if listener != nil {
			group.Go(func() error { return serve(ctx, listener) })
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- group.Wait() }()
	select {
	case err := <-fatal:
		// At once, and without a last checkpoint: a process that errs in one
		// signature signs nothing more. The next start recovers.
		return fmt.Errorf("the signer must not go on: %w", err)
	case err := <-ended:
		return errors.Join(err, s.Close())
	}
}

// damagedLog says of a log that must not be used what its reader can do about it.
func damagedLog(err error) error {
	var d *journal.Damage
	if !errors.As(err, &d) {
		return err
	}
	return ca.Refused(ca.E3102, d.Error(), "keep the directory as it is, and restore from a backup; chancery audit verify says more")
}
