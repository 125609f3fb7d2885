// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"chancery/ca"
	"chancery/encode"
	"chancery/policy"
)

// maxTyped bounds what is read of an answer.
const maxTyped = 4096

// interactive tells whether somebody can be asked.
func (a *app) interactive() bool { return onTerminal(a.in) && onTerminal(a.err) }

// ask asks what init was not told, if there is somebody to ask. Each question has
// a flag, and Enter takes what is in brackets.
func (a *app) ask(ctx context.Context, p *plan) error {
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	if p.yes && len(p.names) == 0 {
		if _, domain, _ := strings.Cut(host, "."); domain != "" {
			p.names = []string{domain}
		}
	}
	if len(p.names) > 0 || p.yes || !a.interactive() {
		return nil
	}
	fmt.Fprint(a.err, "Chancery sets up a root and an issuing authority on this machine. Enter accepts.\n")
	_, domain, _ := strings.Cut(host, ".")
	_, err = a.sound(ctx, byNames, prompt{"Names you will certify", domain}, func(typed string) error {
		p.names = nil
		for n := range strings.SplitSeq(typed, ",") {
			if n = strings.TrimSpace(n); n != "" {
				p.names = append(p.names, n)
			}
		}
		if len(p.names) == 0 {
			return usage("no name was typed", "a domain of yours, such as lab.example")
		}
		_, err := policy.Shipped(withBelow(p.names))
		return err
	})
	if err != nil {
		return err
	}
	if p.org == "" {
		p.org = organisation(p.names)
	}
	p.org, err = a.sound(ctx, byOrg, prompt{"Organisation", p.org}, func(typed string) error { return nameable(plan{org: typed}.subject("")) })
	if err != nil {
		return err
	}
	if err := a.askSubjects(ctx, p); err != nil {
		return err
	}
	if p.hostname != "" {
		host = p.hostname
	}
	p.hostname, err = a.sound(ctx, byHostname, prompt{"This server's name", host}, func(typed string) error {
		named := plan{hostname: typed, pki: p.pki}
		return named.address()
	})
	return err
}

// askSubjects asks for the names of the authorities, as far as no flag gave them.
func (a *app) askSubjects(ctx context.Context, p *plan) (err error) {
	ask := func(by byFlag, text string, to *string, usual ca.Subject) error {
		if *to != "" {
			return nil
		}
		*to, err = a.sound(ctx, by, prompt{text, usual.String()}, func(typed string) error {
			_, err := named(typed, nil)
			return err
		})
		return err
	}
	if !p.single && !p.elsewhere {
		if err := ask(byRootSubject, "Name of the root", &p.rootSubject, p.subject("Root CA G1")); err != nil {
			return err
		}
	}
	return ask(bySubject, "Name of the issuing CA", &p.issuingSubject, p.usualIssuing())
}

// nameable refuses a name that cannot stand in a certificate.
func nameable(s ca.Subject) error {
	if _, err := encode.SubjectDER(s); err != nil {
		return ca.Invalid(ca.E2120, "the name "+ca.Show(s.String())+" cannot stand in a certificate", "such as O=Lab,CN=Lab Root CA G1").Because(err.Error())
	}
	return nil
}

// organisation is what the authorities are called without --org.
func organisation(names []string) string { return strings.TrimLeft(names[0], "*.@") }

// A prompt is a question in one line: Enter takes what is proposed.
type prompt struct{ text, otherwise string }

// answer asks one question.
func (a *app) answer(ctx context.Context, by byFlag, q prompt) (string, error) {
	proposed := ""
	if q.otherwise != "" {
		proposed = " [" + q.otherwise + "]"
	}
	fmt.Fprintf(a.err, "  %-24s%s: ", q.text, proposed)
	typed, err := a.line(ctx, by)
	if err == nil && typed == "" {
		typed = q.otherwise
	}
	return typed, err
}

// sound asks one question until the answer is one that judge takes: what would be refused
// later is asked for again now.
func (a *app) sound(ctx context.Context, by byFlag, q prompt, judge func(string) error) (string, error) {
	for {
		typed, err := a.answer(ctx, by, q)
		if err != nil {
			return "", err
		}
		var p *ca.Problem
		if err = judge(typed); !errors.As(err, &p) {
			return typed, err
		}
		fmt.Fprintf(a.err, "    %s: %s\n", p.Detail, p.Fix)
	}
}

// line reads one line of what is typed, without the blanks around it.
func (a *app) line(ctx context.Context, by byFlag) (string, error) {
	text, err := a.typed(ctx, by)
	return strings.TrimSpace(text), err
}

func (a *app) readLine() (string, error) {
	return bufio.NewReader(io.LimitReader(a.in, maxTyped)).ReadString('\n')
}

// typed waits for a line from the terminal, and for ctx: Ctrl-C must end a
// prompt at once, and a read does not end with the signal. The read is left behind;
// the program ends before it can take anything.
func (a *app) typed(ctx context.Context, by byFlag) (string, error) {
	type result struct {
		text string
		err  error
	}
	got := make(chan result, 1)
	go func() {
		text, err := a.readLine()
		got <- result{text, err}
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(a.err)
		return "", ctx.Err()
	case r := <-got:
		switch {
		case errors.Is(r.err, io.EOF) && r.text == "": // Ctrl-D
			fmt.Fprintln(a.err)
			return "", usage("nothing was typed", "type an answer, or give it beforehand: --"+string(by))
		case r.err != nil && !errors.Is(r.err, io.EOF):
			return "", fmt.Errorf("read from the terminal: %w", r.err)
		}
		return r.text, nil
	}
}

// hidden reads a line without showing it. term.ReadPassword would wait on after
// Ctrl-D, and could not be left behind without the echo lost.
func (a *app) hidden(ctx context.Context, by byFlag, in *os.File, prompt string) (text string, err error) {
	shown, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS)
	if err != nil {
		return "", fmt.Errorf("ask the terminal: %w", err)
	}
	dark := *shown
	dark.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(int(in.Fd()), unix.TCSETS, &dark); err != nil {
		return "", fmt.Errorf("switch the terminal's echo off: %w", err)
	}
	defer func() { err = errors.Join(err, unix.IoctlSetTermios(int(in.Fd()), unix.TCSETS, shown)) }()
	fmt.Fprint(a.err, prompt)
	text, err = a.typed(ctx, by)
	if err == nil {
		fmt.Fprintln(a.err) // the Enter, which was not shown either
	}
	return strings.TrimRight(text, "\r\n"), err
}

// newPassphrase takes a passphrase from a file, or has it typed twice: a slip
// would lock the keys at the first start.
func (a *app) newPassphrase(ctx context.Context, file string) (string, error) {
	first, err := a.secret(ctx, byPasswordFile, file, false)
	if err != nil || file != "" || a.env("CHANCERY_PASSWORD_FILE") != "" {
		return first, err
	}
	fmt.Fprintln(a.err, "Once more.")
	again, err := a.secret(ctx, byPasswordFile, "", false)
	if err == nil && again != first {
		err = usage("the two passphrases differ, and nothing was made", "type the same command again")
	}
	return first, err
}
