// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// What a first day brings: commands that fail half-way and are typed again.

func TestAFailedIssueLeavesNoKeyAndCanBeTypedAgain(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.refused("E2107", "issue", "nas.other.example")
	h.refused("E2118", "issue", "nas.lab.example", "--profile", "none")
	if left, _ := filepath.Glob(h.file("*.key")); len(left) != 0 {
		t.Errorf("it left %q", left)
	}
	nowhere := hand{t, h.file("nowhere")}
	nowhere.refused("E1001", "issue", "nas.lab.example")
	if left, _ := filepath.Glob(h.file("*.key")); len(left) != 0 {
		t.Errorf("it left %q", left)
	}
	h.done("issue", "nas.lab.example")
	h.refused("E1102", "issue", "nas.lab.example")
}

// After a lost answer the same command takes up the key that is there, and gets
// the certificate that was signed for it.
func TestIssueTypedAgainGetsTheSameCertificate(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.done("issue", "nas.lab.example")
	first := h.read("nas.lab.example.pem")
	if err := os.Remove(h.file("nas.lab.example.pem")); err != nil {
		t.Fatal(err)
	}
	if s := h.done("issue", "nas.lab.example"); !strings.Contains(s.err, "was there, and is used") {
		t.Errorf("it does not say that the key was there: %q", s.err)
	}
	if h.read("nas.lab.example.pem") != first {
		t.Error("the same command signed twice")
	}
	h.write("foreign.key", "not a key")
	h.refused("E1102", "issue", "a.lab.example", "--key-file", h.file("foreign.key"))
	if h.read("foreign.key") != "not a key" {
		t.Error("a file that is no key was written over")
	}
}

// Of several who ask for the same at once one makes the key, and whoever is served
// gets its one certificate.
func TestTheSameIssueAtTheSameTime(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	var all sync.WaitGroup
	var done atomic.Int32
	for range 6 {
		all.Go(func() {
			switch s := h.types("issue", "same.lab.example"); {
			case s.code == 0:
				done.Add(1)
			case s.code != exitUsage || !strings.Contains(s.err, "E1102"): // the files were there as it began
				t.Errorf("exit %d\n%s", s.code, s.err)
			}
		})
	}
	all.Wait()
	if s := h.done("list", "-q", "--name", "same.lab.example"); strings.Count(s.out, "\n") != 1 || done.Load() == 0 {
		t.Errorf("%d were served, and these were issued:\n%s", done.Load(), s.out)
	}
	if out, err := exec.CommandContext(t.Context(), "sh", "-c", "openssl pkey -in "+h.file("same.lab.example.key")+" -pubout; echo; openssl x509 -in "+h.file("same.lab.example.pem")+" -noout -pubkey").Output(); err != nil {
		t.Error(err)
	} else if key, certificate, _ := strings.Cut(string(out), "\n\n"); strings.TrimSpace(key) != strings.TrimSpace(certificate) {
		t.Error("key and certificate do not belong together")
	}
}

// Without a service each command is alone with the directory; the others wait.
func TestCommandsAtTheSameTimeWaitForEachOther(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			if s := h.types("issue", fmt.Sprintf("n%d.lab.example", i)); s.code != 0 {
				t.Errorf("issue %d: exit %d\n%s", i, s.code, s.err)
			}
		})
	}
	all.Wait()
	if s := h.done("list"); strings.Count(s.out, ".lab.example") != 6 {
		t.Errorf("the list:\n%s", s.out)
	}
}

func TestAnInitThatFailedCanBeTypedAgain(t *testing.T) {
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	words := h.write("words", "somebody's file")
	init := []string{"init", "--names", "lab.example", "--recovery-file"}
	h.refused("E1102", append(init, words)...)
	if h.read("words") != "somebody's file" {
		t.Error("a file was written over")
	}
	if _, err := os.Stat(h.dir); err == nil {
		t.Error("it left a directory")
	}
	h.refused("E1101", append(init, filepath.Join(h.dir, "words"))...)

	// The database does not answer, which shows when words and directory are there.
	t.Setenv("CHANCERY_DATABASE", "postgres://nobody@127.0.0.1:"+closedPort(t)+"/none")
	if s := h.types(append(init, h.file("words2"))...); s.code == 0 {
		t.Error("it founded without its database")
	}
	t.Setenv("CHANCERY_DATABASE", "")
	for _, path := range []string{h.dir, h.file("words2")} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("it left %s", path)
		}
	}
	h.done(append(init, h.file("words2"))...)
	h.refused("E1002", append(init, h.file("words3"))...)
	if err := os.Remove(filepath.Join(h.dir, "chancery.toml")); err != nil {
		t.Fatal(err)
	}
	h.refused("E1408", "list")
	h.refused("E1408", append(init, h.file("words3"))...)
}

// The directory is found where it lies, not where it was.
func TestADirectoryCanBeMoved(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.done("issue", "nas.lab.example")
	moved := hand{t, h.file("elsewhere")}
	if err := os.Rename(h.dir, moved.dir); err != nil {
		t.Fatal(err)
	}
	moved.done("issue", "web.lab.example")
	if s := moved.done("list"); strings.Count(s.out, ".lab.example") != 2 {
		t.Errorf("the list:\n%s", s.out)
	}
	h.refused("E1001", "list")
}

// T-02: without a terminal every missing answer is named at once.
func TestT02_InitNamesAllThatIsMissing(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	s := h.refused("E1101", "init", "--unlock", "prompt")
	for _, flag := range []string{"--names", "--recovery-file", "--password-file"} {
		if !strings.Contains(s.err, flag) {
			t.Errorf("it does not name %s: %s", flag, s.err)
		}
	}
}

// closedPort is a port that nobody listens on.
func closedPort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return port
}

// refused types a command that must fail with a code.
func (h hand) refused(code string, args ...string) said {
	h.t.Helper()
	s := h.types(args...)
	if s.code == 0 || !strings.Contains(s.err, "code: "+code) {
		h.t.Errorf("chancery %s: exit %d, want %s\n%s", strings.Join(args, " "), s.code, code, s.err)
	}
	return s
}

func (h hand) read(name string) string {
	h.t.Helper()
	b, err := os.ReadFile(h.file(name))
	if err != nil {
		h.t.Fatal(err)
	}
	return string(b)
}

// What was revoked is not handed out again as if it stood, and a lost key does not
// come back; a lost database is not replaced by an empty one.
func TestWhatIsGoneIsNotHandedOutAgain(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.done("issue", "lost.lab.example")
	h.done("revoke", "lost.lab.example", "--reason", "superseded", "--confirm", "lost.lab.example")
	if err := os.Remove(h.file("lost.lab.example.pem")); err != nil {
		t.Fatal(err)
	}
	h.refused("E2111", "issue", "lost.lab.example")
	h.done("issue", "www.lab.example")
	h.done("issue", "mail.lab.example", "--key-file", h.file("www.lab.example.key"))
	h.done("revoke", "www.lab.example", "--reason", "keyCompromise", "--confirm", "www.lab.example")
	h.refused("E2204", "issue", "nas.lab.example", "--key-file", h.file("www.lab.example.key"))
	if s := h.done("list", "--status", "revoked", "--name", "mail.lab.example"); !strings.Contains(s.out, "mail.lab.example") {
		t.Errorf("another certificate of the lost key stands:\n%s", s.out)
	}
	if s := h.done("audit", "verify"); !strings.Contains(s.out, "tree ✓") {
		t.Errorf("the log:\n%s", s.out)
	}

	book := filepath.Join(h.dir, "front", "db", "book.sqlite")
	if err := os.Rename(book, h.file("book")); err != nil {
		t.Fatal(err)
	}
	for _, side := range []string{"-wal", "-shm"} {
		_ = os.Remove(book + side)
	}
	h.refused("E1405", "list")
	h.refused("E1405", "serve")
	if _, err := os.Stat(book); err == nil {
		t.Error("an empty database was made")
	}
	if err := os.Rename(h.file("book"), book); err != nil {
		t.Fatal(err)
	}
	h.done("list")
}
