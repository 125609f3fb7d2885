// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// samples are what verbs that only read are typed with; the others are typed alone.
var samples = map[string]string{
	"ca chain": "issuing-g1", "ca show": "issuing-g1", "explain": "E2107", "man": "revoke", "policy plan": "server.toml", "profile show": "server",
	"profile test": "server web.lab.example", "show": "nas.lab.example", "verify": "nas.lab.example.pem", "doctor": "", "ca bundle": "--format pem", "crl fetch": "", "feed show": "data/front/pki/issuing-g1.delta.feed", "feed check": "data/front/pki/issuing-g1.feed --delta data/front/pki/issuing-g1.delta.feed nas.lab.example.pem", "ocsp check": "nas.lab.example", "ocsp staple": "nas.lab.example.pem --out nas.ocsp",
}

// pty runs a command whose stdout, or stderr, or both are a terminal, and gives what
// each said.
func (h hand) pty(variables []string, out, errs bool, args ...string) said {
	h.t.Helper()
	d := newDesk(h.t)
	c := h.command(h.t.Context(), args...)
	c.Env = append(append(c.Env, "LC_ALL=C.UTF-8", "TERM=xterm"), variables...)
	var elsewhere bytes.Buffer
	c.Stdout, c.Stderr = &elsewhere, &elsewhere
	if out {
		c.Stdout = d.far
	}
	if errs {
		c.Stderr = d.far
	}
	if err := c.Start(); err != nil {
		h.t.Fatal(err)
	}
	d.far.Close()
	var shown []byte
	for b := make([]byte, 4096); ; { // ends with EIO when nobody holds the other side any more
		n, err := d.near.Read(b)
		if shown = append(shown, b[:n]...); err != nil {
			break
		}
	}
	var exit *exec.ExitError
	if err := c.Wait(); err != nil && !errors.As(err, &exit) {
		h.t.Fatal(err)
	}
	s := said{code: c.ProcessState.ExitCode()}
	switch {
	case out && errs:
		s.out = string(shown)
	case out:
		s.out, s.err = string(shown), elsewhere.String()
	default:
		s.out, s.err = elsewhere.String(), string(shown)
	}
	return s
}

var (
	escapes = regexp.MustCompile(`\x1b`)
	// beyond finds what is not ASCII, pictures finds emoji and what is shown as such.
	beyond   = regexp.MustCompile(`[^\x00-\x7f]`)
	pictures = regexp.MustCompile(`[\x{1F000}-\x{1FAFF}\x{2600}-\x{2712}\x{2716}\x{2718}-\x{27BF}\x{FE0F}]`)
)

// T-04: what is piped, or shown where no colour is wanted, has no escape; where the
// locale is ASCII, so is every answer; nothing has a picture. Of every verb.
func TestT04_EachVerbShowsWhatTheTerminalCanShow(t *testing.T) {
	t.Parallel()
	d, variables := stage(t)
	d.write("server.toml", d.done("profile", "show", "server").out)
	for name := range verbs(t) {
		what := changes[name]
		if what == runs || strings.HasPrefix(name, "completion") {
			continue
		}
		args := strings.Fields(name)
		if what == reads {
			args = append(args, strings.Fields(samples[name])...)
		} else {
			args = append(append(args, strings.Fields(strings.ReplaceAll(what, "API", d.api))...), "--dry-run")
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := hand{t, d.dir}
			plain := d.within(nil, slices.Concat(variables, []string{"LC_ALL=C"}), args...)
			if plain.code != 0 && plain.code != exitFaults {
				t.Errorf("%v: exit %d\n%s", args, plain.code, plain.err)
			}
			for _, text := range []string{plain.out, plain.err} {
				if m := beyond.FindString(text); m != "" {
					t.Errorf("in an ASCII locale it says %q:\n%s", m, text)
				}
				if escapes.MatchString(text) {
					t.Errorf("escapes in a pipe: %q", text)
				}
			}
			shown := d.pty(slices.Concat(variables, []string{"NO_COLOR=1"}), true, true, args...)
			if escapes.MatchString(shown.out) {
				t.Errorf("escapes with NO_COLOR: %q", shown.out)
			}
			if m := pictures.FindString(shown.out); m != "" {
				t.Errorf("a picture: %q", m)
			}
		})
	}
}

// T-04: each way to want no colour, and to want it; stdout and stderr apart.
func TestT04_EachStreamIsJudgedForItself(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	green := "\x1b[32m✓\x1b[0m"
	look := []string{"doctor", "--only", "modes"}
	for _, tt := range []struct {
		name      string
		variables []string
		flags     []string
		terminal  bool
		colour    bool
	}{
		{"a terminal has colour", nil, nil, true, true},
		{"a pipe has none", nil, nil, false, false},
		{"NO_COLOR of any value", []string{"NO_COLOR=0"}, nil, true, false},
		{"an empty NO_COLOR says nothing", []string{"NO_COLOR="}, nil, true, true},
		{"a dumb terminal", []string{"TERM=dumb"}, nil, true, false},
		{"--no-color", nil, []string{"--no-color"}, true, false},
		{"forced in a pipe", []string{"CLICOLOR_FORCE=1"}, nil, false, true},
		{"NO_COLOR wins over force", []string{"CLICOLOR_FORCE=1", "NO_COLOR=1"}, nil, true, false},
	} {
		s := h.pty(tt.variables, tt.terminal, false, append(look, tt.flags...)...)
		if got := strings.Contains(s.out, green); got != tt.colour || !strings.Contains(s.out, "✓") {
			t.Errorf("%s: %q", tt.name, s.out)
		}
	}
	h.done("issue", "nas.lab.example")
	retired := []string{"ca", "retire", "issuing-g1", "--dry-run"}
	h.done("ca", "create", "issuing-g2", "--yes", "--recovery-file", h.file("words"))
	h.done("ca", "activate", "issuing-g2", "--yes")
	yellow := "\x1b[33m!\x1b[0m"
	if s := h.pty(nil, false, true, retired...); !strings.Contains(s.err, yellow) || escapes.MatchString(s.out) {
		t.Errorf("stderr on a terminal, stdout a file: %q %q", s.out, s.err)
	}
	if s := h.pty(nil, true, false, retired...); escapes.MatchString(s.err) || !strings.Contains(s.err, "! still valid") {
		t.Errorf("stdout on a terminal, stderr a file: %q %q", s.out, s.err)
	}
}

// Outside of UTF-8 signs are words, names are escapes, and JSON means the same.
func TestT04_SignsFallBackToWords(t *testing.T) {
	t.Parallel()
	env := func(locale string) func(string) string {
		return func(name string) string {
			if name == "LC_ALL" {
				return locale
			}
			return ""
		}
	}
	for text, want := range map[string]string{
		"✓ done\n! mind\n  ✗ bad\n": "ok   done\nwarn mind\n  FAIL bad\n", "tree ✓   serial …1f → x\n": "tree ok   serial ...1f -> x\n", "O=Müller 𝄞\n": `O=M\u00fcller \ud834\udd1e` + "\n",
	} {
		var b bytes.Buffer
		a := &app{env: env("C")}
		if got := a.dress(text, &b); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		a.env = env("de_DE.utf8")
		if got := a.dress(text, &b); got != text {
			t.Errorf("in UTF-8 %q became %q", text, got)
		}
	}
}
