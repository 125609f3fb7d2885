// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Where people slip, the next step is named, and it is the one that they meant.
func TestT05_ASlipIsToldWithTheStepThatWasMeant(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.write("x.feed", "cut off")
	h.write("x.ocsp", "cut off")
	h.write("pass", "quartz mitten saddle")
	for _, tt := range []struct{ name, line, code, want string }{
		{"a name for another profile", "issue amira@lab.example --key-file a.key --out a.pem", "E2107", "--profile client"},
		{"a profile that was named stays", "issue amira@lab.example --profile server --key-file a.key --out a.pem", "E2107", "a name the profile allows"},
		{"a key to standard output", "issue a.lab.example --key-file -", "E1101", "name a file"},
		{"PKCS#12 to standard output", "issue a.lab.example --p12 - --password-file pass", "E1101", "name a file"},
		{"an authority is explained", "explain root-g1", "E2101", "chancery ca show root-g1"},
		{"a code cut short", "explain E999", "E2101", "explain --all"},
		{"a feed is shown", "show x.feed", "E2501", "chancery feed show"},
		{"a token for no profile", "token create --name a --role requester --profile=", "E1101", "leave it out"},
		{"a token for no name", "token create --name a --role requester --names=", "E1101", "leave it out"},
		{"a bulk revocation of no owner", "revoke --name *.lab.example --owner= --dry-run", "E1101", "leave it out"},
		{"holds of no owner are taken back", "unhold --name *.lab.example --owner= --dry-run", "E1101", "leave it out"},
		{"an OCSP answer is shown", "show x.ocsp", "E2501", "openssl ocsp -noverify -text -respin"},
	} {
		if s := h.refused(tt.code, strings.Fields(tt.line)...); !strings.Contains(s.err, tt.want) {
			t.Errorf("%s: %s", tt.name, s.err)
		}
	}
	if s := h.refused("E2110", "issue", ""); !strings.Contains(s.err, "variable") {
		t.Error(s.err)
	}
	if s := h.done("renew", "--due", t.TempDir()); !strings.Contains(s.err, "no certificate lies in") {
		t.Errorf("of an empty directory: %s%s", s.out, s.err)
	}
	if s := h.done("issue", "out.lab.example", "--out", "-"); !strings.Contains(s.err, "the key is in out.lab.example.key") {
		t.Error(s.err)
	}
	if err := os.Chmod(filepath.Join(filepath.Dir(h.dir), "out.lab.example.key"), 0o644); err != nil { //nolint:gosec // that it is too wide is what is told
		t.Fatal(err)
	}
	if s := h.done("issue", "out2.lab.example", "--key-file", "out.lab.example.key", "--out", h.file("out2.pem")); !strings.Contains(s.err, "mode 0644") {
		t.Errorf("a key that others may read: %s", s.err)
	}
}

// A profile that wants more of the subject than a name is met by issue itself.
func TestR57_IssueGivesTheSubjectThatAProfileWants(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.done("profile", "set", "server", "--set", `subject.organization="match"`, "--set", `subject.unit="supplied"`, "--yes")
	lacking := []string{"issue", "nas.lab.example", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key")}
	if s := h.refused("E2120", lacking...); !strings.Contains(s.err, "--subject") {
		t.Error(s.err)
	}
	h.refused("E2120", append(lacking, "--subject", "O=Other,OU=Storage")...)
	h.refused("E2120", append(lacking, "--subject", "O=")...)
	h.done(append(lacking, "--subject", "O=lab.example,OU=Storage")...)
	if got := h.tool("openssl", "x509", "-in", h.file("nas.pem"), "-noout", "-subject", "-nameopt", "RFC2253"); !strings.Contains(got, "CN=nas.lab.example,OU=Storage,O=lab.example") {
		t.Errorf("the subject: %s", got)
	}
	if s := h.done("profile", "test", "server", "web.lab.example", "--subject", "O=lab.example,OU=Web"); !strings.Contains(s.out, "OU=Web") {
		t.Errorf("tried: %s", s.out)
	}
	h.done("renew", h.file("nas.pem"), "--out", h.file("nas2.pem"), "--key-file", h.file("nas2.key"))
	if got := h.tool("openssl", "x509", "-in", h.file("nas2.pem"), "-noout", "-subject", "-nameopt", "RFC2253"); !strings.Contains(got, "OU=Storage") {
		t.Errorf("renewed: %s", got)
	}
}

// A timer is told that what it is to renew was revoked, which "not due yet" would hide.
func TestT05_WhatIsRevokedIsNotDueLater(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.done("issue", "nas.lab.example", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key"))
	h.done("revoke", h.file("nas.pem"), "--confirm", "nas.lab.example")
	h.refused("E2127", "renew", h.file("nas.pem"), "--if-due", "--detailed-exitcode")
}

// Names of types that are not certified here are shown of foreign certificates, not dropped.
func TestShowNamesEachAlternativeName(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.write("upn.cnf", "[req]\ndistinguished_name=dn\n[dn]\nCN=x\n")
	h.tool("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null", "-config", "upn.cnf", "-subj", "/CN=upn",
		"-addext", "subjectAltName=otherName:1.3.6.1.4.1.311.20.2.3;UTF8:hana@lab.example,otherName:1.2.3.4;UTF8:z,dirName:dn,RID:1.2.3,DNS:a.lab.example", "-out", "upn.pem")
	s := h.done("show", h.file("upn.pem"))
	for _, name := range []string{"dns:a.lab.example", "othername:UPN:hana@lab.example", "othername:1.2.3.4", "DirName:CN = x", "Registered ID:1.2.3"} {
		if !strings.Contains(s.out, name) {
			t.Errorf("%s is not shown:\n%s", name, s.out)
		}
	}
}
