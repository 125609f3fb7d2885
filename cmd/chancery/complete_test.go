// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// bash types a line up to its last word at a real bash with the script, and gives what
// it proposes.
func (h hand) bash(words ...string) string {
	h.t.Helper()
	c := exec.CommandContext(h.t.Context(), "bash", "--norc", "-c", `source <(chancery completion bash)
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9
__start_chancery 2>&1
printf '%s\n' "${COMPREPLY[@]}"`, "bash")
	c.Args = append(append(c.Args, "chancery"), words...)
	c.Dir = filepath.Dir(h.dir)
	c.Env = h.path()
	out, err := c.CombinedOutput()
	if err != nil {
		h.t.Fatalf("bash: %v\n%s", err, out)
	}
	return string(out)
}

// A real bash completes verbs, names, authorities, profiles and flags by the script.
func TestBashCompletesByTheScript(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("there is no bash")
	}
	h := newHand(t)
	h.serve()
	h.done("issue", "nas.lab.example")
	for line, want := range map[string]string{
		"re": "revoke", "ca sh": "show", "show na": "nas.lab.example", "ca show iss": "issuing-g1", "sign --profile ser": "server", "list --prof": "--profile",
		"man ca ro": "rollover", "-o js": "jsonl",
	} {
		if got := h.bash(strings.Split(line, " ")...); !strings.Contains("\n"+got, "\n"+want) {
			t.Errorf("%s: %q", line, got)
		}
	}
}

// A service that hangs costs a fifth of a second, and nothing is said about it.
func TestCompletionGivesUpOnAServiceThatHangs(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "d")}
	l := layout{h.dir}
	if err := os.MkdirAll(l.run(), 0o700); err != nil {
		t.Fatal(err)
	}
	h.write("d/chancery.toml", "")
	mute, err := net.Listen("unix", l.socket("admin"))
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	began := time.Now()
	s := h.done("__complete", "show", "n")
	if took := time.Since(began); took > completeWait+5*time.Second { // a loaded machine starts processes slowly
		t.Errorf("it took %v", took)
	}
	if !strings.HasPrefix(s.out, ":") || strings.Contains(s.err, "rror") {
		t.Errorf("it says %q %q", s.out, s.err)
	}
}
