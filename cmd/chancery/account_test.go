// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A file that root wrote, the service could not open any more.
func TestTheDirectoryOfAnotherAccountIsLeftAlone(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a directory away")
	}
	h := newHand(t)
	const other = 65534
	if err := os.Chown(h.dir, other, other); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"list", "doctor", "serve"} {
		if s := h.types(command); s.code != exitForbidden || !strings.Contains(s.err, "belongs to the account "+accountName(other)) || !strings.Contains(s.err, "sudo -u "+accountName(other)) {
			t.Errorf("%s: exit %d\n%s", command, s.code, s.err)
		}
	}
}

// Nobody else's service is started, and nobody else's keys are opened: the answer is
// about the account, not about a service that would not answer.
func TestAnotherAccountIsToldSo(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can become another account")
	}
	h := newHand(t)
	for _, dir := range []string{filepath.Dir(h.dir), filepath.Dir(filepath.Dir(h.dir))} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(line string) {
		t.Helper()
		c := h.command(t.Context(), strings.Fields(line)...)
		c.Env = append(c.Env, "CHANCERY_TEST_UID=65534")
		s := h.runs(c)
		if s.code != exitForbidden || !strings.Contains(s.err, "E1303") || !strings.Contains(s.err, "sudo -u root") {
			t.Errorf("%s: exit %d\n%s", line, s.code, s.err)
		}
	}
	refused("serve")
	h.serve()
	for _, line := range []string{"key list", "key unlock", "recover --time-reset --confirm " + time.Now().Format(time.DateOnly)} {
		refused(line)
	}
}

func TestAReadOnlyFileSystemIsNamed(t *testing.T) {
	p := asProblem(unwritable("/srv/ca", &os.PathError{Op: "open", Path: "/srv/ca/run/lock", Err: syscall.EROFS}))
	if !strings.Contains(p.Detail, "mounted read-only") || !strings.Contains(p.Fix, "mount it writable") {
		t.Errorf("%+v", p)
	}
}
