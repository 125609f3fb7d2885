// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// mounted gives a new file system of 80 MiB, as long as the test lasts.
func (h hand) mounted() (at string) {
	h.t.Helper()
	at = h.file("small")
	if err := os.Mkdir(at, 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := syscall.Mount("none", at, "tmpfs", 0, "size=80m"); err != nil {
		h.t.Skipf("no file system can be mounted here: %v", err)
	}
	h.t.Cleanup(func() { _ = syscall.Unmount(at, syscall.MNT_DETACH) })
	return at
}

// smallDisk moves the installation to a file system of a few MiB, and gives what fills that
// to the last octet.
func (h hand) smallDisk() (small hand, fill func(name string)) {
	h.t.Helper()
	at := h.mounted()
	if out, err := exec.CommandContext(h.t.Context(), "cp", "-a", h.dir, at).CombinedOutput(); err != nil {
		h.t.Fatalf("%v: %s", err, out)
	}
	small = hand{h.t, filepath.Join(at, filepath.Base(h.dir))}
	return small, func(name string) {
		h.t.Helper()
		f, err := os.Create(filepath.Join(at, name))
		if err != nil {
			h.t.Fatal(err)
		}
		defer f.Close()
		for _, step := range []int{1 << 20, 1} {
			for err = nil; err == nil; _, err = f.Write(make([]byte, step)) {
			}
			if !errors.Is(err, syscall.ENOSPC) {
				h.t.Fatal(err)
			}
		}
	}
}

// IS-09, FT-03: with no octet free and no service running, revoking goes on and the service
// starts, on what was kept for that; issuing does not. When that is used up too, the refusal
// says what is wanted.
func TestIS09_OnAFullDiskRevokingGoesOnWithoutAService(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	for _, name := range []string{"a", "b"} {
		h.done("issue", name+".lab.example", "--out", name+".pem")
	}
	reserve := filepath.Join("signer", "state", "reserve")
	if _, err := os.Stat(filepath.Join(h.dir, reserve)); err != nil {
		t.Skipf("the disk of the tests has too little room itself: %v", err)
	}
	h, fill := h.smallDisk()
	reserve = filepath.Join(h.dir, reserve)
	fill("first")

	h.done("revoke", "a.lab.example", "--reason", "superseded", "--confirm", "a.lab.example")
	if s := h.done("list", "--status", "revoked"); !strings.Contains(s.out, "a.lab.example") {
		t.Errorf("list: %s", s.out)
	}
	if _, err := os.Stat(reserve); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the reserve: %v", err)
	}
	if s := h.types("issue", "c.lab.example", "--out", "-"); s.code != exitFailure || !strings.Contains(s.err, "E1407") {
		t.Errorf("issue: exit %d, %s", s.code, s.err)
	}
	_, service := h.serving()
	h.done("revoke", "b.lab.example", "--reason", "superseded", "--confirm", "b.lab.example")
	if err := service.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = service.Wait() // its cleanup may wait too

	fill("second")
	for _, args := range [][]string{{"list"}, {"serve"}, {"revoke", "b.lab.example", "--confirm", "b.lab.example"}} {
		if s := h.types(args...); s.code != exitFailure || !strings.Contains(s.err, "E1407") || !strings.Contains(s.err, "free space") || strings.Contains(s.err, "E9000") || strings.Contains(s.err, "E1410") {
			t.Errorf("%s: exit %d, %s", args, s.code, s.err)
		}
	}
	if err := os.Remove(filepath.Join(filepath.Dir(h.dir), "second")); err != nil {
		t.Fatal(err)
	}
	h.done("audit", "verify")
}

// IS-09: whoever founds where nothing can be issued is told so then, in the words of doctor.
func TestIS09_InitWarnsOfADiskThatIsTooSmall(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	h.dir = filepath.Join(h.mounted(), "data")
	const want = "and nothing is issued below 256 MiB; revoking goes on → free space on it, or move the installation to a larger one"
	if s := h.done("init", "--names", "lab.example", "--recovery-file", filepath.Join(t.TempDir(), "words")); !strings.Contains(s.out, "! only ") || !strings.Contains(s.out, want) {
		t.Errorf("init: %s", s.out)
	}
}
