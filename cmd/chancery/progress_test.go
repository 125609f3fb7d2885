// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"
)

// Without a terminal long work says one line in ten seconds, with count, rate and the
// time that is left; short work says nothing, and what is stopped says how far it came.
func TestLongWorkSaysHowFarItIs(t *testing.T) {
	t.Parallel()
	clock := time.Unix(1_800_000_000, 0)
	var said bytes.Buffer
	p := (&app{err: &said}).untold(task{what: "log", of: "of the log were read", total: 100 * megabyte, octets: true}, func() time.Time { return clock })
	for range 35 {
		p.add(megabyte)
		p.tell()
		clock = clock.Add(time.Second)
	}
	lines := strings.Split(strings.TrimSpace(said.String()), "\n")
	if len(lines) != 3 || lines[0] != "log: 11.0 of 100.0 MB, 1.1 MB/s, 1m21s left" || strings.ContainsAny(said.String(), "\r\x1b") {
		t.Errorf("%q", lines)
	}
	said.Reset()
	p.end(t.Context())
	p.over = make(chan struct{})
	if said.String() != "" {
		t.Errorf("at its end it says %q", said.String())
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	p.end(ctx)
	if said.String() != "stopped: 35.0 of 100.0 MB of the log were read\n" {
		t.Errorf("stopped it says %q", said.String())
	}
}

// On a terminal the line is written over itself, and gone in the end.
func TestOnATerminalTheLineIsWrittenAnew(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	clock := time.Unix(1_800_000_000, 0)
	p := (&app{err: d.far}).untold(task{what: "log", of: "of the log were read", total: 10 * megabyte, octets: true}, func() time.Time { return clock })
	for range 30 {
		p.add(megabyte / 10)
		p.tell()
		clock = clock.Add(100 * time.Millisecond)
	}
	p.end(t.Context())
	d.awaits("\rlog: 1.1 of 10.0 MB, 1.1 MB/s, 8s left")
	d.awaits("1.3 of 10.0 MB")
}
