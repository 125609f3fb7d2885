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
	"time"

	"chancery/ca"
	"chancery/client"
	"chancery/config"
)

// lockPause is how long to wait before looking again whether another command is
// done with the directory.
const lockPause = 20 * time.Millisecond

// with does something with the service's own door, or with the one elsewhere that the
// command means. Without a running service the
// command starts front and signer for itself, for as long as it takes.
func (a *app) with(ctx context.Context, do func(context.Context, *client.Client) error) error {
	at, away, err := a.remote()
	if err != nil {
		return err
	}
	if away {
		a.explain("the service is %s", at.URL)
		return at.there(ctx, do)
	}
	l, err := a.founded()
	if err != nil {
		return err
	}
	a.explain("the installation is %s", l.dir)
	err = call(ctx, l.socket("admin"), do)
	if !errors.Is(err, errNobody) {
		return err
	}
	if err := l.ours(); err != nil {
		return err
	}
	a.explain("no service runs; front and signer are started for this command")
	lock, err := hold(ctx, l)
	if isHeld(err) { // a service began meanwhile
		return call(ctx, l.socket("admin"), do)
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	a.alone = true
	return a.byItself(ctx, l, do)
}

// running does something with a service that runs, here or elsewhere. It starts none.
func (a *app) running(ctx context.Context, do func(context.Context, *client.Client) error) error {
	at, away, err := a.remote()
	if err != nil {
		return err
	}
	if away {
		return at.there(ctx, do)
	}
	l, err := a.founded()
	if err != nil {
		return err
	}
	return call(ctx, l.socket("admin"), do)
}

// errNobody marks a call that was never made, because nothing listens.
var errNobody = errors.New("nothing listens")

// call dials whoever listens on a socket.
func call(ctx context.Context, socket string, do func(context.Context, *client.Client) error) error {
	c, err := client.Dial(dialPath(socket))
	var p *ca.Problem
	if errors.As(err, &p) && p.Code == ca.E1201 {
		return errors.Join(p, errNobody)
	}
	if err != nil {
		return err
	}
	defer c.Close()
	return do(ctx, c)
}

// hold takes the directory's lock. Another command has it for a moment only and
// is waited for; a service, which answers on admin.sock, has it for good (E1403).
func hold(ctx context.Context, l layout) (*os.File, error) {
	late := time.After(startWait)
	for {
		lock, err := takeLock(l.lock())
		if !isHeld(err) {
			return lock, err
		}
		if c, dialErr := client.Dial(dialPath(l.socket("admin"))); dialErr == nil {
			c.Close()
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-late:
			return nil, err
		case <-time.After(lockPause):
		}
	}
}

func isHeld(err error) bool {
	var p *ca.Problem
	return errors.As(err, &p) && p.Code == ca.E1403
}

// byItself runs the processes while do runs, and ends with do's error.
func (a *app) byItself(ctx context.Context, l layout, do func(context.Context, *client.Client) error) error {
	f, done, err := a.household(l, "command", nil)
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	result := make(chan error, 1)
	err = f.run(ctx, func() {
		go func() {
			result <- call(ctx, l.socket("command"), func(ctx context.Context, c *client.Client) error {
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
	err = <-result
	var p *ca.Problem
	if errors.As(err, &p) && p.Kind == ca.LockedKind {
		// Keys that were unlocked here would be locked again with the command's end.
		locked := *p
		locked.Fix = a.says("serve") + ", then in another terminal " + a.says("key unlock")
		return &locked
	}
	return err
}

// household makes the parent of front and signer, with the sockets they listen
// on. The front's own is called admin.sock only where it will stay: others wait
// for the end of a command instead of calling in on it. The doors at TCP addresses that
// settings name are the front's too. done closes all of them.
func (a *app) household(l layout, door string, settings *config.Config) (f *family, done func(), err error) {
	var listeners []net.Listener
	done = func() {
		for _, listener := range listeners {
			closeSocket(listener)
		}
	}
	files := map[string]*os.File{}
	open := func(name string, bind func() (net.Listener, error)) error {
		listener, err := bind()
		if err != nil {
			return err
		}
		listeners = append(listeners, listener)
		files[name], err = handOver(listener)
		return err
	}
	for _, name := range []string{"sign", "ceremony", door} {
		if err := open(name, func() (net.Listener, error) { return bindSocket(l.socket(name)) }); err != nil {
			return nil, done, err
		}
	}
	front, at := map[string]*os.File{"admin": files[door]}, map[string]string{}
	for name, address := range addresses(settings) {
		if err := open(name, func() (net.Listener, error) { return bindAddress(address) }); err != nil {
			return nil, done, err
		}
		front[name], at[name] = files[name], listeners[len(listeners)-1].Addr().String()
	}
	return &family{
		layout: l, args: a.args, stderr: bare(a.err), log: slog.New(slog.NewTextHandler(bare(a.err), nil)).With("role", "parent"), at: at, env: settingsOf(settings),
		members: []child{
			{role: "signer", files: map[string]*os.File{"sign": files["sign"], "ceremony": files["ceremony"]}},
			{role: "front", files: front},
		},
	}, done, nil
}

// idempotency is a key of the command's own, so that a call that is repeated by
// the client after a broken connection cannot sign twice.
func idempotency() string { return fmt.Sprintf("cli-%s", rand.Text()) }
