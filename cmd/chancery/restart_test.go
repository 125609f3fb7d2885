// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"chancery/client"
)

// PR-07: a front that is killed takes nobody with it. The parent starts another on
// the same socket, whose queue was kept, and the signer goes on as it was.
func TestPR07_AKilledFrontIsStartedAgainAndTheSignerLivesOn(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	front, signer := h.process("front"), h.process("signer")
	if err := syscall.Kill(front, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	h.answers()
	if pid := h.process("front"); pid == front {
		t.Errorf("process %d was killed and still is the front", pid)
	}
	if pid := h.process("signer"); pid != signer {
		t.Errorf("the signer was process %d and is %d", signer, pid)
	}
	h.done("sign", h.request("nas.lab.example"))
}

// The other way round: the front lives, and settles with the signer that comes after.
func TestPR07_AKilledSignerIsStartedAgainAndTheFrontLivesOn(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	front, signer := h.process("front"), h.process("signer")
	if err := syscall.Kill(signer, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	request := h.request("nas.lab.example")
	// A front keeps its requesters waiting for some seconds, and then lets them ask again.
	for deadline := time.Now().Add(time.Minute); ; {
		s := h.types("sign", request)
		if s.code == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing is signed again: exit %d\n%s", s.code, s.err)
		}
	}
	if pid := h.process("front"); pid != front {
		t.Errorf("the front was process %d and is %d", front, pid)
	}
	if pid := h.process("signer"); pid == signer {
		t.Errorf("process %d was killed and still is the signer", pid)
	}
	h.done("audit", "verify")
}

// answers waits until admin.sock does: calls wait in the socket's queue while there
// is no front.
func (h hand) answers() {
	h.t.Helper()
	c, err := client.Dial(dialPath(filepath.Join(h.dir, "run", "admin.sock")))
	if err != nil {
		h.t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Minute)
	defer cancel()
	for {
		_, err := c.Status(ctx)
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			h.t.Fatalf("admin.sock does not answer again: %v", err)
		}
	}
}

// process finds the process of a role of this installation, as ps would.
func (h hand) process(role string) int {
	h.t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		h.t.Fatal(err)
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		line, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ESRCH) {
			h.t.Fatal(err)
		}
		words := bytes.Split(bytes.TrimRight(line, "\x00"), []byte{0})
		if len(words) < 4 || string(words[1]) != "run" || string(words[2]) != role {
			continue
		}
		if slices.ContainsFunc(words[3:], func(w []byte) bool { return string(w) == h.dir }) {
			pids = append(pids, pid)
		}
	}
	if len(pids) != 1 {
		h.t.Fatalf("%d processes are the %s of %s", len(pids), role, h.dir)
	}
	return pids[0]
}
