// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A policy that lacks the profile of the service's own certificate, as that of a founding by
// an earlier version, is named by doctor with the command that adds it; from then on the
// listeners get their certificate.
func TestDoctorNamesTheMissingProfileOfTheService(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	h.done("init", "--names", "lab.example", "--hostname", "localhost", "--recovery-file", h.file("words"))
	before := h.done("profile", "show", "service").out
	h.done("profile", "set", "service", "--remove", "--yes")
	if err := os.WriteFile((layout{h.dir}).serviceKey(), []byte("as if it had listened\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := h.types("doctor", "--only", "listeners")
	line := s.out[:strings.IndexByte(s.out, '\n')]
	_, hint, found := strings.Cut(line, "→ ")
	if !found || !strings.Contains(line, "the policy has no profile service") || !strings.Contains(hint, "profile set service --shipped") {
		t.Fatalf("doctor says:\n%s", s.out)
	}
	if err := os.Remove((layout{h.dir}).serviceKey()); err != nil {
		t.Fatal(err)
	}
	h.done(append(strings.Fields(hint)[1:], "--yes")...)
	if after := h.done("profile", "show", "service").out; after != before {
		t.Errorf("the profile is\n%s\nand was\n%s", after, before)
	}
	d := h.listening() // which waits for the certificate
	if s := d.types("doctor", "--only", "listeners"); strings.Contains(s.out, "has no profile") {
		t.Errorf("doctor still says:\n%s", s.out)
	}
	if s := h.types("profile", "set", "server", "--shipped", "--yes"); s.code != exitUsage || !strings.Contains(s.err, "--shipped is for the profile service") {
		t.Errorf("of another profile it says:\n%s", s.err)
	}
}
