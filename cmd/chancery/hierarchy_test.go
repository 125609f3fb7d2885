// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"chancery/format"
)

// hierarchyKeys are the types of key that hierarchies are made of.
var hierarchyKeys = []string{"ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-3072"}

// hierarchies makes installations whose authorities have keys of one type, and gives
// a directory for each depth from 1 to 4, with the files of a chain and its lists.
func hierarchies(t *testing.T, base, key string) (dirs []string) {
	single := hand{t, filepath.Join(base, key, "single", "data")}
	h := hand{t, filepath.Join(base, key, "tiers", "data")}
	for _, one := range []hand{single, h} {
		if err := os.MkdirAll(filepath.Dir(one.dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	single.done("init", "--names", "lab.example", "--recovery-file", single.file("words"), "--single-tier", "--key", key, "--days", "3650")
	dirs = append(dirs, single.chain("one"))
	words := h.file("words")
	h.done("init", "--names", "lab.example", "--recovery-file", words, "--root-key", key, "--key", key)
	h.serve()
	dirs = append(dirs, h.chain("two"))
	for i, parent := range []string{"policy-g1", "area-g1"} {
		above := []string{"root-g1", "policy-g1"}[i]
		issuing := fmt.Sprintf("issuing-g%d", i+2)
		h.done("ca", "create", parent, "--intermediate", "--parent", above, "--key", key, "--recovery-file", words, "--path-length", fmt.Sprint(4-i),
			"--names", "dns:lab.example", "--policy", "1.3.6.1.4.1.32473.1=https://pki.lab.example/cps", "--aki", []string{"keyid", "keyid+issuer"}[i], "--yes")
		h.done("ca", "create", issuing, "--parent", parent, "--key", key, "--recovery-file", words, "--yes")
		h.done("ca", "activate", issuing, "--yes")
		dirs = append(dirs, h.chain([]string{"three", "four"}[i]))
	}
	return dirs
}

// chain has a certificate issued and puts it, what is above it, the root and all lists
// into a directory.
func (h hand) chain(name string) string {
	h.t.Helper()
	dir := h.file(name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		h.t.Fatal(err)
	}
	h.done("issue", name+".lab.example", "--out", filepath.Join(dir, "all.pem"), "--key-file", filepath.Join(dir, "leaf.key"))
	all := format.DERs(h.contents(name+"/all.pem", "").Certificates)
	anchor := "root-g1"
	if name == "one" {
		anchor = "issuing-g1"
	}
	root := h.done("ca", "show", anchor, "-o", "pem").out
	middle := format.WithoutRoot(all)[1:]
	if name == "one" {
		middle = nil
	}
	h.write(name+"/leaf.pem", pemText(certificateLabel, all[:1]))
	h.write(name+"/middle.pem", pemText(certificateLabel, middle))
	h.write(name+"/chain.pem", pemText(certificateLabel, append(all[:1:1], middle...))+root)
	h.write(name+"/root.pem", root)
	h.write(name+"/lists.pem", h.done("crl", "show", "-o", "pem").out)
	for i, der := range middle {
		h.write(fmt.Sprintf("%s/middle-%d.pem", name, i), pemText(certificateLabel, [][]byte{der}))
	}
	return dir
}

// R14, R21, R43, R11: hierarchies of one to four tiers, of each type of key, in the
// eyes of OpenSSL, GnuTLS, Java and NSS, with all lists.
func TestR14_HierarchiesOfEachDepthAndKeyVerify(t *testing.T) {
	t.Parallel()
	dirs, base := make([][]string, len(hierarchyKeys)), t.TempDir()
	if !t.Run("made", func(t *testing.T) {
		for i, key := range hierarchyKeys {
			t.Run(key, func(t *testing.T) {
				t.Parallel()
				dirs[i] = hierarchies(t, base, key)
			})
		}
	}) {
		return
	}
	java := []string{"-XX:TieredStopAtLevel=1", "testdata/Hierarchy.java"}
	for i, key := range hierarchyKeys {
		java = append(java, dirs[i]...)
		for _, dir := range dirs[i] {
			accepted(t, dir, key)
		}
	}
	out, err := exec.CommandContext(t.Context(), "java", java...).CombinedOutput()
	if err != nil || strings.Count(string(out), "OK\n") != 4*len(hierarchyKeys) {
		t.Errorf("java: %v\n%s", err, out)
	}
}

// accepted has OpenSSL, GnuTLS and NSS look at a chain.
func accepted(t *testing.T, dir, key string) {
	run := func(want string, name string, args ...string) {
		c := exec.CommandContext(t.Context(), name, args...)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s, %s: %s: %v\n%s", filepath.Base(dir), key, name, err, out)
		}
	}
	run("leaf.pem: OK", "openssl", "verify", "-x509_strict", "-crl_check_all", "-CRLfile", "lists.pem", "-purpose", "sslserver",
		"-verify_hostname", filepath.Base(dir)+".lab.example", "-CAfile", "root.pem", "-untrusted", "chain.pem", "leaf.pem")
	run("Verified. The certificate is trusted.", "certtool", "--verify", "--verify-profile", "medium", "--load-ca-certificate", "root.pem", "--load-crl", "lists.pem", "--infile", "chain.pem")
	if key == "ed25519" {
		return // which NSS takes for no certificate's key
	}
	args := []string{"-pp", "-u", "1", "-a", "leaf.pem"}
	for i := 0; ; i++ {
		name := fmt.Sprintf("middle-%d.pem", i)
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			break
		}
		args = append(args, "-a", name)
	}
	run("Chain is good!", "vfychain", append(args, "-t", "-a", "root.pem")...)
}
