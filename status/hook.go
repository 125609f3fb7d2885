// SPDX-License-Identifier: Apache-2.0

package status

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"chancery/internal/whole"
)

const (
	// hookTime bounds a run: one that hangs would keep the next from happening.
	hookTime = time.Minute
	// hookAgain is when a run that failed is tried again; each time it waits twice as long,
	// up to hookLongest.
	hookAgain, hookLongest = 5 * time.Second, 5 * time.Minute
	// hookArguments is how many files one run is told of: a line of arguments is bounded.
	hookArguments = 256
	// hookSays bounds what is kept of its output, in octets.
	hookSays = 4 << 10
)

// A Hook runs a program after each change, with the changed files as arguments. What it
// was not told of yet is kept in a file, through a restart too. It delays nobody.
type Hook struct {
	// Program is its path. No shell takes part: arguments are not read as a language.
	Program string
	// State is the file with what it was not told of.
	State string
	Log   *slog.Logger

	mu      sync.Mutex // held for a look, a change, and the writing of State
	waiting Waiting
	held    bool     // files are being changed
	since   []string // noted after the last run began
	wake    chan struct{}
}

// Waiting is what a hook was not told of yet, as its file has it.
type Waiting struct {
	Paths []string `json:"paths"`
	// Fault is how the last run failed; empty if there was none.
	Fault string `json:"fault,omitempty"`
}

// NewHook makes a hook, and takes up what was left in its file. Run must be running.
func NewHook(program, state string, log *slog.Logger) (*Hook, error) {
	w, err := ReadWaiting(state)
	if err != nil {
		return nil, err
	}
	return &Hook{Program: program, State: state, Log: log, waiting: w, wake: make(chan struct{}, 1)}, nil
}

// ReadWaiting reads the file of a hook; none is nothing to tell.
func ReadWaiting(path string) (w Waiting, err error) {
	body, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return w, nil
	}
	if err == nil {
		err = json.Unmarshal(body, &w)
	}
	if err != nil {
		return w, fmt.Errorf("read what the hook waits for: %w", err)
	}
	return w, nil
}

// note notes files that are about to change. When it returns, the program will be told of
// them, but not before placed.
func (h *Hook) note(paths []string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := slices.Concat(h.waiting.Paths, paths)
	slices.Sort(all)
	if all = slices.Compact(all); len(all) > len(h.waiting.Paths) {
		next := Waiting{Paths: all, Fault: h.waiting.Fault}
		if err := h.keep(next); err != nil {
			return err
		}
		h.waiting = next
	}
	h.held, h.since = true, append(h.since, paths...)
	return nil
}

// placed says that what was noted lies in its place.
func (h *Hook) placed() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held = false
	select {
	case h.wake <- struct{}{}:
	default: // it is to be woken already
	}
}

// some are the files of the next run.
func (h *Hook) some() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.held {
		return nil
	}
	h.since = nil
	return slices.Clone(h.waiting.Paths[:min(len(h.waiting.Paths), hookArguments)])
}

// keep writes the file, or takes it away.
func (h *Hook) keep(w Waiting) error {
	if len(w.Paths) == 0 {
		if err := os.Remove(h.State); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	body, err := json.Marshal(w)
	if err == nil {
		err = whole.Put(h.State, 0o600, body)
	}
	if err != nil {
		return fmt.Errorf("note what the hook is to be told: %w", err)
	}
	return nil
}

// forget takes files off that are no more.
func (h *Hook) forget(paths []string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	isGone := func(p string) bool { return slices.Contains(paths, p) }
	if !slices.ContainsFunc(h.waiting.Paths, isGone) {
		return nil
	}
	h.waiting.Paths = slices.DeleteFunc(slices.Clone(h.waiting.Paths), isGone)
	if len(h.waiting.Paths) == 0 {
		h.waiting.Fault = ""
	}
	return h.keep(h.waiting)
}

// Trouble says how the last run failed; nil if it did not.
func (h *Hook) Trouble() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiting.Fault == "" {
		return nil
	}
	return errors.New(h.waiting.Fault)
}

// Run runs the program after changes until ctx ends, and again until it succeeds.
func (h *Hook) Run(ctx context.Context) error {
	for wait := hookAgain; ; {
		some := h.some()
		if len(some) == 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-h.wake:
			}
			continue
		}
		err := h.once(ctx, some)
		if ctx.Err() != nil {
			return ctx.Err() // it is told again after the next start
		}
		if err = errors.Join(err, h.told(some, err)); err == nil {
			wait = hookAgain
			continue
		}
		h.Log.Error("the hook of what is published failed, and is run again", "program", h.Program, "error", err, "again_in", wait.String())
		if err := pause(ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, hookLongest)
	}
}

// told takes files off the list after a run, or notes its failure.
func (h *Hook) told(paths []string, failed error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	next := h.waiting
	if failed != nil {
		next.Fault = failed.Error()
	} else {
		next = Waiting{Paths: slices.DeleteFunc(slices.Clone(next.Paths), func(p string) bool { return slices.Contains(paths, p) && !slices.Contains(h.since, p) })}
	}
	h.waiting = next
	return h.keep(next)
}

// once runs the program. It gets none of the service's variables: one of them may hold
// the password of the database.
func (h *Hook) once(ctx context.Context, paths []string) error {
	// Each time: it may have been opened to others since.
	if err := TrustedProgram(h.Program); err != nil {
		return fmt.Errorf("the hook is not run: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, hookTime)
	defer cancel()
	c := exec.CommandContext(ctx, h.Program, paths...) //nolint:gosec // the operator's own program
	c.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}
	c.Dir = "/"
	said := &tail{}
	c.Stdout, c.Stderr, c.WaitDelay = said, said, time.Second
	// What it started ends with it.
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	err := c.Run()
	text := strings.TrimSpace(said.String())
	switch {
	case err == nil:
		h.Log.Info("the hook of what is published has run", "program", h.Program, "files", len(paths), "output", text)
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s did not end within %s", h.Program, hookTime)
	case text != "":
		return fmt.Errorf("%s: %w: %s", h.Program, err, text)
	}
	return fmt.Errorf("%s: %w", h.Program, err)
}

// tail keeps the end of what is written.
type tail struct{ bytes.Buffer }

func (t *tail) Write(b []byte) (int, error) {
	n := len(b)
	if n > hookSays {
		b = b[n-hookSays:]
	}
	if over := t.Len() + len(b) - hookSays; over > 0 {
		t.Next(over)
	}
	_, _ = t.Buffer.Write(b) // a buffer takes everything
	return n, nil
}
