// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
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

// A progress tells on stderr how far long work is: how much of it, how fast, and how
// long it will take. It is for one goroutine.
type progress struct {
	app         *app
	what        string // such as "log"
	total, done int64  // octets
	began, said time.Time
	shown       int // how long the line is that stands on the terminal
	now         func() time.Time
}

func (a *app) progress(what string, total int64, now func() time.Time) *progress {
	return &progress{app: a, what: what, total: total, began: now(), now: now}
}

// add counts octets that are done.
func (p *progress) add(n int64) {
	p.done += n
	now, every, from := p.now(), progressLine, progressLine
	if onTerminal(p.app.err) {
		every, from = progressEvery, progressFrom
	}
	if now.Sub(p.began) < from || now.Sub(p.said) < every {
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

// line is how far it is.
func (p *progress) line(now time.Time) string {
	rate := float64(p.done) / now.Sub(p.began).Seconds()
	text := fmt.Sprintf("%s: %.1f of %.1f MB", p.what, float64(p.done)/megabyte, float64(p.total)/megabyte)
	if rate > 0 {
		left := time.Duration(float64(max(p.total-p.done, 0)) / rate * float64(time.Second))
		text += fmt.Sprintf(", %.1f MB/s, %v left", rate/megabyte, left.Round(time.Second))
	}
	return text
}

// end takes the line from the terminal, and says how far it came if somebody stopped it.
func (p *progress) end(ctx context.Context) {
	if p.shown > 0 {
		fmt.Fprintf(p.app.err, "\r%*s\r", p.shown, "")
	}
	if ctx.Err() != nil {
		fmt.Fprintf(p.app.err, "stopped: %.1f of %.1f MB of the %s were read, and nothing was changed\n", float64(p.done)/megabyte, float64(p.total)/megabyte, p.what)
	}
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
	p := a.progress("log", total, wallClock())
	for i, s := range all {
		all[i].Open = func() (io.ReadCloser, error) {
			in, err := s.Open()
			return counting{timed{in, ctx}, p}, err
		}
	}
	return all, func() { p.end(ctx) }, nil
}
