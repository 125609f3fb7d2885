// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// path is a PATH that has this program as chancery.
func (h hand) path() []string {
	h.t.Helper()
	bin := h.t.TempDir()
	wrapper := "#!/bin/sh\nCHANCERY_TEST_MAIN=1 exec " + os.Args[0] + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "chancery"), []byte(wrapper), 0o700); err != nil { //nolint:gosec // a program
		h.t.Fatal(err)
	}
	home := h.t.TempDir()
	return append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "CHANCERY_DIR="+h.dir, "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home, "ZDOTDIR="+home, "TERM=dumb", "LC_ALL=C.UTF-8")
}

// completions are lines up to the key, and a word that is proposed.
var completions = map[string]string{
	"chancery rev": "revoke", "chancery ca sh": "show", "chancery show na": "nas.lab.example", "chancery ca show iss": "issuing-g1",
	"chancery sign --profile serve": "server", "chancery man ca roll": "rollover", "chancery list --sort exp": "expiry",
}

// A real fish completes by the script.
func TestFishCompletesByTheScript(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("fish"); err != nil {
		t.Fatal("there is no fish (make test installs it)")
	}
	h := newHand(t)
	h.serve()
	h.done("issue", "nas.lab.example")
	env := h.path()
	for line, want := range completions {
		c := exec.CommandContext(t.Context(), "fish", "--no-config", "-c", "chancery completion fish | source; complete -C \""+line+"\"")
		c.Env, c.Dir = env, filepath.Dir(h.dir)
		out, err := c.CombinedOutput()
		if err != nil || !regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(want)+`(\t|$)`).Match(out) {
			t.Errorf("%s: %v %q", line, err, out)
		}
	}
}

// A real zsh at a terminal completes by the script: what stands on its line after the key
// is asked by another one.
func TestZshCompletesByTheScript(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("zsh"); err != nil {
		t.Fatal("there is no zsh (make test installs it)")
	}
	h := newHand(t)
	h.serve()
	h.done("issue", "nas.lab.example")
	d := newDesk(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "zsh", "-f", "-i")
	c.Env, c.Dir = h.path(), filepath.Dir(h.dir)
	c.Stdin, c.Stdout, c.Stderr = d.far, d.far, d.far
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	script := h.write("setup.zsh", `autoload -U compinit && compinit -u -D
source <(chancery completion zsh)
LISTMAX=0
say() { print -r -- "(line $BUFFER)"; BUFFER= }
zle -N say
bindkey '^B' say
print ready-now
`)
	types := func(text string) {
		if _, err := d.near.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	types("source " + script + "\r")
	d.awaits("ready-now\r\n")
	for line, want := range completions {
		typed := line[strings.LastIndex(line, " ")+1:]
		types(line + "\t\x02")
		d.awaits(fmt.Sprintf("(line %s%s", strings.TrimSuffix(line, typed), want))
	}
	types("exit\r")
	if err := c.Wait(); err != nil {
		t.Errorf("zsh: %v\n%s", err, d.seen)
	}
}

// There is no PowerShell to try it with: what is written for it has its brackets and quotes
// in pairs, names this program, and asks it as the others do.
func TestTheScriptForPowerShellIsWhole(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	script := h.done("completion", "powershell").out
	for _, want := range []string{"Register-ArgumentCompleter -CommandName 'chancery' -ScriptBlock", "__complete"} {
		if !strings.Contains(script, want) {
			t.Errorf("it lacks %q:\n%s", want, script)
		}
	}
	var open []rune
	pairs := map[rune]rune{')': '(', ']': '[', '}': '{'}
	quote := rune(0)
	for n, line := range strings.Split(script, "\n") {
		escaped := false
		for i, r := range line {
			switch {
			case escaped:
				escaped = false
			case r == '`' && quote != '\'':
				escaped = true
			case quote != 0:
				if r == quote {
					quote = 0
				}
			case r == '\'' || r == '"':
				quote = r
			case r == '#' && (i == 0 || line[i-1] == ' '):
				line = ""
			case strings.ContainsRune("([{", r):
				open = append(open, r)
			case pairs[r] != 0:
				if len(open) == 0 || open[len(open)-1] != pairs[r] {
					t.Fatalf("line %d closes what is not open: %s", n+1, line)
				}
				open = open[:len(open)-1]
			}
			if line == "" {
				break
			}
		}
	}
	if len(open) > 0 || quote != 0 {
		t.Errorf("it leaves %q and %q open", string(open), quote)
	}
}
