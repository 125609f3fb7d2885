// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"chancery/ca"
)

const (
	// startWait is how long a child may take to say that it is ready. A front
	// that settles a long way after a crash may need a while.
	startWait = 60 * time.Second
	// stopWait is the grace a child has to finish what is in flight.
	stopWait = 20 * time.Second
	// A child that dies is started again after a wait that doubles from minBack to
	// maxBack, and begins anew once the child lived for maxBack (security rule PR-07).
	minBack, maxBack = time.Second, time.Minute
)

// A child is a process of the installation: its role and the descriptors it
// inherits by name.
type child struct {
	role  string
	files map[string]*os.File
}

// A family is the parent's view of its children. It binds nothing and holds no
// key: it starts them, starts them again, and ends with them.
type family struct {
	layout  layout
	args    []string // how this program was called: argv[0]
	stderr  io.Writer
	log     *slog.Logger
	at      map[string]string // where the front listens, by the name of the door
	env     []string          // settings that flags made, for the children
	members []child
}

// run starts the children one after another, calls ready, and keeps them alive
// until ctx ends; then it stops them in turn, the last first, because what the
// front has under way needs the signer. A child that cannot start at first ends
// everything with its error.
func (f *family) run(ctx context.Context, ready func()) error {
	var ends []func() error
	var err error
	for _, c := range f.members {
		var p *process
		if p, err = f.start(ctx, c); err != nil {
			break
		}
		own, stop := context.WithCancel(context.WithoutCancel(ctx))
		done := make(chan error, 1)
		go func() { done <- f.keep(own, c, p) }()
		ends = append(ends, func() error { stop(); return <-done })
	}
	if err == nil {
		ready()
		<-ctx.Done()
	}
	for _, end := range slices.Backward(ends) {
		err = errors.Join(err, end())
	}
	return err
}

// A process is a started child. Closing alive ends it: it reads the other end.
type process struct {
	cmd   *exec.Cmd
	alive *os.File
	ended chan error
}

// keep waits for a child's end and starts it again until ctx ends.
func (f *family) keep(ctx context.Context, c child, p *process) error {
	back := minBack
	for {
		born := time.Now()
		select {
		case <-ctx.Done():
			return p.stop()
		case err := <-p.ended:
			p.alive.Close() //nolint:errcheck // the child is gone, so nothing reads it
			f.log.Error("a process ended and is started again", "role", c.role, "error", err, "wait", back)
		}
		if time.Since(born) > maxBack {
			back = minBack
		}
		for p = nil; p == nil; back = min(2*back, maxBack) {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(back):
			}
			var err error
			if p, err = f.start(ctx, c); err != nil {
				f.log.Error("a process did not start", "role", c.role, "error", err)
			}
		}
	}
}

// start runs `chancery run ROLE` with the child's descriptors, the alive pipe
// and the ready pipe, and waits until it is ready.
func (f *family) start(ctx context.Context, c child) (*process, error) {
	aliveRead, aliveWrite, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	defer aliveRead.Close()
	readyRead, readyWrite, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a pipe: %w", err), aliveWrite.Close())
	}
	defer readyRead.Close()
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	names := []string{"alive", "ready"}
	files := []*os.File{aliveRead, readyWrite}
	for name, file := range c.files {
		names, files = append(names, name), append(files, file)
	}
	cmd := exec.Command(self, "run", c.role, "--dir", f.layout.dir)
	cmd.Args[0] = f.args[0]
	cmd.Env = append(append(os.Environ(), f.env...), "CHANCERY_FDS="+strings.Join(names, ","))
	cmd.ExtraFiles = files
	cmd.Stderr = f.stderr
	// A Ctrl-C at the terminal is for the parent, which stops its children in
	// order; and no child survives a parent that was killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Start()
	readyWrite.Close() //nolint:errcheck // the child has its own copy
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", c.role, err), aliveWrite.Close())
	}
	p := &process{cmd: cmd, alive: aliveWrite, ended: make(chan error, 1)}
	go func() { p.ended <- cmd.Wait() }()
	if err := awaitReady(ctx, readyRead, c.role); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

// stop closes the alive pipe and waits; a child that does not end is killed.
func (p *process) stop() error {
	p.alive.Close() //nolint:errcheck // closing is the signal; there is no data to lose
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopWait):
		return errors.Join(errors.New("a process did not stop in time and was killed"), p.cmd.Process.Kill())
	}
}

// awaitReady reads the child's one line: "ready", or its error as JSON.
func awaitReady(ctx context.Context, r *os.File, role string) error {
	stop := context.AfterFunc(ctx, func() { r.SetReadDeadline(time.Unix(1, 0)) }) //nolint:errcheck // a pipe takes deadlines
	defer stop()
	if err := r.SetReadDeadline(time.Now().Add(startWait)); err != nil {
		return fmt.Errorf("wait for %s: %w", role, err)
	}
	line, err := bufio.NewReader(io.LimitReader(r, 64<<10)).ReadString('\n')
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case line == "ready\n":
		return nil
	case err != nil:
		return fmt.Errorf("the %s process ended before it was ready: %w", role, err)
	}
	var p ca.Problem
	if err := json.Unmarshal([]byte(line), &p); err != nil {
		return fmt.Errorf("the %s process said %q instead of ready", role, strings.TrimSpace(line))
	}
	return &p
}

// errTold ends a child whose parent was told why, and says it.
var errTold = errors.New("the parent was told")

// reportReady is the child's side of awaitReady; err nil means ready. It gives the
// error that the child ends with. Without the pipe (a systemd unit) there is nobody
// to tell.
func reportReady(fds inherited, err error) error {
	f := fds["ready"]
	if f == nil {
		return err
	}
	line := []byte("ready")
	if err != nil {
		told, broken := json.Marshal(asProblem(err))
		if broken != nil {
			return broken
		}
		line, err = told, errTold
	}
	if _, broken := f.Write(append(line, '\n')); broken != nil {
		return broken
	}
	return errors.Join(err, f.Close())
}

// whileAlive gives a context that ends with ctx or when the parent closes the
// alive pipe: a child never outlives its parent.
func whileAlive(ctx context.Context, fds inherited) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if f := fds["alive"]; f != nil {
		go func() {
			defer cancel()
			var one [1]byte
			for {
				if _, err := f.Read(one[:]); err != nil {
					return
				}
			}
		}()
	}
	return ctx, cancel
}

// unheld opens what a process of a parent that was killed may still hold: that one
// ends by itself, but first it finishes what it has under way.
func unheld(ctx context.Context, open func() error) error {
	late := time.After(stopWait)
	for {
		err := open()
		if !isHeld(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-late:
			return err
		case <-time.After(lockPause):
		}
	}
}

// takeLock locks the installation for one parent. The lock ends with the file.
func takeLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, unwritable(path, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close() //nolint:errcheck // nothing was written
		return nil, ca.Conflict(ca.E1403, "another Chancery process holds this directory",
			"stop it first; commands reach a running service by themselves").Because(path + " is locked")
	}
	return f, nil
}

// handOver is a copy of a listener's descriptor for a child. The parent keeps
// the listener itself, so that a restarted child finds the queue intact.
func handOver(l net.Listener) (*os.File, error) {
	switch l := l.(type) {
	case *net.UnixListener:
		return l.File()
	case *net.TCPListener:
		return l.File()
	}
	return nil, fmt.Errorf("a listener of type %T cannot be handed over", l)
}
