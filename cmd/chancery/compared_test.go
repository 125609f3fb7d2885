// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"chancery/ca"
)

// R72: after signing the names in the certificate are held against those asked for, for a key
// made here and for a request of a stranger's.
func TestR72_WhatWasSignedIsHeldAgainstWhatWasAsked(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	if s := h.done("issue", "nas.lab.example", "10.0.0.7", "--profile", "server"); !strings.Contains(s.err, "checked: the certificate has the names that were asked for: nas.lab.example, 10.0.0.7\n") {
		t.Errorf("issue says:\n%s", s.err)
	}
	if s := h.done("sign", h.request("web.lab.example")); !strings.Contains(s.err, "asked for") || !strings.Contains(s.err, "web.lab.example") || strings.Contains(s.err, "added by") {
		t.Errorf("sign says:\n%s", s.err)
	}
	if s := h.done("issue", "quiet.lab.example", "-q"); strings.Contains(s.err, "checked") {
		t.Errorf("-q says:\n%s", s.err)
	}
}

func TestR72_EachDifferenceIsNamed(t *testing.T) {
	dns := func(v ...string) (out []ca.Name) {
		for _, one := range v {
			out = append(out, ca.Name{Type: ca.DNS, Value: one})
		}
		return out
	}
	for want, names := range map[string][2][]ca.Name{
		"checked: the certificate has the names that were asked for: a, b\n":         {dns("b", "a"), dns("a", "b")},
		"! asked for and not in the certificate: b\n":                                {dns("a", "b"), dns("a")},
		"note: added by the profile: c\n":                                            {dns("a"), dns("a", "c")},
		"! asked for and not in the certificate: a\nnote: added by the profile: c\n": {dns("a"), dns("c")},
	} {
		if got := comparison(names[0], names[1], []string{"nothing of it"}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// R120: nothing is told to the world: with no network at all, not even the loopback, an
// installation is made and issues, and what it issues carries no receipt of a public log.
func TestR120_NothingLeavesTheMachine(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	alone := func(args ...string) string {
		t.Helper()
		c := h.command(t.Context(), args...)
		c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}}
		var said bytes.Buffer
		c.Stderr = &said
		out, err := c.Output()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, said.Bytes())
		}
		return string(out)
	}
	alone("init", "--names", "lab.example", "--recovery-file", h.file("words"))
	alone("issue", "nas.lab.example", "--out", h.file("nas/"))
	out := alone("show", "nas.lab.example", "-o", "text")
	if !strings.Contains(out, "Subject Alternative Name") || strings.Contains(out, "CT Precertificate") || strings.Contains(out, "1.3.6.1.4.1.11129.2.4") {
		t.Errorf("the certificate has been shown to a public log:\n%s", out)
	}
}

// One is told as one.
func TestAShortLogIsToldInTheSingular(t *testing.T) {
	t.Parallel()
	v := verified{NotCompared: "not asked for"}
	v.Log.Leaves, v.Log.Checkpoints = 1, 1
	saysAll(t, "a short log", v.text(), "checked 1 entry ", "1 signed checkpoint ✓")
	v.Log.Leaves, v.Log.Checkpoints = 12, 2
	saysAll(t, "a longer one", v.text(), "checked 12 entries ", "2 signed checkpoints ✓")
}
