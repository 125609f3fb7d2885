// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// R87: the service copies after each revocation and tells the hook; doctor sees both.
func TestR87_ARevocationIsCopiedAndTheHookIsTold(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	web := h.file("web")
	if err := os.Mkdir(web, 0o755); err != nil { //nolint:gosec // everybody may read what is published
		t.Fatal(err)
	}
	noted := h.file("noted")
	hook := h.write("hook", "#!/bin/sh\nprintf '%s\\n' \"$@\" >>"+noted+"\n")
	if err := os.Chmod(hook, 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	settings := []string{"CHANCERY_PUBLISH_DIRECTORY=" + web, "CHANCERY_PUBLISH_HOOK=" + hook, "CHANCERY_PUBLISH_PEM=yes"}
	h.serving(settings...)
	h.done("issue", "nas.lab.example", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key"))
	same := func() bool {
		ours, err := os.ReadFile(filepath.Join(h.dir, "front", "pki", "issuing-g1.crl"))
		theirs, missing := os.ReadFile(filepath.Join(web, "issuing-g1.crl"))
		return err == nil && missing == nil && bytes.Equal(ours, theirs)
	}
	told := func() bool {
		body, err := os.ReadFile(noted)
		return err == nil && strings.Contains(string(body), web+"/issuing-g1.crl\n")
	}
	tlsDoor{hand: h}.until("the lists of the start are copied", func() bool { return same() && told() })
	if err := os.Remove(noted); err != nil {
		t.Fatal(err)
	}
	before := h.read("web/issuing-g1.crl")
	h.done("revoke", h.file("nas.pem"), "--confirm", "nas.lab.example")
	tlsDoor{hand: h}.until("the list with the revocation is copied, and the hook told", func() bool { return same() && h.read("web/issuing-g1.crl") != before && told() })
	if out := h.tool("openssl", "crl", "-in", filepath.Join(web, "issuing-g1.crl.pem"), "-noout", "-text"); !strings.Contains(out, "Serial Number") {
		t.Errorf("the copy in PEM revokes nothing:\n%s", out)
	}
	tlsDoor{hand: h}.until("doctor is content", func() bool {
		c := h.command(t.Context(), "doctor", "--only", "publication")
		c.Env = append(c.Env, settings...)
		return strings.Contains(h.runs(c).out, "nothing is wrong")
	})
	for path, setting := range map[string]string{hook: "hook", web: "directory"} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, info.Mode().Perm()|0o022); err != nil {
			t.Fatal(err)
		}
		c := h.command(t.Context(), "doctor", "--only", "publication")
		c.Env = append(c.Env, settings...)
		if s := h.runs(c); s.code != exitFaults || !strings.Contains(s.out, path+" has mode") || !strings.Contains(s.out, "chmod go-w "+path) {
			t.Errorf("a %s that others can write: exit %d\n%s", setting, s.code, s.out)
		}
		if err := os.Chmod(path, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
	inside := h.command(t.Context(), "doctor", "--only", "publication")
	inside.Env = append(inside.Env, "CHANCERY_PUBLISH_DIRECTORY="+filepath.Join(h.dir, "front"))
	if s := h.runs(inside); s.code != exitFaults || !strings.Contains(s.out, "lie in one another") {
		t.Errorf("a directory within the installation: exit %d\n%s", s.code, s.out)
	}
}
