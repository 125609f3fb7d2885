// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os/exec"
	"time"

	"chancery/ca"
)

const (
	// watchEvery is how often --watch asks the service, fetchEvery how often the addresses
	// in certificates: a list may be kept for half a minute on the way.
	watchEvery, fetchEvery = 2 * time.Second, time.Minute
	// watchExec bounds the command that it runs: a reload that hangs would keep the next
	// one from happening.
	watchExec = time.Minute
)

// A watcher keeps a file up to date.
type watcher struct {
	*app
	file    handing
	command string // of --exec
	every   time.Duration

	written string // the mark of what the file holds
	ran     string // the mark of what the command was told of
	trouble string // what was told last, so that it is told once
}

// watching says what --watch and --exec need.
func watching(watch bool, h handing, command, example string) error {
	switch {
	case watch && !h.file():
		return usage("--watch needs the file to keep", example)
	case command != "" && !watch:
		return usage("--exec is for --watch", example+" --exec 'systemctl reload nginx'")
	}
	return nil
}

// watch has visit look, which calls sees, until ctx ends. What fails at its start ends it;
// later it goes on, since a service may be started again.
func (w *watcher) watch(ctx context.Context, visit func(context.Context) error) error {
	for {
		err := visit(ctx)
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
		case <-time.After(w.every):
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

// sees writes the file if the mark is another than that of what it holds; make makes that,
// and says what it is in a line. The command runs again until it succeeds; and at the start,
// since whoever watched before may have died between file and command.
func (w *watcher) sees(ctx context.Context, mark string, make func() (body []byte, told string, err error)) error {
	if mark != w.written {
		body, told, err := make()
		if err != nil {
			return err
		}
		if err := w.file.replace(body); err != nil {
			return err
		}
		w.written = mark
		fmt.Fprintf(w.err, "%s holds %s\n", w.file.out, told)
	}
	return w.run(ctx, mark)
}

// run runs the command, if it was not told of the mark yet.
func (w *watcher) run(ctx context.Context, mark string) error {
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
