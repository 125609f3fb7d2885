// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"chancery/ca"
)

// form is that of an error as people read it.
var form = regexp.MustCompile(`(?m)^chancery: error: .+\n(?:  why:  .+\n(?:        .*\n)*)?  hint: .+\n(?:        .*\n)*  code: (E\d{4})   \(chancery explain (E\d{4})\)\n\z`)

// T-05: each code that exists has one look, explains itself in at most twenty lines,
// and ends the program by its kind; as JSON it is the API's problem document.
func TestT05_EachCodeHasItsFormAndExplainsItself(t *testing.T) {
	t.Parallel()
	words := map[string]bool{}
	for _, e := range ca.Codes() {
		if e.Title == "" || e.Text == "" || e.Words == "" || words[e.Words] || strings.Count(e.Text, "\n") >= 20 {
			t.Errorf("%s explains itself badly: %+v", e.Code, e)
		}
		words[e.Words] = true
		for kind, exit := range exits {
			p := &ca.Problem{Code: e.Code, Kind: kind, Detail: "a detail", Why: "a reason", Fix: "chancery doctor"}
			var b bytes.Buffer
			(&app{err: &b, env: func(string) string { return "" }}).complain(p)
			if m := form.FindStringSubmatch(b.String()); m == nil || m[1] != string(e.Code) || m[2] != m[1] || !strings.Contains(b.String(), "  why:  a reason\n") {
				t.Errorf("%s: %q", e.Code, b.String())
			}
			b.Reset()
			(&app{err: &b, format: asJSON, env: func(string) string { return "" }}).complain(p)
			var back ca.Problem
			if err := json.Unmarshal(b.Bytes(), &back); err != nil || back.Code != e.Code || back.Detail != p.Detail || back.Fix != p.Fix || strings.Count(b.String(), "\n") != 1 {
				t.Errorf("%s as JSON: %v %q", e.Code, err, b.String())
			}
			if kind == ca.UnavailableKind && (e.Code == ca.E1102 || e.Code == ca.E1407) { // a disk that is full
				exit = exitFailure
			}
			if e.Code == ca.E3002 && (kind == ca.RefusedKind || kind == ca.BusyKind) { // what was typed does not open the key
				exit = exitLocked
			}
			if got := exitOf(p); e.Code != ca.E9000 && e.Code != ca.E3102 && got != exit {
				t.Errorf("%s of kind %v ends with %d, want %d", e.Code, kind, got, exit)
			}
		}
	}
	page := exitCodes().Long
	for _, exit := range []int{0, exitFailure, exitUsage, exitNotFound, exitForbidden, exitRefused, exitUnreachable, exitConflict, exitFaults, exitLocked, exitInterrupted} {
		if !regexp.MustCompile(fmt.Sprintf(`(?m)^ *%d  [a-z]`, exit)).MatchString(page) {
			t.Errorf("chancery help exit-codes has no %d", exit)
		}
	}
}

// T-05: whatever a verb is given wrongly, its error has the form, with a hint, exits 2,
// and leaves standard output empty; with -o json it is one line of JSON.
func TestT05_EachVerbRefusesInTheForm(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	for name, c := range verbs(t) {
		if changes[name] == runs {
			continue
		}
		lines := []string{name + " --nonsense", name + " -o xml", name + " --jq ][", name + " --dir /dev/null/x --nonsense"}
		if needs(c) {
			lines = append(lines, name)
		} else if !strings.Contains(c.Use, " ") {
			lines = append(lines, name+" extra")
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := hand{t, h.dir}
			for _, line := range lines {
				s := h.within(nil, []string{"LC_ALL=C.UTF-8"}, strings.Fields(line)...)
				if m := form.FindStringSubmatch(s.err); m == nil || s.code != exitUsage || s.out != "" {
					t.Errorf("%s: exit %d\n%s%s", line, s.code, s.out, s.err)
				}
			}
			s := h.within(nil, nil, append(strings.Fields(lines[0]), "-o", "json")...)
			var p ca.Problem
			if err := json.Unmarshal([]byte(s.err), &p); err != nil || p.Code != ca.E1101 || p.Detail == "" || s.out != "" {
				t.Errorf("%s -o json: %v\n%s", lines[0], err, s.err)
			}
		})
	}
}

// A document's faults are all told, and programs get one object with each of them.
func TestT05_EachFaultOfADocumentIsTold(t *testing.T) {
	t.Parallel()
	_, err := profileOf("schema = 1\nname = \"a\"\ndayz = 3\nkeyz = 4\nuse = [\"any\"]\n")
	var b strings.Builder
	a := &app{err: &b, env: func(string) string { return "" }}
	a.complain(asProblem(err), ca.Problems(err)...)
	for _, told := range []string{"line 3: there is no key \"dayz\"", "did you mean days?", "line 4: there is no key \"keyz\"", "line 5: profile \"a\": use[0]"} {
		if !strings.Contains(b.String(), told) || strings.Count(b.String(), "code: E1003") != 1 {
			t.Errorf("not told: %s\n%s", told, b.String())
		}
	}
	b.Reset()
	a.format = asJSON
	a.complain(asProblem(err), ca.Problems(err)...)
	var got struct {
		ca.Problem
		Errors []ca.Problem `json:"errors"`
	}
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil || got.Code != ca.E1003 || len(got.Errors) < 3 || got.Errors[1].Field != "keyz" {
		t.Errorf("%s: %v", b.String(), err)
	}
}

// What cannot be told is not a fault of ours, and not a service that is away.
func TestT05_AnAnswerThatHasNoRoomSaysSo(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	h := newHand(t)
	var errs bytes.Buffer
	c := h.command(t.Context(), "ca", "list")
	c.Stdout, c.Stderr = full, &errs
	if err := c.Run(); c.ProcessState.ExitCode() != exitFailure || !strings.Contains(errs.String(), "code: E1102") || !strings.Contains(errs.String(), "no space left") {
		t.Errorf("%v\n%s", err, errs.String())
	}
}

// A full disk is no wrong word, and no service that is away, wherever it is met.
func TestT05_AFullDiskIsSaidToBeThat(t *testing.T) {
	t.Parallel()
	a := app{err: io.Discard}
	err := fmt.Errorf("write what is new: %w", &os.PathError{Op: "write", Path: "/srv/nas.pem", Err: syscall.ENOSPC})
	for what, got := range map[string]error{
		"a new file": taken("/srv/nas.pem", "--out", err), "one that is replaced": cannotReplace("/srv/nas.pem", err), "the directory": unwritable("/srv/nas.pem", err),
		"a certificate": a.unwritten(material{}, "/srv/nas.pem", err), "anything": err, "a quota": os.NewSyscallError("write", syscall.EDQUOT),
		"the service": ca.Unavailable(ca.E1407, "the service's disk is nearly full", "free space on it").Because("no space left"),
	} {
		p := asProblem(got)
		if exitOf(p) != exitFailure || p.Code != ca.E1407 || p.Fix == "" || what != "a quota" && !strings.Contains(p.Why, "no space left") {
			t.Errorf("%s: exit %d, %+v", what, exitOf(p), p)
		}
	}
}

func TestT05_ADirectoryIsNoPlaceForAFileOrACertificate(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	if s := h.refused("E1102", "issue", "nas.lab.example", "--out", h.file("none/nas/")); !strings.Contains(s.err, "mkdir -p") {
		t.Error(s.err)
	}
	if s := h.refused("E1101", "renew", h.dir); !strings.Contains(s.err, "renew --due") {
		t.Error(s.err)
	}
}

// Whoever asks how it stands is told when nothing is served.
func TestTheStatusSaysThatNoServiceRuns(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	const said = "! service       none runs"
	if s := h.done("status"); !strings.HasPrefix(s.out, "issuing\n") || !strings.Contains(s.out, said) {
		t.Errorf("without one:\n%s", s.out)
	}
	h.serve()
	if s := h.done("status"); strings.Contains(s.out, said) {
		t.Errorf("beside one:\n%s", s.out)
	}
}
