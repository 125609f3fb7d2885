// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A desk is a terminal with somebody at it: far is the program's side.
type desk struct {
	t         testing.TB
	near, far *os.File
	seen      []byte
}

// newDesk opens a pseudo-terminal (pty(7)).
func newDesk(t testing.TB) *desk {
	t.Helper()
	near, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no pseudo-terminals: %v", err)
	}
	t.Cleanup(func() { near.Close() })
	number := 0
	raw, err := near.SyscallConn() // Fd would make reads ignore deadlines
	if err != nil {
		t.Fatal(err)
	}
	var fault error
	if err := raw.Control(func(fd uintptr) {
		fault = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0)
		n, err := unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		number, fault = n, errors.Join(fault, err)
	}); err != nil || fault != nil {
		t.Fatal(err, fault)
	}
	far, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	return &desk{t: t, near: near, far: far}
}

// awaits reads until the program has said something.
func (d *desk) awaits(text string) {
	d.t.Helper()
	if err := d.near.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		d.t.Fatal(err)
	}
	for !bytes.Contains(d.seen, []byte(text)) {
		b := make([]byte, 4096)
		n, err := d.near.Read(b)
		if d.seen = append(d.seen, b[:n]...); err != nil {
			d.t.Fatalf("it does not say %q (%v):\n%s", text, err, d.seen)
		}
	}
}

func (d *desk) echoes() bool {
	d.t.Helper()
	state, err := unix.IoctlGetTermios(int(d.far.Fd()), unix.TCGETS)
	if err != nil {
		d.t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

const (
	ctrlC = "\x03"
	ctrlD = "\x04"
)

// at types a command at a desk, a key once the prompt is there, and gives the exit
// code. Nothing else is typed: a prompt that waits for Enter hangs.
func (h hand) at(d *desk, prompt, key string, args ...string) int {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 20*time.Second)
	defer cancel()
	c := h.command(ctx, args...)
	c.Stdin, c.Stdout, c.Stderr = d.far, d.far, d.far
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		h.t.Fatal(err)
	}
	d.awaits(prompt)
	if strings.HasPrefix(prompt, "Passphrase") && d.echoes() {
		h.t.Error("a passphrase is shown while it is typed")
	}
	if _, err := d.near.WriteString(key); err != nil {
		h.t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := c.Wait(); err != nil && !errors.As(err, &exit) {
		h.t.Fatal(err)
	}
	if ctx.Err() != nil {
		h.t.Errorf("%q at %q did not end %v", key, prompt, args)
	}
	return c.ProcessState.ExitCode()
}

func TestPromptsEndWithCtrlCAndCtrlD(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, prompt string
		args         []string
	}{
		{"a question", "Names you will certify", []string{"init"}},
		{"a passphrase", "Passphrase: ", []string{"init", "--names", "lab.example", "--unlock", "prompt", "--recovery-file", "WORDS"}},
		{"the third word", "Type the third word", []string{"init", "--names", "lab.example"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for key, want := range map[string]int{ctrlC: exitInterrupted, ctrlD: exitUsage} {
				h, d := hand{t, filepath.Join(t.TempDir(), "data")}, newDesk(t)
				args := append([]string{}, tt.args...)
				if last := len(args) - 1; args[last] == "WORDS" {
					args[last] = h.file("words")
				}
				if code := h.at(d, tt.prompt, key, args...); code != want {
					t.Errorf("%q: exit %d, want %d\n%s", key, code, want, d.seen)
				}
				if key == ctrlD {
					d.awaits("nothing was typed")
				}
				if !d.echoes() {
					t.Errorf("%q: the terminal is left without echo", key)
				}
				for _, path := range []string{h.dir, h.file("words")} {
					if _, err := os.Stat(path); err == nil {
						t.Errorf("%q: it made %s", key, path)
					}
				}
			}
		})
	}
}

// Without a service the prompt stands while the command's own processes run.
func TestARevocationEndsWithCtrlCAtItsPrompt(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.done("issue", "nas.lab.example")
	for key, want := range map[string]int{ctrlC: exitInterrupted, ctrlD: exitUsage} {
		d := newDesk(t)
		if code := h.at(d, "Type the name to revoke", key, "revoke", "nas.lab.example"); code != want {
			t.Errorf("%q: exit %d, want %d\n%s", key, code, want, d.seen)
		}
	}
	if s := h.done("list", "--status", "revoked", "-q"); s.out != "" {
		t.Errorf("it revoked %s", s.out)
	}
}

// What a new root's words are is settled before there is anything that they open.
func TestANewRootEndsWithCtrlCAtItsPrompts(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	before := h.authorities()
	for key, want := range map[string]int{ctrlC: exitInterrupted, ctrlD: exitUsage} {
		for prompt, args := range map[string][]string{
			"Type yes to go on":   {"ca", "create", "lab2-g1", "--root"},
			"Type the third word": {"ca", "create", "lab2-g1", "--root", "--yes"},
			"Recovery words: ":    {"ca", "create", "users-g1", "--yes"},
		} {
			d := newDesk(t)
			if code := h.at(d, prompt, key, args...); code != want {
				t.Errorf("%q at %q: exit %d, want %d\n%s", key, prompt, code, want, d.seen)
			}
		}
	}
	if after := h.authorities(); after != before {
		t.Errorf("now there are\n%s", after)
	}
}
