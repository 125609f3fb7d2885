// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestATableThatDoesNotFitStandsInLines(t *testing.T) {
	t.Parallel()
	g := newGrid("NAME", "STATE", "SIGNED BY")
	g.row("root-g1", "active", "root-g1")
	g.row("a", "", 7)
	wide := "NAME     STATE   SIGNED BY\nroot-g1  active  root-g1\na                7\n"
	stacked := "root-g1\n  state      active\n  signed by  root-g1\na\n  signed by  7\n"
	for columns, want := range map[int]string{0: wide, 26: wide, 25: stacked} {
		if got := g.text(columns); got != want {
			t.Errorf("%d columns:\n%s", columns, got)
		}
	}
}

// A wide table says more, and leaves out what nobody reads in a table.
func TestAWideTableLeavesOutWhatNobodyReads(t *testing.T) {
	t.Parallel()
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	row := []field{{"name", raw(`"x"`)}, {"key", raw(`"` + strings.Repeat("a", 64) + `"`)}, {"none", raw("null")}, {"use", raw(`["server","client"]`)}}
	names := []string{"name", "key", "none", "use"}
	if got := fieldTable(names, [][]field{row}, false).text(0); got != "NAME  USE\nx     server, client\n" {
		t.Errorf("all fields: %q", got)
	}
	if got := fieldTable(names[1:3], [][]field{row[1:3]}, true).text(0); !strings.Contains(got, "aaaa") || !strings.HasPrefix(got, "KEY") {
		t.Errorf("named fields: %q", got)
	}
	if got := fieldTable(names[1:3], [][]field{row[1:3]}, false).text(40); !strings.HasPrefix(got, "aaaa") {
		t.Errorf("nothing but what nobody reads: %q", got)
	}
}

// Tables are readable on a terminal of forty columns: their lines fit, but for a value that
// is longer by itself.
func TestTablesFitATerminalOfFortyColumns(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	_, at, _ := strings.Cut(h.serve(), "lists of revocation  ")
	at, _, _ = strings.Cut(at, ",")
	h.done("issue", "nas.lab.example")
	h.done("token", "create", "--name", "ci", "--role", "requester")
	for _, line := range []string{"list", "list -o wide", "ca list", "ca list -o wide", "profile list", "token list", "token list -o wide", "key list", "list --fields serial,names,profile,not_after",
		"status", "crl show", "feed publish --ca issuing-g1", "feed show " + filepath.Join(h.dir, "front", "pki", "issuing-g1.feed"), "revoke nas.lab.example --dry-run", "show nas.lab.example", "ca show issuing-g1", "ca show root-g1",
		"ocsp check nas.lab.example --url http://" + at + "/ocsp"} {
		d := newDesk(t)
		if err := unix.IoctlSetWinsize(int(d.far.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: 40, Row: 24}); err != nil {
			t.Fatal(err)
		}
		c := h.command(t.Context(), strings.Fields(line)...)
		c.Env, c.Stdout, c.Stderr = append(c.Env, "NO_COLOR=1"), d.far, d.far
		if err := c.Run(); err != nil {
			t.Fatal(line, err)
		}
		if _, err := d.far.WriteString("the end\n"); err != nil {
			t.Fatal(err)
		}
		d.awaits("the end")
		for l := range strings.Lines(strings.ReplaceAll(string(d.seen), "\r", "")) {
			words := strings.Fields(l)
			if n := widest(l); n > 40 && len(words) > 3 && n-len([]rune(words[len(words)-1])) > 40 && !strings.Contains(l, ", ") {
				t.Errorf("%s has %d columns: %s", line, n, l)
			}
		}
	}
}

// What sign and others say is wrong is readable on a terminal of forty columns, too.
func TestErrorsFitATerminalOfFortyColumns(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	h.request("www.bank.example")
	h.request("nas.lab.example")
	for _, line := range []string{"sign www.bank.example.csr", "sign nas.lab.example.csr --dry-run", "sign nas.lab.example.csr www.bank.example.csr --dry-run", "show nobody.lab.example", "issue web.lab.example --days 9000", "issue note.lab.example"} {
		d := newDesk(t)
		if err := unix.IoctlSetWinsize(int(d.far.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: 40, Row: 24}); err != nil {
			t.Fatal(err)
		}
		c := h.command(t.Context(), strings.Fields(line)...)
		c.Env, c.Stdout, c.Stderr = append(c.Env, "NO_COLOR=1"), d.far, d.far
		_ = c.Run() // which it says itself
		if _, err := d.far.WriteString("the end\n"); err != nil {
			t.Fatal(err)
		}
		d.awaits("the end")
		for l := range strings.Lines(strings.ReplaceAll(string(d.seen), "\r", "")) {
			if n := widest(l); n > 40 && len(units(l)) > 2 {
				t.Errorf("%s has %d columns: %s", line, n, l)
			}
		}
	}
}
