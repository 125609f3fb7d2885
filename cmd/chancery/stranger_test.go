// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"chancery/ca"

	"golang.org/x/sys/unix"
)

// asAccount dials a socket as another account. The thread that gave up its rights
// takes nothing else on: its goroutine stays locked to it, and it ends with it.
func asAccount(uid int, path string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		type end struct {
			conn net.Conn
			err  error
		}
		done := make(chan end)
		go func() {
			runtime.LockOSThread()
			// The call of the kernel, and not that of package syscall, which would change
			// all threads.
			if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0)); errno != 0 {
				done <- end{nil, errno}
				return
			}
			conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
			done <- end{conn, err}
		}()
		e := <-done
		return e.conn, e.err
	}
}

// PR-03: an account that may open the socket, and that the policy does not map, is
// refused whatever it asks, and is counted on the log.
func TestPR03_AnAccountWithoutARoleIsRefusedOverTheSocket(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can speak as another account")
	}
	h := newHand(t)
	h.serve()
	const nobody = 65534
	// The way to the socket; the socket itself lets the test's group in.
	if err := os.Chmod(filepath.Dir(filepath.Dir(h.dir)), 0o711); err != nil {
		t.Fatal(err)
	}
	socket := dialPath(filepath.Join(h.dir, "run", "admin.sock"))
	mine, theirs := newStranger(h, nil), newStranger(h, asAccount(nobody, socket))
	file := mine.request("nas.lab.example", altNames(t, "nas.lab.example"))
	if v := mine.asks(file); v.status != http.StatusCreated || v.issued.Certificate.Owner != "uid:0" {
		t.Fatalf("who founded gets %d %+v", v.status, v.problem)
	}
	certificates, requests, _ := h.stored()
	const calls = 20
	for range calls {
		v := theirs.asks(file, "X-Forwarded-User", "root", "Authorization", "Bearer x")
		if v.status != http.StatusForbidden || v.problem.Code != ca.E1305 || !strings.Contains(v.problem.Detail, "uid:65534") || !strings.Contains(v.problem.Fix, "sudo -u '#0'") {
			t.Fatalf("%d %+v", v.status, v.problem)
		}
	}
	answer, err := theirs.http.Get("http://chancery/api/v1/certificates")
	if err != nil {
		t.Fatal(err)
	}
	if answer.Body.Close(); answer.StatusCode != http.StatusForbidden {
		t.Errorf("the list is told: %d", answer.StatusCode)
	}
	if c, r, refusals := h.stored(); c != certificates || r != requests || refusals > 0 {
		t.Errorf("%d certificates, %d requests, %d refusals", c-certificates, r-requests, refusals)
	}
}

// A command that starts the service for itself ends only when its refusal is on
// the log: the front is stopped before the signer.
func TestARefusedCommandLeavesItsRefusalOnTheLog(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	if s := h.types("sign", h.request("www.bank.example")); s.code != exitRefused || !strings.HasPrefix(s.err, "chancery: error: ") {
		t.Fatalf("exit %d\n%s", s.code, s.err)
	}
	if c, r, refusals := h.stored(); c != 0 || r != 0 || refusals != 1 {
		t.Errorf("%d certificates, %d requests and %d refusals are stored", c, r, refusals)
	}
	h.done("audit", "verify")
}
