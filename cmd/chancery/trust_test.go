// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// newNSS makes a database as a browser's profile has one.
func (h hand) newNSS(name string) string {
	h.t.Helper()
	dir := h.file(name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		h.t.Fatal(err)
	}
	h.tool("certutil", "-N", "-d", "sql:"+dir, "--empty-password")
	return dir
}

// newJava makes a trust store with one root in it.
func (h hand) newJava(name string) string {
	h.t.Helper()
	h.tool("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "public.key", "-subj", "/CN=Public Root", "-out", "public.pem")
	h.tool("keytool", "-J-XX:TieredStopAtLevel=1", "-importcert", "-noprompt", "-alias", "public", "-file", "public.pem", "-keystore", name, "-storepass", "changeit")
	return h.file(name)
}

// states types a trust command and gives the states of its answer, store by store.
func (h hand) states(args ...string) (states, names []string) {
	h.t.Helper()
	var all []standing
	s := h.done(append([]string{"trust"}, append(args, "--json")...)...)
	if err := json.Unmarshal([]byte(s.out), &all); err != nil {
		h.t.Fatalf("%v\n%s", err, s.out)
	}
	for _, one := range all {
		states, names = append(states, one.State), append(names, one.Name)
	}
	return states, names
}

// Roots go into the stores that are named after they were shown, once, and out again.
// Nobody is asked without a terminal, and a dry run writes nothing.
func TestTrustIsInstalledShownAndRemoved(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	nss, java := h.newNSS("nss"), h.newJava("cacerts")
	in := []string{"--nss", nss, "--java", java}
	wants := func(args []string, want ...string) {
		t.Helper()
		if got, _ := h.states(slices.Concat(args, in)...); !slices.Equal(got, want) {
			t.Errorf("trust %v: %v, want %v", args, got, want)
		}
	}
	before := read(t, java) + read(t, filepath.Join(nss, "cert9.db"))
	wants([]string{"show"}, isAbsent, isAbsent)
	wants([]string{"install", "--dry-run"}, willInstall, willInstall)
	if s := h.refused("E1101", append([]string{"trust", "install"}, in...)...); !strings.Contains(s.err, "--yes") || !strings.Contains(s.err, "SHA-256 (compare") {
		t.Errorf("%s", s.err)
	}
	if after := read(t, java) + read(t, filepath.Join(nss, "cert9.db")); after != before {
		t.Error("a store was written by what writes nothing")
	}

	wants([]string{"install", "--yes"}, wasInstalled, wasInstalled)
	before = read(t, java)
	wants([]string{"install"}, isTrusted, isTrusted) // there is nothing to ask
	if read(t, java) != before {
		t.Error("installing again writes")
	}
	wants([]string{"show"}, isTrusted, isTrusted)

	// Another authority's root comes beside it, and each goes alone.
	h.tool("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "next.key", "-subj", "/CN=lab.example Root CA G2", "-out", "next.pem")
	wants([]string{"install", "--yes", "--ca", h.file("next.pem")}, wasInstalled, wasInstalled)
	wants([]string{"show"}, isTrusted, isTrusted)
	wants([]string{"remove", "--yes"}, wasRemoved, wasRemoved)
	wants([]string{"show"}, isAbsent, isAbsent)
	wants([]string{"show", "--ca", h.file("next.pem")}, isTrusted, isTrusted)
	wants([]string{"remove", "--dry-run", "--ca", h.file("next.pem")}, willRemove, willRemove)

	// What somebody else has put there stays.
	if got, names := h.states("remove", "--yes", "--ca", h.file("public.pem"), "--java", java); !slices.Equal(got, []string{isElsewhere}) || names[0] != "public" {
		t.Errorf("%v %v", got, names)
	}
}

// What is no root is not trusted, and a store that is not there is named.
func TestTrustRefuses(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	chain, _, key := h.pair("nas.lab.example")
	nss := h.newNSS("nss")
	issuing := h.write("issuing.pem", h.done("ca", "show", "issuing-g1", "-o", "pem").out)
	for _, tt := range []struct{ file, code, says string }{
		{chain, "E3004", "no authority"},
		{issuing, "E3004", "another authority signed it"},
		{key, "E1101", "holds no certificate"},
	} {
		if s := h.refused(tt.code, "trust", "install", "--yes", "--nss", nss, "--ca", tt.file); !strings.Contains(s.err, tt.says) {
			t.Errorf("%s", s.err)
		}
	}
	for _, store := range [][]string{{"--nss", h.file("nowhere")}, {"--java", h.file("nowhere")}} {
		h.refused("E1102", append([]string{"trust", "show"}, store...)...)
	}
	if entries, _ := h.states("show", "--nss", nss); !slices.Equal(entries, []string{isAbsent}) {
		t.Errorf("%v", entries)
	}
}

// Who reads the fingerprint and does not know it says no.
func TestTrustAsksFirst(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	nss := h.newNSS("nss")
	const question = "Type yes to install: "
	if code := h.at(newDesk(t), question, "no\n", "trust", "install", "--nss", nss); code != exitUsage {
		t.Errorf("after no: exit %d", code)
	}
	if got, _ := h.states("show", "--nss", nss); got[0] != isAbsent {
		t.Errorf("after no: %v", got)
	}
	if code := h.at(newDesk(t), question, "yes\n", "trust", "install", "--nss", nss); code != 0 {
		t.Errorf("after yes: exit %d", code)
	}
	if got, _ := h.states("show", "--nss", nss); got[0] != isTrusted {
		t.Errorf("after yes: %v", got)
	}
}

// private is a system's store of one's own: folders in memory over the real ones, in a
// namespace that ends with the command, filled with the public roots.
const private = `
for d in /usr/local/share/ca-certificates /etc/ssl/certs /etc/ca-certificates/update.d; do mount -t tmpfs none $d; done
update-ca-certificates --fresh >&2
`

// After the installation curl and OpenSSL take what the authority signed, from the
// system's store itself; after the removal they do not.
func TestTheSystemTrustsWhatWasInstalled(t *testing.T) {
	t.Parallel()
	if err := exec.CommandContext(t.Context(), "unshare", "-m", "mount", "-t", "tmpfs", "none", "/etc/ssl/certs").Run(); err != nil {
		t.Skipf("folders cannot be mounted over here, which root may: %v", err)
	}
	h := newHand(t)
	h.serve()
	chain, leaf, key := h.pair("nas.lab.example")
	between := h.write("between.pem", strings.TrimPrefix(read(t, chain), read(t, leaf)))
	address := h.served("-cert", leaf, "-key", key, "-cert_chain", between, "-www")
	_, port, _ := strings.Cut(address, ":")
	script := private + `
asks() { curl -sS --max-time 20 --noproxy '*' --resolve nas.lab.example:$PORT:127.0.0.1 https://nas.lab.example:$PORT/ >/dev/null && openssl verify -untrusted $BETWEEN $LEAF; }
! asks
chancery trust install --system --dry-run
! asks
chancery trust install --system --yes
asks
chancery verify nas.lab.example.chain.pem --system --as server
chancery trust show --system | grep 'trusted as chancery-'
chancery trust install --system
chancery trust remove --system --yes
! asks
test -z "$(ls /usr/local/share/ca-certificates)"
`
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "chancery"), []byte("#!/bin/sh\nexec "+os.Args[0]+" \"$@\"\n"), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	c := h.command(t.Context())
	c.Path, c.Args, c.Err = "/usr/bin/unshare", []string{"unshare", "-m", "bash", "-eux", "-c", script}, nil
	c.Env = append(c.Env, "PATH="+bin+":"+os.Getenv("PATH")+":/usr/sbin", "PORT="+port, "BETWEEN="+between, "LEAF="+leaf)
	if s := h.runs(c); s.code != 0 {
		t.Errorf("exit %d\n%s%s", s.code, s.out, s.err)
	}
}
