// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"chancery/ca"
)

// R7: old and new stand in one file, the old first, by the command and at the address;
// what is retired goes, and the number rises.
func TestR7_TheBundleHasOldAndNew(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	bundle := func(args ...string) (b ca.Bundle, names string) {
		t.Helper()
		if err := json.Unmarshal([]byte(h.done(append([]string{"ca", "bundle", "--json"}, args...)...).out), &b); err != nil {
			t.Fatal(err)
		}
		for _, a := range b.Members {
			names += a.Name + " "
		}
		return b, strings.TrimSpace(names)
	}
	first, names := bundle()
	if names != "root-g1 issuing-g1" {
		t.Errorf("at first: %s", names)
	}
	h.done("ca", "create", "issuing-g2", "--yes", "--recovery-file", h.file("words"))
	h.done("ca", "create", "users-g1", "--for", "client,email", "--yes", "--recovery-file", h.file("words"))
	both, names := bundle("--line", "issuing")
	if names != "root-g1 issuing-g1 issuing-g2" || both.Number <= first.Number || both.Hash == first.Hash {
		t.Errorf("with a successor: %d of %s after %d", both.Number, names, first.Number)
	}
	if _, names := bundle(); names != "root-g1 issuing-g1 issuing-g2 users-g1" {
		t.Errorf("of all lines: %s", names)
	}
	h.done("ca", "activate", "issuing-g2", "--yes")
	h.done("ca", "retire", "issuing-g1", "--confirm", "issuing-g1")
	after, names := bundle("--line", "issuing")
	if names != "root-g1 issuing-g2" || after.Number <= both.Number {
		t.Errorf("in the end: %d of %s after %d", after.Number, names, both.Number)
	}
	if s := h.done("ca", "bundle", "-q"); s.out == "" || strings.Contains(s.out, "BEGIN") {
		t.Errorf("-q prints %q", s.out)
	}
	h.refused("E2101", "ca", "bundle", "--line", "nobody")
	for _, line := range []string{
		"--format der", "--format csv", "--crls --format jks", "--watch", "--exec true", "--password-file x", "-o csv",
	} {
		h.refused("E1101", strings.Fields("ca bundle "+line)...)
	}
	// A file that is written again is the bundle of that day; a key is not written over.
	h.done("ca", "bundle", "--out", h.file("ca.pem"))
	h.done("ca", "bundle", "--format", "p12", "--out", h.file("ca.pem"))
	h.done("ca", "bundle", "--out", h.file("ca.pem"))
	h.write("key.pem", h.openssl("genpkey", "-algorithm", "ed25519"))
	for _, name := range []string{"key.pem", "words"} {
		was := h.read(name)
		h.refused("E1102", "ca", "bundle", "--out", h.file(name))
		if h.read(name) != was {
			t.Errorf("%s was written over", name)
		}
	}
}

// R24: a chain in each order, with and without the root, and by another root.
func TestR24_AChainInEachOrder(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	issuing, root := h.done("ca", "show", "issuing-g1", "-o", "pem").out, h.done("ca", "show", "root-g1", "-o", "pem").out
	for line, want := range map[string]string{
		"issuing-g1": issuing + root, "issuing-g1 --reverse": root + issuing, "issuing-g1 --no-root": issuing, "issuing-g1 --no-root --reverse": issuing, "root-g1 --no-root": root,
	} {
		if s := h.done(strings.Fields("ca chain " + line)...); s.out != want {
			t.Errorf("%s:\n%s", line, s.out)
		}
	}
	h.done("ca", "create", "root-g2", "--root", "--yes", "--own-recovery-file", h.file("words2"))
	h.done("ca", "cross", "root-g1", "--by", "root-g2", "--yes", "--recovery-file", h.file("words2"))
	h.write("new.pem", h.done("ca", "show", "root-g2", "-o", "pem").out)
	h.done("ca", "chain", "issuing-g1", "--via", "root-g2", "--no-root", "--out", h.file("between.pem"))
	h.write("leaf.pem", h.done("sign", h.request("nas.lab.example")).out)
	h.openssl("verify", "-x509_strict", "-CAfile", "new.pem", "-untrusted", "between.pem", "leaf.pem")
	h.refused("E2101", "ca", "chain", "root-g2", "--via", "issuing-g1")
	h.refused("E2101", "ca", "chain", "nobody")
	h.refused("E1101", "ca", "chain", "root-g1", "--format", "der")
	h.done("verify", h.file("leaf.pem"))
}

// A file is kept up to date from when the service runs, and a command follows each change;
// it is run again until it succeeds.
func TestABundleIsKeptUpToDate(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := h.command(ctx, "ca", "bundle", "--crls", "--watch", "--out", h.file("kept.pem"), "--exec", "echo ran; test -e ready || { touch ready; exit 1; }")
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	says := func(texts ...string) {
		t.Helper()
		for _, text := range texts {
			for {
				if !lines.Scan() {
					t.Fatalf("it never says %q", text)
				}
				if strings.Contains(lines.Text(), text) {
					break
				}
			}
		}
	}
	says("note: no service answers") // it waits for one
	h.serve()
	says("holds bundle 2: root-g1, issuing-g1", "ran", "--exec failed", "ran")
	h.done("ca", "create", "issuing-g2", "--yes", "--recovery-file", h.file("words"))
	for strings.Count(h.read("kept.pem"), "BEGIN") != 6 { // its list may come a moment after its certificate
		says("holds bundle", "ran")
	}
	cancel()
	for lines.Scan() {
		t.Logf("at the end: %s", lines.Text())
	}
	if err := c.Wait(); c.ProcessState.ExitCode() != 0 {
		t.Error(err)
	}
}
