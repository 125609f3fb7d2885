// SPDX-License-Identifier: Apache-2.0

//go:build faults

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chancery/ca"
)

// typesWith types a command with a variable of package faults.
func (h hand) typesWith(variable string, args ...string) said {
	h.t.Helper()
	c := h.command(h.t.Context(), args...)
	c.Env = append(c.Env, variable)
	return h.runs(c)
}

// TI-02: a clock behind the log signs nothing, and the service says what to do.
func TestTI02_AClockBehindTheLogSignsNothing(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	if s := h.typesWith("CHANCERY_FAULT_CLOCK=90m", "issue", "nas.lab.example"); s.code != 0 {
		t.Fatal(s.err)
	}
	h.refused("E3003", "issue", "web.lab.example")
	if s := h.done("list"); !strings.Contains(s.out, "nas.lab.example") {
		t.Errorf("the list:\n%s", s.out)
	}
	_, service := h.serving()
	h.refused("E3003", "issue", "web.lab.example")
	h.refused("E3003", "crl", "publish")
	h.done("revoke", "nas.lab.example", "--confirm", "nas.lab.example")
	h.refused("E1101", "recover", "--time-reset", "--confirm", "1999-01-01")
	h.done("recover", "--time-reset", "--confirm", time.Now().Format(time.DateOnly))
	h.done("issue", "web.lab.example")
	h.done("crl", "publish")
	if err := service.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := service.Wait(); err != nil {
		t.Error(err)
	}
	if s := h.done("audit", "verify"); !strings.Contains(s.out, "tree ✓") {
		t.Errorf("the log:\n%s", s.out)
	}
}

// IS-03: the database was restored from before; what the log has is put back, and
// what it cannot say an officer decides.
func TestIS03_ADatabaseOfYesterday(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.done("issue", "a.lab.example")
	book := filepath.Join(h.dir, "front", "db")
	if err := os.CopyFS(h.file("yesterday"), os.DirFS(book)); err != nil {
		t.Fatal(err)
	}
	h.done("issue", "b.lab.example")
	// The signer dies after the key was used, and everything with it.
	c := h.command(t.Context(), "issue", "c.lab.example")
	c.Env = append(c.Env, "CHANCERY_FAULT_POINT=signed:1")
	h.diesSaying(c, "a process ended")
	if err := os.RemoveAll(book); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(book, os.DirFS(h.file("yesterday"))); err != nil {
		t.Fatal(err)
	}
	h.done("doctor", "--fix", "--only", "modes")

	s := h.done("recover", "--json")
	var unknown []ca.Unknown
	if err := json.Unmarshal([]byte(s.out), &unknown); err != nil || len(unknown) != 1 || unknown[0].Names[0].Value != "c.lab.example" {
		t.Fatalf("unknown are %s, %v", s.out, err)
	}
	if s := h.done("list", "-o", "csv"); !strings.Contains(s.out, "b.lab.example") || strings.Contains(s.out, "c.lab.example") {
		t.Errorf("after the restore:\n%s", s.out)
	}
	entry := fmt.Sprint(unknown[0].Index)
	h.refused("E2101", "recover", "--adopt", h.file("b.lab.example.pem"))
	h.refused("E2203", "recover", "--adopt", h.file("words"))
	h.refused("E1101", "recover", "--void", entry)
	h.refused("E1101", "recover", "--void", entry, "--confirm", "1")
	h.refused("E2101", "recover", "--void", "1", "--confirm", "1")
	h.done("recover", "--void", entry, "--confirm", entry)
	if s := h.done("recover"); !strings.Contains(s.err, "nothing has to be decided") {
		t.Errorf("it still says %s%s", s.out, s.err)
	}
	h.done("issue", "c.lab.example", "--key-file", h.file("again.key"))
	if s := h.done("audit", "verify"); !strings.Contains(s.out, "tree ✓") {
		t.Errorf("the log:\n%s", s.out)
	}
	h.done("crl", "publish")
	if s := h.done("crl", "show", "--ca", "issuing-g1"); !strings.Contains(s.out, "1 cessationOfOperation") {
		t.Errorf("the list lacks the void serial:\n%s", s.out)
	}
}

// diesSaying runs a command and kills it as soon as it says something, unless it failed by
// itself before.
func (h hand) diesSaying(c *exec.Cmd, what string) {
	h.t.Helper()
	stderr, err := c.StderrPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		h.t.Fatal(err)
	}
	said := bufio.NewReader(stderr)
	for {
		line, err := said.ReadString('\n')
		if err != nil { // its parts may be gone before there is somebody to say so
			if c.Wait() == nil {
				h.t.Fatalf("it ended well, without saying %q", what)
			}
			return
		}
		if strings.Contains(line, what) {
			break
		}
	}
	if err := c.Process.Kill(); err != nil {
		h.t.Fatal(err)
	}
	_ = c.Wait() // it was killed
}

// BK-06: the signer dies between the leaves of a revoked authority and its list; the
// same command makes it whole.
func TestBK06_ADeathOnTheWayIsMadeWholeByTheSameCommand(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.done("issue", "one.lab.example", "--out", h.file("one.pem"), "--key-file", h.file("one.key"))
	line := []string{"ca", "revoke", "issuing-g1", "--reason", "keyCompromise", "--recovery-file", h.file("words"), "--confirm", "issuing-g1"}
	c := h.command(t.Context(), line...)
	c.Env = append(c.Env, "CHANCERY_FAULT_POINT=revoked:1")
	h.diesSaying(c, "a process ended")
	if out := h.trustedRoot("one"); !strings.Contains(out, ": OK") {
		t.Errorf("no list was made, and it says %s", out)
	}
	if s := h.done("ca", "list"); !strings.Contains(s.out, "retired, revoked") {
		t.Errorf("%s", s.out)
	}
	h.done(line...)
	if out := h.trustedRoot("one"); !strings.Contains(out, "certificate revoked") {
		t.Errorf("%s", out)
	}
	if v := h.agrees(); v.Book.Count+v.Lists.Count != 0 {
		t.Errorf("%+v", v)
	}
}
