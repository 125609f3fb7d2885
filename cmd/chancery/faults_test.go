// SPDX-License-Identifier: Apache-2.0

//go:build faults

package main

import (
	"os"
	"strings"
	"testing"
	"time"
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
