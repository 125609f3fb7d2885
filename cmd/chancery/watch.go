// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
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
	// maxTroubles is how many things that are wrong are told in a line.
	maxTroubles = 3
)

// A watcher keeps a file up to date.
type watcher struct {
	*app
	file    handing
	command string // of --exec
	every   time.Duration

	written string // the mark of what the file holds; empty before the first time
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

// watch has visit look until ctx ends. Whoever does not answer is asked again, from the
// start on: a machine may have come up before the service. Anything else that fails at the
// start ends it, since whoever typed it is still there.
func (w *watcher) watch(ctx context.Context, visit func(context.Context) error) error {
	for {
		err := visit(ctx)
		switch {
		case ctx.Err() != nil:
			return nil // who stops it wants it so
		case err != nil && w.written == "" && !awaited(err):
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

// awaited tells whether all that is wrong is that somebody does not answer.
func awaited(err error) bool {
	for _, one := range troubles(err) {
		if asProblem(one).Code != ca.E1201 {
			return false
		}
	}
	return true
}

// troubles takes apart what was joined.
func troubles(err error) (all []error) {
	joined, is := err.(interface{ Unwrap() []error }) //nolint:errorlint // what is wrapped deeper is one trouble
	if !is {
		return []error{err}
	}
	for _, one := range joined.Unwrap() {
		if one != errNobody { //nolint:errorlint // it stands beside what it marks
			all = append(all, troubles(one)...)
		}
	}
	return all
}

// tell says what is wrong when it begins, and when it is over.
func (w *watcher) tell(err error) {
	if err == nil {
		if w.trouble != "" {
			w.say("note: all is well again")
		}
		w.trouble = ""
		return
	}
	var texts []string
	all := troubles(err)
	for _, one := range all[:min(len(all), maxTroubles)] {
		texts = append(texts, asProblem(one).Detail)
	}
	if more := len(all) - len(texts); more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	text := strings.Join(texts, "; ")
	if text != w.trouble {
		stays := ""
		if w.written != "" {
			stays = "what is there stays, and "
		}
		w.say("note: %s; %sit is tried again", text, stays)
	}
	w.trouble = text
}

// say writes a line, with the time: it may be read days later.
func (w *watcher) say(text string, about ...any) {
	fmt.Fprintf(w.err, "%s  %s\n", atTime(wallClock()()), fmt.Sprintf(text, about...))
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
		w.say("%s holds %s", w.file.out, told)
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
