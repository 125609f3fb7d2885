// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

// --jq asks the answer as the API gives it; what is no expression, or does not fit, is
// refused before anything is done.
func TestJqAsksTheAnswer(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	h.done("issue", "nas.lab.example")
	for line, want := range map[string]string{
		"list --jq .items[0].common_name":            "nas.lab.example\n",
		"list --jq .items|length":                    "3\n",
		"ca list --jq .[].name":                      "root-g1\nissuing-g1\n",
		"ca list -o jsonl --jq .name":                "root-g1\nissuing-g1\n",
		"ca list --fields name,kind --jq .[0]":       `{"kind":"root","name":"root-g1"}` + "\n",
		"status --jq .sealed":                        "false\n",
		"status --jq 123456789012345678901234567890": "123456789012345678901234567890\n",
		"status --jq $ENV|length":                    "0\n",
		"status --jq empty":                          "",
		"explain E2107 --jq .code":                   "E2107\n",
	} {
		if s := h.done(strings.Split(line, " ")...); want != "" && s.out != want || strings.HasSuffix(line, "empty") && s.out != "" {
			t.Errorf("%s: %q, want %q", line, s.out, want)
		}
	}
	before := h.done("list", "--all", "-q").out
	for _, line := range []string{"issue web.lab.example --jq ][", "issue web.lab.example --jq nix", "issue web.lab.example -q --jq .", "list -o csv --jq .", "list --jq .items.name"} {
		if s := h.types(strings.Split(line, " ")...); s.code != exitUsage || !strings.Contains(s.err, "--jq") {
			t.Errorf("%s: exit %d\n%s%s", line, s.code, s.out, s.err)
		}
	}
	if after := h.done("list", "--all", "-q").out; after != before {
		t.Errorf("something was issued:\n%s", after)
	}
}

// All fields of a list stand in a wide table; of one object wide is its text.
func TestWideHasAllFields(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	wide := h.done("ca", "list", "-o", "wide").out
	head := strings.Fields(strings.SplitN(wide, "\n", 2)[0])
	if len(head) <= len(strings.Fields(strings.SplitN(h.done("ca", "list").out, "\n", 2)[0])) || head[0] != "NAME" {
		t.Errorf("%q", head)
	}
	if h.done("status", "-o", "wide").out == "" {
		t.Error("no text")
	}
}

// The place of the settings, what they say, and what is wrong with them.
func TestSettingsSayWhereTheyComeFrom(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	c := h.command(t.Context(), "config", "show", "--origin")
	c.Env = append(c.Env, "CHANCERY_BASE_URL=https://other.example:1")
	s := h.runs(c)
	for _, want := range []string{"variable CHANCERY_BASE_URL", "file " + h.dir, "default"} {
		if !strings.Contains(s.out, want) {
			t.Errorf("no %q in\n%s", want, s.out)
		}
	}
	if s := h.done("config", "path", "-q"); s.out != h.dir+"/chancery.toml\n" {
		t.Errorf("%s", s.out)
	}
	if s := h.done("config", "path", "--dir", "elsewhere"); !strings.HasPrefix(s.out, "* --dir") || !strings.Contains(s.out, "(not there)") {
		t.Errorf("%s", s.out)
	}
	h.done("config", "check")
	c = h.command(t.Context(), "config", "check")
	c.Env = append(c.Env, "CHANCERY_LISTEN=nonsense")
	if s := h.runs(c); !strings.Contains(s.err, "E1003") || s.code != exitUsage {
		t.Errorf("exit %d\n%s", s.code, s.err)
	}
}

// -v says what nobody sees, -vv each call, --debug what was sent and answered without
// its secrets; all of it on stderr.
func TestDebugShowsCallsWithoutSecrets(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	if s := h.done("ca", "list", "-q", "-v"); !strings.Contains(s.err, "no service runs") || strings.Contains(s.err, "call:") || s.out != "root-g1\nissuing-g1\n" {
		t.Errorf("-v: %q %q", s.out, s.err)
	}
	h.serve()
	if s := h.done("ca", "list", "-q", "-vv"); !strings.Contains(s.err, "call: GET ") || strings.Contains(s.err, "got:") {
		t.Errorf("-vv: %q", s.err)
	}
	s := h.done("token", "create", "--name", "ci", "--role", "requester", "--debug")
	if secret := strings.TrimSpace(s.out); len(secret) < 20 || strings.Contains(s.err, secret) || !strings.Contains(s.err, `"token":"(masked)"`) || !strings.Contains(s.err, "call: POST ") {
		t.Errorf("--debug: %q", s.err)
	}
}
