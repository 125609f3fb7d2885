// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"chancery/ca"
	"chancery/client"
)

const (
	// watchEvery is how often ca bundle --watch asks the service.
	watchEvery = 2 * time.Second
	// watchExec bounds the command that it runs: a reload that hangs would keep the next
	// one from happening.
	watchExec = time.Minute
)

// A watcher keeps a file up to date.
type watcher struct {
	*app
	bundling
	written string // the mark of what the file holds
	ran     string // the mark of what the command was told of
	trouble string // what was told last, so that it is told once
}

// watchBundle writes the bundle's file after each change until ctx ends. What fails
// at its start ends it; later it goes on, since a service may be started again.
func (a *app) watchBundle(ctx context.Context, q bundling) error {
	w := &watcher{app: a, bundling: q}
	for {
		err := a.running(ctx, w.round)
		switch {
		case ctx.Err() != nil:
			return nil // who stops it wants it so
		case err != nil && w.written == "":
			return err
		}
		w.tell(err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(watchEvery):
		}
	}
}

// tell says what is wrong when it begins.
func (w *watcher) tell(err error) {
	text := ""
	if err != nil {
		text = asProblem(err).Detail
	}
	if text != "" && text != w.trouble {
		fmt.Fprintf(w.err, "note: %s; it is tried again\n", text)
	}
	w.trouble = text
}

// round looks once. The command runs again until it succeeds; and at the start, since
// whoever watched before may have died between file and command.
func (w *watcher) round(ctx context.Context, k *client.Client) error {
	_, settled := k.Profiles(ctx) // which waits for the end of a start
	all, err := k.Authorities(ctx)
	if err := errors.Join(err, settled); err != nil {
		return err
	}
	mark, err := w.mark(ctx, k, all)
	if err != nil {
		return err
	}
	if mark != w.written {
		b, body, err := w.bundle(ctx, k, all, w.bundling)
		if err != nil {
			return err
		}
		if err := w.replace(body); err != nil {
			return err
		}
		w.written = mark
		fmt.Fprintf(w.err, "%s holds %s\n", w.bundling.out, told(b)) // w.out is where answers go
	}
	if w.command == "" || w.ran == mark {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, watchExec)
	defer cancel()
	c := exec.CommandContext(ctx, "sh", "-c", w.command) //nolint:gosec // the user's own command
	c.Stdout, c.Stderr, c.WaitDelay = w.err, w.err, time.Second
	if err := c.Run(); err != nil {
		return ca.Unavailable(ca.E1102, fmt.Sprintf("the command of --exec failed: %v", err), "run it by hand: "+w.command)
	}
	w.ran = mark
	return nil
}

// mark names a state of the bundle, and of the lists, if they are in the file.
func (w *watcher) mark(ctx context.Context, k *client.Client, all []ca.Authority) (string, error) {
	b := w.bundling.of(all)
	mark := []string{fmt.Sprint(b.Number), b.Hash.String()}
	if !w.bundling.lists {
		return strings.Join(mark, " "), nil
	}
	heads, err := k.Lists(ctx)
	for _, h := range heads {
		mark = append(mark, fmt.Sprintf("%s:%d", h.Authority, h.Number))
	}
	return strings.Join(mark, " "), err
}
