// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// An authority whose list is to have shards needs not be the second one.
func TestR87_TheFirstAuthorityHasShardsToo(t *testing.T) {
	t.Parallel()
	for _, more := range [][]string{nil, {"--single-tier"}} {
		h := hand{t, filepath.Join(t.TempDir(), "data")}
		init := append([]string{"init", "--names", "lab.example", "--recovery-file", h.file("words"), "--shards"}, more...)
		init = slices.Insert(init, 6, "4")
		for _, none := range []string{"-1", "1", "129"} {
			if s := h.types(slices.Replace(slices.Clone(init), 6, 7, none)...); s.code != exitUsage {
				t.Errorf("%s shards: exit %d\n%s", none, s.code, s.err)
			}
		}
		if s := h.done(append(slices.Clone(init), "--dry-run")...); !strings.Contains(s.out, "in 4 shards") {
			t.Errorf("it says\n%s", s.out)
		}
		h.done(init...)
		if s := h.done("crl", "show", "--kind", "shard:3"); !strings.Contains(s.out, "issuing-g1.s3.crl") {
			t.Errorf("it says\n%s", s.out)
		}
		h.done("issue", "www.lab.example", "--out", h.file("www"))
		if text := h.done("show", "www.lab.example", "-o", "text").out; !strings.Contains(text, "/pki/issuing-g1.s") {
			t.Errorf("its certificate names no shard:\n%s", text)
		}
	}
}

// R87, RV-04, RV-08: an authority with shards publishes each kind of list at its address;
// OpenSSL refuses what is held or revoked by the shard that the certificate names, by the
// complete list, and by a complete list of before with the delta of now; verify does so
// by the same addresses, crl fetch writes a file for servers, and doctor knows each list.
func TestR87_EachKindOfListIsAtItsAddress(t *testing.T) {
	t.Parallel()
	at := freePort(t)
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	h.done("init", "--names", "lab.example", "--pki-url", "http://"+at, "--recovery-file", h.file("words"))
	h.serving("CHANCERY_LISTEN_HTTP=" + at)
	h.done("profile", "set", "server", "--set", "hold=true", "--yes")
	for _, none := range []string{"1", "129"} { // one would be the complete list again
		saysAll(t, none+" shards", h.refused("E1101", "ca", "create", "issuing-g2", "--shards", none, "--yes", "--recovery-file", h.file("words")).err, "2 to 128")
	}
	// A kind that there is not is refused, with those that there are; publishing would make none.
	s := h.refused("E2101", "crl", "show", "--ca", "issuing-g1", "--kind", "shard:0")
	if saysAll(t, "the refusal", s.err, "issuing-g1 does not have a list of the kind shard:0", "complete, delta"); strings.Contains(s.err, "publish") {
		t.Errorf("the hint leads nowhere:\n%s", s.err)
	}
	saysAll(t, "of all", h.refused("E2101", "crl", "show", "--kind", "shard:99").err, "no authority has a list of the kind shard:99", "complete, arl, delta")
	h.done("ca", "create", "issuing-g2", "--shards", "3", "--yes", "--recovery-file", h.file("words"))
	h.done("ca", "activate", "issuing-g2", "--yes")
	if s := h.done("ca", "show", "issuing-g2"); !strings.Contains(s.out, "/pki/issuing-g2.s0.crl and so on") {
		t.Errorf("it says\n%s", s.out)
	}
	names := []string{"good", "held", "lost", "back"}
	for _, name := range names {
		h.done("issue", name+".lab.example", "--out", h.file(name+".pem"), "--key-file", h.file(name+".key"))
		if p := h.first(h.file(name + ".pem")).CRLDistributionPoints; len(p) != 1 || !strings.HasPrefix(p[0], "http://"+at+"/pki/issuing-g2.s") {
			t.Errorf("%s names %q", name, p)
		}
	}
	h.write("root.pem", h.done("ca", "show", "root-g1", "-o", "pem").out)
	roots := h.done("crl", "show", "--ca", "root-g1", "-o", "pem").out
	h.done("revoke", "back.lab.example", "--reason", "certificateHold", "--confirm", "back.lab.example")
	before := h.done("crl", "show", "--ca", "issuing-g2", "-o", "pem").out
	h.done("unhold", "back.lab.example")
	h.done("revoke", "held.lab.example", "--reason", "certificateHold", "--confirm", "held.lab.example")
	h.done("revoke", "lost.lab.example", "--reason", "keyCompromise", "--confirm", "lost.lab.example")
	h.done("crl", "publish", "--ca", "issuing-g2") // the service does so by itself within seconds

	judge := func(what, lists, want string, flags ...string) {
		t.Helper()
		h.write("lists.pem", lists+roots)
		got := ""
		for _, name := range names {
			chain := h.file(name + ".pem")
			args := append([]string{"verify", "-x509_strict", "-crl_check_all", "-CRLfile", h.file("lists.pem"), "-CAfile", h.file("root.pem"), "-untrusted", chain}, append(flags, chain)...)
			out, err := exec.CommandContext(t.Context(), "openssl", args...).CombinedOutput()
			switch {
			case err == nil:
				got += " " + name
			case !strings.Contains(string(out), "certificate revoked"):
				t.Errorf("%s: %s: %s", what, name, out)
			}
		}
		if got != want {
			t.Errorf("%s: OpenSSL accepts%s, not%s", what, got, want)
		}
	}
	delta := h.done("crl", "show", "--ca", "issuing-g2", "--kind", "delta", "-o", "pem").out
	shards := ""
	for _, kind := range []string{"shard:0", "shard:1", "shard:2"} {
		shards += h.done("crl", "show", "--kind", kind, "-o", "pem").out
	}
	judge("the complete list", h.done("crl", "show", "--ca", "issuing-g2", "-o", "pem").out, " good back")
	judge("the shards", shards, " good back")
	judge("the list of before", before, " good held lost")
	judge("the list of before and the delta", before+delta, " good back", "-use_deltas")
	judge("the list of authorities above", h.done("crl", "show", "--ca", "issuing-g2", "-o", "pem").out+
		h.done("crl", "show", "--ca", "root-g1", "--kind", "arl", "-o", "pem").out, " good back")

	// What a stranger does who has the certificates alone.
	for name, want := range map[string]int{"good": 0, "back": 0, "held": exitFaults, "lost": exitFaults} {
		s := h.runs(h.command(t.Context(), "verify", h.file(name+".pem"), "--ca", h.file("root.pem"), "--fetch"))
		if s.code != want {
			t.Errorf("verify --fetch of %s: exit %d\n%s%s", name, s.code, s.out, s.err)
		}
	}
	var shown []published
	if err := json.Unmarshal([]byte(h.done("crl", "show", "--kind", "delta", "--json").out), &shown); err != nil || len(shown) != 2 || shown[1].Base == 0 || shown[1].Reach != "" ||
		shown[1].Reasons["removeFromCRL"] != 1 || shown[1].Reasons["keyCompromise"] != 1 || shown[1].Address != "http://"+at+"/pki/issuing-g2.delta.crl" {
		t.Errorf("the deltas: %+v, %v", shown, err)
	}
	if s := h.done("crl", "show", "--ca", "issuing-g2"); !strings.Contains(s.out, "issuing-g2.crl   (answers)") || !strings.Contains(s.out, "kind") || !strings.Contains(s.out, " old)") {
		t.Errorf("it says\n%s", s.out)
	}
	h.refused("E1401", "crl", "show", "--kind", "some")
	h.refused("E2101", "crl", "show", "--ca", "issuing-g1", "--kind", "shard:0")

	found, code := h.examined()
	if code != 0 {
		t.Errorf("doctor: exit %d, %+v", code, found)
	}
	says(t, found, "lists", fine, "3 shards of issuing-g2")
	says(t, found, "lists", fine, "the list delta of issuing-g2")
	if err := os.Remove(filepath.Join(h.dir, "front", "pki", "issuing-g2.s1.crl")); err != nil {
		t.Fatal(err)
	}
	found, _ = h.examined()
	says(t, found, "lists", failed, "shard:1 of issuing-g2 is not published")
	h.done("crl", "publish", "--ca", "issuing-g2")
	if found, code = h.examined("--only", "lists"); code != 0 {
		t.Errorf("doctor: exit %d, %+v", code, found)
	}
}

// R86: lists are valid for as many days as were asked for, numbered, in PEM and in DER, those
// of an issuing authority and of a root.
func TestR86_ListsOfChosenValidityInPEMAndDER(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	for authority, days := range map[string]int{"issuing-g1": 10, "root-g1": 300} {
		line := []string{"crl", "publish", "--ca", authority, "--recovery-file", h.file("words"), "--days"}
		h.refused("E2112", append(line, fmt.Sprint(map[string]int{"issuing-g1": 11, "root-g1": 366}[authority]))...)
		h.done(append(line, fmt.Sprint(days))...)
		kinds := map[string]string{"issuing-g1": "delta", "root-g1": "arl"}
		for _, kind := range []string{"complete", kinds[authority]} {
			show := []string{"crl", "show", "--ca", authority, "--kind", kind, "-o"}
			block, _ := pem.Decode([]byte(h.done(append(show, "pem")...).out))
			der := []byte(h.done(append(show, "der")...).out)
			l, err := x509.ParseRevocationList(der)
			if err != nil || block == nil || !bytes.Equal(block.Bytes, der) || l.Number.Sign() <= 0 || l.NextUpdate.Sub(l.ThisUpdate) != time.Duration(days)*24*time.Hour {
				t.Errorf("%s of %s: %v to %v, number %v, %v", kind, authority, l.ThisUpdate, l.NextUpdate, l.Number, err)
			}
		}
	}
}

// R87: the lists of a chain come into one file for servers, from the service or from the
// addresses in a certificate, and the file is kept up to date.
func TestR87_ListsAreFetchedIntoOneFile(t *testing.T) {
	t.Parallel()
	at := freePort(t)
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	h.done("init", "--names", "lab.example", "--pki-url", "http://"+at, "--recovery-file", h.file("words"))
	h.refused("E1101", "crl", "fetch", "--watch")
	h.refused("E1101", "crl", "fetch", "--out", h.file("kept.pem"), "--exec", "true")
	h.serving("CHANCERY_LISTEN_HTTP=" + at)
	h.done("ca", "create", "issuing-g2", "--shards", "2", "--yes", "--recovery-file", h.file("words"))
	h.done("ca", "activate", "issuing-g2", "--yes")
	h.done("issue", "nas.lab.example", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key"))
	h.write("root.pem", h.done("ca", "show", "root-g1", "-o", "pem").out)
	counts := func(want int, args ...string) {
		t.Helper()
		h.done(append([]string{"crl", "fetch", "--out", h.file("crls.pem")}, args...)...)
		if n := strings.Count(h.read("crls.pem"), "BEGIN X509 CRL"); n != want {
			t.Errorf("%q: %d lists, want %d", args, n, want)
		}
	}
	counts(3, "--chain")
	counts(1, "--ca", "issuing-g2")
	counts(2, "--ca", "issuing-g2", "--chain")
	counts(1, h.file("nas.pem"))
	counts(2, h.file("nas.pem"), "--chain") // the root is not in the file, and is fetched too
	if out, err := exec.CommandContext(t.Context(), "openssl", "verify", "-x509_strict", "-crl_check_all", "-CRLfile", h.file("crls.pem"), "-CAfile", h.file("root.pem"),
		"-untrusted", h.file("nas.pem"), h.file("nas.pem")).CombinedOutput(); err != nil {
		t.Errorf("openssl: %v\n%s", err, out)
	}
	h.refused("E1101", "crl", "fetch", h.file("nas.pem"), "--ca", "issuing-g2")
	h.refused("E1102", "crl", "fetch", "--out", h.file("nas.key"))
	h.refused("E2501", "crl", "fetch", h.file("root.pem"))

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := h.command(ctx, "crl", "fetch", "--chain", "--out", h.file("kept.pem"), "--watch", "--exec", "echo ran")
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
			for lines.Scan() && !strings.Contains(lines.Text(), text) {
			}
			if !strings.Contains(lines.Text(), text) {
				t.Fatalf("it never says %q", text)
			}
		}
	}
	says("holds 3 lists", "ran")
	h.done("revoke", "nas.lab.example", "--confirm", "nas.lab.example")
	says("holds 3 lists", "ran")
	cancel()
	for lines.Scan() {
		t.Logf("at the end: %s", lines.Text())
	}
	if err := c.Wait(); c.ProcessState.ExitCode() != 0 {
		t.Error(err)
	}
}
