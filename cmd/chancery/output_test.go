// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAnswersComeInTheFormAskedFor(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	h.done("sign", h.request("nas.lab.example"))
	var page struct {
		Items []map[string]any `json:"items"`
	}
	if err := json.Unmarshal([]byte(h.done("list", "-o", "json").out), &page); err != nil || len(page.Items) != 3 || page.Items[0]["common_name"] != "nas.lab.example" {
		t.Errorf("%v %v", page, err)
	}
	if h.done("list", "--json").out != h.done("list", "-o", "json").out {
		t.Error("--json is not -o json")
	}
	if s := h.done("list", "-o", "jsonl", "--fields", "serial,kind"); len(strings.Split(strings.TrimSpace(s.out), "\n")) != 3 || !strings.HasPrefix(s.out, `{"serial":"`) {
		t.Errorf("lines:\n%s", s.out)
	}
	rows, err := csv.NewReader(strings.NewReader(h.done("list", "-o", "csv").out)).ReadAll()
	if err != nil || len(rows) != 4 || rows[0][0] != "common_name" || rows[1][1] != "nas.lab.example" {
		t.Errorf("%v %v", rows, err)
	}
	if s := h.done("list", "--fields", "names,profile", "--name", "nas.lab.example"); !strings.HasPrefix(s.out, "NAMES") || !strings.Contains(s.out, "nas.lab.example  server") {
		t.Errorf("columns:\n%s", s.out)
	}
	if s := h.done("status", "--fields", "sealed", "--json"); strings.Join(strings.Fields(s.out), "") != `{"sealed":false}` {
		t.Errorf("one object:\n%s", s.out)
	}
	if s := h.done("ca", "list", "-q"); s.out != "root-g1\nissuing-g1\n" {
		t.Errorf("identifiers:\n%s", s.out)
	}
	if s := h.done("list", "--name", "nobody.lab.example"); s.out != "" || !strings.Contains(s.err, "none  --name") {
		t.Errorf("an empty list: %q %q", s.out, s.err)
	}
	for _, args := range [][]string{
		{"list", "-o", "xml"}, {"list", "-o", "pem"}, {"status", "-o", "csv"}, {"list", "--json", "-o", "csv"}, {"list", "--fields", "nmaes"},
	} {
		if s := h.types(args...); s.code != exitUsage || s.out != "" {
			t.Errorf("%v: exit %d\n%s%s", args, s.code, s.out, s.err)
		}
	}
	if s := h.types("list", "--fields", "x", "-o", "json"); !strings.HasPrefix(s.err, `{"code":"E1101"`) {
		t.Errorf("an error as JSON: %s", s.err)
	}
}

func TestAWrongWordIsAnsweredByTheNearest(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	for line, want := range map[string]string{
		"sing": `did you mean "sign"`, "ca lsit": `did you mean "list"`, "key lokc": `did you mean "lock"`, "list --stauts valid": `did you mean "--status"`,
		"list --jsn": `did you mean "--json"`, "quux": `unknown command "quux"`,
		"audit verfy": `did you mean "verify"`, "run foo": `unknown command "foo"`, "completion foo": `unknown command "foo"`, "completion bahs": `did you mean "bash"`,
		"help nix": `unknown command "nix"`, "help key lokc": `did you mean "lock"`,
		"key lock extra": "takes no arguments", "key list extra": "takes no arguments", "version extra": "takes no arguments", "list extra": "takes no arguments",
		"serve extra": "takes no arguments", "status extra": "takes no arguments", "init extra": "init takes no arguments", "audit verify extra": "audit verify takes",
		"completion bash extra": "takes no arguments",
	} {
		s := h.types(strings.Fields(line)...)
		if s.code != exitUsage || !strings.Contains(strings.SplitN(s.err, "\n", 2)[0], want) {
			t.Errorf("%s: exit %d\n%s", line, s.code, s.err)
		}
	}
	if s := h.done("--version"); s.out != h.done("version").out {
		t.Errorf("--version says %q", s.out)
	}
	if s := h.done("help", "exit-codes"); !strings.Contains(s.out, "9  a check found faults") {
		t.Errorf("%s", s.out)
	}
}

func TestShellsCompleteWhatThereIs(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	if s := h.done("__complete", "ca", "show", ""); strings.HasPrefix(s.out, "root") {
		t.Error("completion started the service for itself")
	}
	h.serve()
	h.done("sign", h.request("nas.lab.example"))
	for line, want := range map[string]string{
		"show na": "nas.lab.example", "ca show iss": "issuing-g1", "sign --profile ser": "server", "list --ca roo": "root-g1", "list --status vo": "void",
		"explain E2107": "E2107", "do": "doctor", "issue --profile cl": "client",
		"ca bundle --line iss": "issuing", "ca bundle --format j": "jks", "ca chain iss": "issuing-g1", "ca chain issuing-g1 --via ro": "root-g1", "sign --format p7": "p7b",
	} {
		s := h.done(append([]string{"__complete"}, strings.Split(line, " ")...)...)
		if !strings.Contains("\n"+s.out, "\n"+want) {
			t.Errorf("%s: %q", line, s.out)
		}
	}
	elsewhere := hand{t, filepath.Join(t.TempDir(), "none")}
	if s := elsewhere.done("__complete", "show", "n"); !strings.HasPrefix(s.out, ":") {
		t.Errorf("where nothing is: %q", s.out)
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if s := h.done("completion", shell); len(s.out) < 1000 {
			t.Errorf("%s has no completion", shell)
		}
	}
}

// T-04: colour is off where it is not wanted, and never the only sign.
func TestT04_ColourIsNeverTheOnlySign(t *testing.T) {
	for _, tt := range []struct {
		name    string
		env     map[string]string
		noColor bool
		want    string
	}{
		{"a pipe gets none", nil, false, "✓"},
		{"CLICOLOR_FORCE forces it", map[string]string{"CLICOLOR_FORCE": "1"}, false, "\x1b[32m✓\x1b[0m"},
		{"NO_COLOR wins", map[string]string{"CLICOLOR_FORCE": "1", "NO_COLOR": "x"}, false, "✓"},
		{"an empty NO_COLOR says nothing", map[string]string{"CLICOLOR_FORCE": "1", "NO_COLOR": ""}, false, "\x1b[32m✓\x1b[0m"},
		{"--no-color wins", map[string]string{"CLICOLOR_FORCE": "1"}, true, "✓"},
	} {
		a := &app{out: os.Stdout, noColor: tt.noColor, env: func(name string) string {
			if name == "LANG" {
				return "en_GB.UTF-8"
			}
			return tt.env[name]
		}}
		if got := a.dress("✓ done", a.out); got != tt.want+" done" {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
