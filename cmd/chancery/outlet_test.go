// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"chancery/ca"
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
	atOnce := h.command(t.Context(), "doctor", "--only", "publication")
	atOnce.Env = append(atOnce.Env, settings...)
	if s := h.runs(atOnce); s.code != 0 {
		t.Errorf("doctor right after it: exit %d\n%s", s.code, s.out)
	}
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

// What no time will mend refuses the start, as a setting does that cannot be read; a directory
// that is not there may be mounted later.
func TestR87_AStartIsRefusedWhereNothingCouldBePublished(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	file := h.write("file", "no directory")
	for _, wrong := range []struct{ dir, hook, says, hint string }{
		{filepath.Join(h.dir, "front"), "", "lie in one another", "hint: name a directory"},
		{file, "", "is no directory", "hint: name a directory"},
		{h.file("web"), "/usr/bin/env -i", "arguments are not taken", "hint: write a script that runs /usr/bin/env"},
	} {
		serve := h.command(t.Context(), "serve", "--listen", "off", "--listen-mtls", "off", "--listen-http", "127.0.0.1:0")
		for _, c := range []*exec.Cmd{serve, h.command(t.Context(), "config", "check")} { // which judges as the start does
			c.Env = append(c.Env, "CHANCERY_PUBLISH_DIRECTORY="+wrong.dir, "CHANCERY_PUBLISH_HOOK="+wrong.hook)
			if s := h.runs(c); s.code == 0 || !strings.Contains(s.err, wrong.says) || !strings.Contains(s.err, wrong.hint) || strings.Contains(s.err, "ready in") {
				t.Errorf("%v: exit %d\n%s", wrong, s.code, s.err)
			}
		}
	}
}

// A hook that cannot be run is found by who asks before, and not at the first change.
func TestAHookThatCannotBeRunIsFoundByConfigCheck(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	web := h.file("web")
	if err := os.Mkdir(web, 0o755); err != nil {
		t.Fatal(err)
	}
	plain, program := h.write("plain", "#!/bin/sh\n"), h.write("program", "#!/bin/sh\n")
	if err := os.Chmod(program, 0o755); err != nil {
		t.Fatal(err)
	}
	for hook, says := range map[string]string{
		h.file("nowhere"): "is not there", web: "is no program", plain: "is not executable", filepath.Join(plain, "in"): "cannot be looked at", program: "",
	} {
		for _, args := range [][]string{{"config", "check"}, {"doctor", "--only", "publication"}} {
			c := h.command(t.Context(), args...)
			c.Env = append(c.Env, "CHANCERY_PUBLISH_DIRECTORY="+web, "CHANCERY_PUBLISH_HOOK="+hook)
			s := h.runs(c)
			if args[0] == "config" && (s.code == exitUsage && strings.Contains(s.err, "E1003")) != (says != "") || !strings.Contains(s.out+s.err, says) || says == "" && strings.Contains(s.out+s.err, "publish.hook "+ca.Show(hook)) {
				t.Errorf("%s with %s: exit %d, %s%s", args, hook, s.code, s.out, s.err)
			}
		}
	}
}

// Each fault of the settings is told once, by the words of the file and not of Go.
func TestFaultsOfSettingsAreToldOnce(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	path := filepath.Join(h.dir, "chancery.toml")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for lines, says := range map[string][]string{
		"feed = true":    {"publish.feed is a boolean, and takes text", `write "yes" or "no", in quotes`},
		"pem = 3":        {"publish.pem is an integer, and takes text", "put it in quotes"},
		`hook = "true"`:  {"publish.hook is not the path of one program such as /usr/local/bin/push-pki", "publish.hook is told of changes in publish.directory, which is not set"},
		`pem = "maybe"`:  {`publish.pem is neither "yes" nor "no"`},
		`directory = ""`: nil,
	} {
		overwrite(t, path, append(bytes.Clone(before), "\n[publish]\n"+lines+"\n"...))
		s := h.types("serve", "--listen", "127.0.0.1") // which no start survives
		for _, one := range says {
			if strings.Count(s.err, one) != 1 {
				t.Errorf("%s: it does not say %q once:\n%s", lines, one, s.err)
			}
		}
		if len(says) > 0 && (s.code != exitUsage || !strings.Contains(s.err, "why:  read from "+path) || strings.Contains(s.err, "struct")) {
			t.Errorf("%s: exit %d\n%s", lines, s.code, s.err)
		}
	}
}
