// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"chancery/ca"
)

// TestMain lets the test binary be the program: the processes that the command
// line starts are this file again.
func TestMain(m *testing.M) {
	if os.Getenv("CHANCERY_TEST_MAIN") == "1" {
		if uid, err := strconv.Atoi(os.Getenv("CHANCERY_TEST_UID")); err == nil {
			if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(uid), syscall.Setuid(uid)); err != nil {
				panic(err)
			}
		}
		main()
		return
	}
	if at := os.Getenv("CHANCERY_TEST_EMPTY"); at != "" {
		serveEmpty(at)
	}
	os.Exit(m.Run())
}

// A hand types commands into one installation.
type hand struct {
	t   testing.TB
	dir string
}

type said struct {
	out, err string
	code     int
}

func (h hand) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, os.Args[0], args...)
	c.Env = append(os.Environ(), "CHANCERY_TEST_MAIN=1", "CHANCERY_DIR="+h.dir, "CHANCERY_LISTEN_HTTP=127.0.0.1:0", "CHANCERY_LISTEN=off", "CHANCERY_LISTEN_MTLS=off", "CHANCERY_FAULT_LIGHT=1")
	c.Dir = filepath.Dir(h.dir)
	return c
}

func (h hand) types(args ...string) said {
	h.t.Helper()
	return h.runs(h.command(h.t.Context(), args...))
}

func (h hand) runs(c *exec.Cmd) said {
	h.t.Helper()
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		h.t.Fatal(err)
	}
	return said{out.String(), errs.String(), c.ProcessState.ExitCode()}
}

func (h hand) done(args ...string) said {
	h.t.Helper()
	s := h.types(args...)
	if s.code != 0 {
		h.t.Fatalf("chancery %s: exit %d\n%s%s", strings.Join(args, " "), s.code, s.out, s.err)
	}
	return s
}

func (h hand) file(name string) string { return filepath.Join(filepath.Dir(h.dir), name) }

func (h hand) write(name, content string) string {
	h.t.Helper()
	if err := os.WriteFile(h.file(name), []byte(content), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return h.file(name)
}

// nobody is a pki_url where nothing answers, whatever else runs on the machine.
const nobody = "http://127.0.0.1:1"

func newHand(t testing.TB) hand {
	t.Helper()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	h.done("init", "--names", "lab.example", "--pki-url", nobody, "--recovery-file", h.file("words"))
	return h
}

// request makes a request with OpenSSL, and gives its path.
func (h hand) request(name string) string {
	h.t.Helper()
	path := h.file(name + ".csr")
	out, err := exec.CommandContext(h.t.Context(), "openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
		"-keyout", h.file(name+".key"), "-subj", "/CN="+name, "-out", path).CombinedOutput()
	if err != nil {
		h.t.Fatalf("openssl req: %v\n%s", err, out)
	}
	return path
}

// serve runs the service until the test ends, and gives what it said at its start.
func (h hand) serve() string {
	h.t.Helper()
	said, _ := h.serving()
	return said
}

// serving is serve for tests that end the service themselves, or give it variables.
func (h hand) serving(variables ...string) (said string, service *exec.Cmd) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := h.command(ctx, "serve")
	c.Env = append(c.Env, variables...)
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 30 * time.Second
	said = h.started(c)
	h.t.Cleanup(func() { cancel(); _ = c.Wait() })
	return said, c
}

// started starts a service and waits until it is ready; it gives what it said.
func (h hand) started(c *exec.Cmd) string {
	h.t.Helper()
	stderr, err := c.StderrPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		h.t.Fatal(err)
	}
	var seen []byte
	for !bytes.Contains(seen, []byte("ready in")) {
		b := make([]byte, 4096)
		n, err := stderr.Read(b)
		if seen = append(seen, b[:n]...); err != nil {
			h.t.Fatalf("the service did not start: %s", seen)
		}
	}
	// A service that says more must not wait for somebody who reads it.
	go func() { _, _ = io.Copy(io.Discard, stderr) }()
	return string(seen)
}

// R47: the whole road, from init to a chain that OpenSSL accepts, without a
// service and with one; the log is whole afterwards.
func TestAStrangersRequestIsSignedAndVerifies(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.write("root.pem", h.done("ca", "bundle").out)
	h.write("nas.pem", h.done("sign", h.request("nas.lab.example")).out)
	h.serve()
	h.write("web.pem", h.done("sign", h.request("web.lab.example")).out)
	for _, name := range []string{"nas", "web"} {
		chain := h.file(name + ".pem")
		if out, err := exec.CommandContext(t.Context(), "openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", name+".lab.example",
			"-CAfile", h.file("root.pem"), "-untrusted", chain, chain).CombinedOutput(); err != nil {
			t.Errorf("openssl verify: %v\n%s", err, out)
		}
	}
	for _, want := range []string{"nas.lab.example", "web.lab.example"} {
		if s := h.done("list"); !strings.Contains(s.out, want) {
			t.Errorf("the list lacks %s:\n%s", want, s.out)
		}
		if s := h.done("show", want); !strings.Contains(s.out, "dns:"+want) {
			t.Errorf("show %s:\n%s", want, s.out)
		}
	}
	var s ca.Status
	if err := json.Unmarshal([]byte(h.done("status", "--json").out), &s); err != nil || s.Problem != nil || s.Counts.Valid != 2 || s.Counts.Authorities != 2 || s.Leaves < s.Mark {
		t.Errorf("status: %+v, %v", s, err)
	}
	if v := h.done("audit", "verify"); !strings.Contains(v.out, "tree ✓") {
		t.Errorf("audit verify:\n%s", v.out)
	}
}

func TestExitCodesAndTheErrorForm(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	certificate := h.write("root.pem", h.done("ca", "bundle").out)
	for _, tt := range []struct {
		name string
		code ca.Code
		exit int
		args []string
	}{
		{"a second init", ca.E1002, exitConflict, []string{"init", "--names", "lab.example", "--recovery-file", h.file("other")}},
		{"init without a terminal and without a file for the words", ca.E1101, exitUsage, []string{"init", "--names", "a.example", "--dir", h.file("new")}},
		{"separated", ca.E1101, exitRefused, []string{"init", "--names", "a.example", "--assurance", "separated", "--dir", h.file("new")}},
		{"a directory without an authority", ca.E1001, exitNotFound, []string{"list", "--dir", h.file("nothing")}},
		{"a foreign name", ca.E2107, exitRefused, []string{"sign", h.request("www.bank.example")}},
		{"a certificate for a request", ca.E2203, exitUsage, []string{"sign", certificate}},
		{"a file that is not there", ca.E1102, exitUsage, []string{"sign", h.file("nothing.csr")}},
		{"a name that was never certified", ca.E2101, exitNotFound, []string{"show", "nobody.lab.example"}},
		{"an unknown command", ca.E1101, exitUsage, []string{"sing"}},
		{"an unknown flag", ca.E1101, exitUsage, []string{"list", "--colour"}},
		{"keys without a service", ca.E1201, exitUnreachable, []string{"key", "list"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := hand{t, h.dir}.types(tt.args...)
			if s.code != tt.exit || s.out != "" || !strings.HasPrefix(s.err, "chancery: error: ") || !strings.Contains(s.err, "code: "+string(tt.code)) {
				t.Errorf("exit %d, want %d with %s\nstdout: %s\nstderr: %s", s.code, tt.exit, tt.code, s.out, s.err)
			}
		})
	}
	if _, err := os.Stat(h.file("new")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a refused init left a directory behind")
	}
}

// T-03: a dry run signs nothing, and its answer is the policy's own.
func TestT03ADryRunAsksThePolicyAndSignsNothing(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	if s := h.done("sign", "--dry-run", h.request("nas.lab.example")); !strings.Contains(s.out, "+ dns:nas.lab.example") {
		t.Errorf("the plan is\n%s", s.out)
	}
	if s := h.types("sign", "--dry-run", h.request("www.bank.example")); s.code != exitRefused {
		t.Errorf("exit %d\n%s", s.code, s.err)
	}
	if s := h.done("list"); strings.Contains(s.out, "nas.lab.example") {
		t.Errorf("something was signed:\n%s", s.out)
	}
}

func TestAuditVerifyFindsAFlippedOctet(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	path := filepath.Join(h.dir, "signer", "journal", "0000000000000000.seg")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	var one [1]byte
	if _, err := f.ReadAt(one[:], 2000); err != nil {
		t.Fatal(err)
	}
	one[0] ^= 4
	if _, err := f.WriteAt(one[:], 2000); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if s := h.types("audit", "verify"); s.code != exitFaults || !strings.Contains(s.err, "E3102") {
		t.Errorf("exit %d\n%s", s.code, s.err)
	}
	if s := h.types("status"); s.code == 0 || !strings.Contains(s.err, "E3102") {
		t.Errorf("on a damaged log: exit %d\n%s", s.code, s.err)
	}
}

// PR-03, KY-04: a loose mode is refused with path, found and needed.
func TestKY04ALooseModeIsRefused(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	if err := os.Chmod(filepath.Join(h.dir, "signer", "keys", "issuing-g1.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	if s := h.types("status"); s.code == 0 || !strings.Contains(s.err, "E1404") || !strings.Contains(s.err, "issuing-g1.key") {
		t.Errorf("exit %d\n%s", s.code, s.err)
	}
}

func TestKeysAreListedLockedAndUnlocked(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	if s := h.done("key", "list"); !strings.Contains(s.out, "root-g1") || !strings.Contains(s.out, "ocsp of root-g1") || !strings.Contains(s.out, "ocsp of issuing-g1") {
		t.Errorf("key list:\n%s", s.out)
	}
	h.done("key", "lock")
	if s := h.types("sign", h.request("a.lab.example")); s.code != exitLocked {
		t.Errorf("sign while locked: exit %d\n%s", s.code, s.err)
	}
	h.done("key", "unlock")
	h.done("sign", h.request("b.lab.example"))
}

func TestEachCodeIsExplained(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	if s := h.done("explain", "e2107"); !strings.HasPrefix(s.out, "E2107") {
		t.Errorf("%s", s.out)
	}
	if s := h.types("explain", "E9999"); s.code != exitNotFound {
		t.Errorf("exit %d", s.code)
	}
}
