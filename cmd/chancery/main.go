// SPDX-License-Identifier: Apache-2.0

// Command chancery is the whole of Chancery: the service's processes and the
// command line that speaks to them.
//
// This package wires: it reads flags and settings, makes the parts, gives them
// clock and randomness, and prints. It holds no rule about certificates. Start
// reading at root.go, then init.go, then supervise.go.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal kills, as people expect of Ctrl-C twice.
	context.AfterFunc(ctx, stop)
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, args: os.Args, env: os.Getenv, now: time.Now}
	os.Exit(a.run(ctx))
}
