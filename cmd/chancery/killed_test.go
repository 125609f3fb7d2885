// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A watched is a service, and what it said about its children.
type watched struct {
	*exec.Cmd
	ready chan struct{} // closed once it is
	died  chan struct{} // closed when it says that a child died
	ended chan struct{} // closed when it said its last
	said  bytes.Buffer  // to be read once it has ended
}

// begins starts the service, and waits until it is ready or at its end.
func (k *killing) begins(variables ...string) {
	k.t.Helper()
	w := &watched{Cmd: k.command(context.Background(), "serve"), ready: make(chan struct{}), died: make(chan struct{}), ended: make(chan struct{})}
	w.Env = append(w.Env, variables...)
	// A pipe of our own: the children write to it too, and must be able to when their
	// parent is gone.
	out, in, err := os.Pipe()
	if err != nil {
		k.t.Fatal(err)
	}
	w.Stderr = in
	if err := errors.Join(w.Start(), in.Close()); err != nil {
		k.t.Fatal(err)
	}
	k.service = w
	go w.listens(out)
	select {
	case <-w.ready:
	case <-w.ended:
		k.t.Fatalf("the service did not start: %s", w.said.String())
	case <-time.After(killWait):
		k.t.Fatal("the service is not ready")
	}
}

// listens reads what a service says.
func (w *watched) listens(out io.ReadCloser) {
	defer close(w.ended)
	defer out.Close() //nolint:errcheck // nobody writes any more
	ready, died := sync.OnceFunc(func() { close(w.ready) }), sync.OnceFunc(func() { close(w.died) })
	b := make([]byte, 4096)
	for {
		n, err := out.Read(b)
		w.said.Write(b[:n])
		if bytes.Contains(w.said.Bytes(), []byte("ready in")) {
			ready()
		}
		if bytes.Contains(w.said.Bytes(), []byte("a process ended")) {
			died()
		}
		if err != nil {
			return
		}
	}
}

// ends ends the service with a signal and waits for it; its children are gone too
// once nobody holds its standard error.
func (k *killing) ends(signal syscall.Signal) {
	k.t.Helper()
	w := k.service
	if w == nil {
		return
	}
	k.service = nil
	if err := w.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		k.t.Error(err)
	}
	select {
	case <-w.ended:
	case <-time.After(killWait):
		k.t.Errorf("children of a parent that has ended with %v still live: %v", signal, k.family())
	}
	if w.ProcessState != nil {
		return // it was killed before
	}
	if err := w.Wait(); err != nil && signal == syscall.SIGINT {
		k.t.Errorf("the service ended with %v: %s", err, w.said.String())
	}
}

// family are the processes of the installation's children, by their number.
func (k *killing) family() map[int]string {
	k.t.Helper()
	entries, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		k.t.Fatal(err)
	}
	all := map[int]string{}
	for _, e := range entries {
		line, err := os.ReadFile(e)
		if err != nil {
			continue // it has ended meanwhile
		}
		words := strings.Split(string(line), "\x00")
		if pid, err := strconv.Atoi(strings.Split(e, "/")[2]); err == nil && len(words) > 4 && words[1] == "run" && slices.Contains(words, k.dir) {
			all[pid] = words[2]
		}
	}
	return all
}

// kills kills the parent, or its child of a role.
func (k *killing) kills(role string, children map[int]string) {
	k.t.Helper()
	if role == "" {
		if err := k.service.Process.Kill(); err != nil {
			k.t.Error(err)
		}
		_ = k.service.Wait() // it was killed
		return
	}
	for pid, is := range children {
		if is != role {
			continue
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			k.t.Error(err)
		}
	}
}

// gone waits until the children of a killed parent have ended by themselves; nil
// are all children of the installation.
func (k *killing) gone(children map[int]string) {
	k.t.Helper()
	for late := time.Now().Add(killWait); ; {
		left := k.family()
		if children != nil {
			maps.DeleteFunc(left, func(pid int, _ string) bool { return children[pid] == "" })
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(late) {
			k.t.Fatalf("the parent is gone, and these live on: %v", left)
		}
	}
}
