// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"strings"
	"syscall"
	"testing"
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
	for _, command := range []string{"list", "doctor"} {
		if s := h.types(command); s.code != exitForbidden || !strings.Contains(s.err, "belongs to the account "+accountName(other)) || !strings.Contains(s.err, "sudo -u "+accountName(other)) {
			t.Errorf("%s: exit %d\n%s", command, s.code, s.err)
		}
	}
}

func TestAReadOnlyFileSystemIsNamed(t *testing.T) {
	p := asProblem(unwritable("/srv/ca", &os.PathError{Op: "open", Path: "/srv/ca/run/lock", Err: syscall.EROFS}))
	if !strings.Contains(p.Detail, "mounted read-only") || !strings.Contains(p.Fix, "mount it writable") {
		t.Errorf("%+v", p)
	}
}
