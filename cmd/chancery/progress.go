// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"chancery/audit"
)

const (
	// progressFrom is what nobody waits for a word about.
	progressFrom = time.Second
	// progressEvery is how often a line on a terminal is written anew, and progressLine
	// how often a log gets one.
	progressEvery = 200 * time.Millisecond
	progressLine  = 10 * time.Second
)

// A task is long work.
type task struct {
	what string // such as "revoke"
	// of is what it does to how many: "certificates were revoked". Without it the work
	// is one call, of which only the time is known.
	of string
	// total is how many there are, 0 if nobody knows; octets says that they are some.
	total  int64
	octets bool
	// hidden is a task whose answers go to the same terminal line by line: they say enough.
	hidden bool
}

// A progress tells on stderr how far a task is: how much of it, how fast, and how long
// it will take. All goroutines of the task may add to it.
type progress struct {
	task
	app   *app
	now   func() time.Time
	began time.Time
	mu    sync.Mutex
	done  int64
	said  time.Time
	shown int // how long the line is that stands on the terminal
	over  chan struct{}
	watch sync.WaitGroup
}

// progress begins to tell of a task; end must be called, before anything else is said.
func (a *app) progress(what task) *progress {
	p := a.untold(what, wallClock())
	p.watch.Go(func() {
		every := time.NewTicker(progressEvery)
		defer every.Stop()
		for {
			select {
			case <-p.over:
				return
			case <-every.C:
				p.tell()
			}
		}
	})
	return p
}

// untold is a progress that tells only when it is asked to.
func (a *app) untold(what task, now func() time.Time) *progress {
	return &progress{task: what, app: a, now: now, began: now(), over: make(chan struct{})}
}

// add counts what is done.
func (p *progress) add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
}

// tell says how far it is, if that is due.
func (p *progress) tell() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, every, from := p.now(), progressLine, progressLine
	if onTerminal(p.app.err) {
		every, from = progressEvery, progressFrom
	}
	if p.hidden || now.Sub(p.began) < from || now.Sub(p.said) < every {
		return
	}
	p.said = now
	if onTerminal(p.app.err) {
		// Blanks take away what was longer: an escape would be one too many for some.
		line := p.line(now)
		fmt.Fprintf(p.app.err, "\r%-*s", p.shown, line)
		p.shown = len(line)
		return
	}
	fmt.Fprintln(p.app.err, p.line(now))
}

const megabyte = 1 << 20

// amount is a number of what is counted.
func (t task) amount(n int64) string {
	if t.octets {
		return fmt.Sprintf("%.1f", float64(n)/megabyte)
	}
	return thousands(n)
}

// so is how much is done.
func (p *progress) so() string {
	text := p.amount(p.done)
	if p.total > 0 {
		text += " of " + p.amount(p.total)
	}
	if p.octets {
		text += " MB"
	}
	return text
}

// line is how far it is.
func (p *progress) line(now time.Time) string {
	passed := now.Sub(p.began)
	if p.of == "" {
		return fmt.Sprintf("%s: %v", p.what, passed.Round(time.Second))
	}
	text := p.what + ": " + p.so()
	rate := float64(p.done) / passed.Seconds()
	if rate == 0 {
		return text
	}
	unit := "/s"
	speed := thousands(int64(rate))
	switch {
	case p.octets:
		unit, speed = " MB/s", fmt.Sprintf("%.1f", rate/megabyte)
	case rate < 10:
		speed = fmt.Sprintf("%.1f", rate)
	}
	text += ", " + speed + unit
	if p.total > 0 {
		left := time.Duration(float64(max(p.total-p.done, 0)) / rate * float64(time.Second))
		text += fmt.Sprintf(", %v left", left.Round(time.Second))
	}
	return text
}

// say writes a line of its own, and goes on.
func (p *progress) say(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown > 0 {
		fmt.Fprintf(p.app.err, "\r%*s\r", p.shown, "")
		p.shown = 0
	}
	fmt.Fprintln(p.app.err, text)
}

// end takes the line from the terminal, and says how far it came if somebody stopped it.
func (p *progress) end(ctx context.Context) {
	close(p.over)
	p.watch.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown > 0 {
		fmt.Fprintf(p.app.err, "\r%*s\r", p.shown, "")
	}
	switch {
	case ctx.Err() == nil:
	case p.of == "":
		fmt.Fprintf(p.app.err, "stopped: %s did not end\n", p.what)
	default:
		fmt.Fprintf(p.app.err, "stopped: %s %s\n", p.so(), p.of)
	}
}

// during tells of one call: how long it takes.
func (a *app) during(ctx context.Context, what string, call func() error) error {
	p := a.progress(task{what: what})
	defer p.end(ctx)
	return call()
}

// counting tells a progress of what is read.
type counting struct {
	io.ReadCloser
	of *progress
}

func (c counting) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	c.of.add(int64(n))
	return n, err
}

// watched is segments for a person, who may not want to wait for the end of a long log:
// reading gives up when ctx ends. end is called afterwards.
func (a *app) watched(ctx context.Context, dir string) (all []audit.SegmentFile, end func(), err error) {
	if all, err = segments(dir); err != nil {
		return nil, func() {}, err
	}
	var total int64
	for _, s := range all {
		if info, err := os.Stat(filepath.Join(dir, s.Name)); err == nil {
			total += info.Size()
		}
	}
	p := a.progress(task{what: "log", of: "of the log were read, and nothing was changed", total: total, octets: true})
	for i, s := range all {
		all[i].Open = func() (io.ReadCloser, error) {
			in, err := s.Open()
			return counting{timed{in, ctx}, p}, err
		}
	}
	return all, func() { p.end(ctx) }, nil
}
