// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// What is made of the program says what the program does: run the line in the message
// after a change.
func TestTheReferenceIsThatOfThisProgram(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	for page, line := range map[string]string{"cli.md": "man --reference", "errors.md": "explain --all"} {
		path := filepath.Join("..", "..", "docs", page)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		c := h.command(t.Context(), strings.Fields(line)...)
		c.Env = append(c.Env, "LC_ALL=C.UTF-8")
		if s := h.runs(c); s.code != 0 || s.out != string(text) {
			t.Errorf("docs/%s is not what the program says now: make docs (LC_ALL=C.UTF-8 bin/chancery %s > docs/%s)", page, line, page)
		}
	}
}

// Every command has a man page that man's own formatter takes without a warning.
func TestEachCommandHasAManPage(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	h.done("man", "--out", h.file("man1"))
	root := (&app{env: os.Getenv}).root()
	var paths []string
	documented(root, func(c *cobra.Command) {
		path := filepath.Join(h.file("man1"), strings.ReplaceAll(c.CommandPath(), " ", "-")+".1")
		page, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
			return
		}
		paths = append(paths, path)
		for _, section := range []string{"NAME", "SYNOPSIS", "EXIT STATUS"} {
			if !strings.Contains(string(page), ".SH "+section) {
				t.Errorf("%s has no %s", path, section)
			}
		}
		if c.Runnable() && !c.HasSubCommands() && !strings.Contains(string(page), ".SH OPTIONS") {
			t.Errorf("%s has no options", path)
		}
	})
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Fatal("there is no groff: scripts/need.sh groff=groff-base, as make test does")
	}
	out, err := exec.CommandContext(t.Context(), groff, append([]string{"-man", "-Tascii", "-ww", "-z"}, paths...)...).CombinedOutput()
	if err != nil || strings.Contains(string(out), "warning: ") && !strings.Contains(string(out), "cannot") {
		t.Errorf("groff: %v\n%s", err, out)
	}
}

// Help opens with lines to type, wherever it is asked for.
func TestHelpOpensWithTwoExamples(t *testing.T) {
	t.Parallel()
	root := (&app{env: os.Getenv}).root()
	everyCommand(root, func(c *cobra.Command) {
		if c.Name() == "help" || c.IsAdditionalHelpTopicCommand() {
			return // of which there is nothing to type
		}
		if n := len(manualOf(c).examples); n < openingExamples {
			t.Errorf("%s has %d examples", c.CommandPath(), n)
		}
	})
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	want := h.done("ca", "create", "--help").out
	if lines := strings.Split(want, "\n"); lines[2] != "Examples:" || !strings.HasPrefix(lines[3], "  chancery ") || !strings.HasPrefix(lines[4], "  chancery ") {
		t.Errorf("help begins with\n%s", strings.Join(lines[:6], "\n"))
	}
	for _, line := range []string{"ca create -h", "-h ca create", "ca -h create", "--help ca create", "help ca create", "ca help create", "ca create users-g1 --days 3 -h"} {
		if s := h.types(strings.Fields(line)...); s.code != 0 || s.out != want {
			t.Errorf("%s: exit %d\n%s%s", line, s.code, s.out, s.err)
		}
	}
	if s := h.types("ca", "help", "craete"); s.code != exitUsage {
		t.Errorf("help about nothing: exit %d\n%s", s.code, s.out)
	}
}
