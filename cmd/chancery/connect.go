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

	"chancery/ca"
	"chancery/client"
)

// with does something with the service's own door. Without a running service the
// command starts front and signer for itself, for as long as it takes.
func (a *app) with(ctx context.Context, do func(context.Context, *client.Client) error) error {
	l, err := a.founded()
	if err != nil {
		return err
	}
	lock, err := takeLock(l.lock())
	var p *ca.Problem
	if errors.As(err, &p) && p.Code == ca.E1403 {
		return call(ctx, l, do)
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	return a.alone(ctx, l, do)
}

// call dials the service that holds the directory.
func call(ctx context.Context, l layout, do func(context.Context, *client.Client) error) error {
	c, err := client.Dial(dialPath(l.socket("admin")))
	if err != nil {
		return err
	}
	defer c.Close()
	return do(ctx, c)
}

// alone runs the processes while do runs, and ends with do's error.
func (a *app) alone(ctx context.Context, l layout, do func(context.Context, *client.Client) error) error {
	f, done, err := a.household(l)
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	result := make(chan error, 1)
	err = f.run(ctx, func() {
		go func() {
			result <- call(ctx, l, func(ctx context.Context, c *client.Client) error {
				// This waits for the settling of a start, so that the answer is not about
				// it. What it says of an illness, do will meet too.
				_, _ = c.Profiles(ctx)
				return do(ctx, c)
			})
			cancel()
		}()
	})
	if err != nil {
		return err
	}
	return <-result
}

// household makes the parent of front and signer, with the sockets they listen
// on. done closes them.
func (a *app) household(l layout) (f *family, done func(), err error) {
	var listeners []net.Listener
	done = func() {
		for _, listener := range listeners {
			closeSocket(listener)
		}
	}
	files := map[string]*os.File{}
	for _, name := range []string{"sign", "ceremony", "admin"} {
		listener, err := bindSocket(l.socket(name))
		if err != nil {
			return nil, done, err
		}
		listeners = append(listeners, listener)
		if files[name], err = handOver(listener); err != nil {
			return nil, done, err
		}
	}
	return &family{
		layout: l, args: a.args, stderr: a.err, log: slog.New(slog.NewTextHandler(a.err, nil)).With("role", "parent"),
		members: []child{
			{role: "signer", files: map[string]*os.File{"sign": files["sign"], "ceremony": files["ceremony"]}},
			{role: "front", files: map[string]*os.File{"admin": files["admin"]}},
		},
	}, done, nil
}

// idempotency is a key of the command's own, so that a call that is repeated by
// the client after a broken connection cannot sign twice.
func idempotency() string { return fmt.Sprintf("cli-%s", rand.Text()) }
