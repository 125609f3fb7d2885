// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// maxTyped bounds what is read of an answer.
const maxTyped = 4096

// interactive tells whether somebody can be asked.
func (a *app) interactive() bool {
	in, ok := a.in.(*os.File)
	out, also := a.err.(*os.File)
	return ok && also && term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(out.Fd()))
}

// ask asks what init was not told, if there is somebody to ask. Each question has
// a flag, and Enter takes what is in brackets.
func (a *app) ask(p *plan) error {
	if len(p.names) > 0 || !a.interactive() {
		return nil
	}
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	fmt.Fprint(a.err, "Chancery sets up a root and an issuing authority on this machine. Enter accepts.\n")
	_, domain, _ := strings.Cut(host, ".")
	names, err := a.answer("Names you will certify", domain)
	if err != nil {
		return err
	}
	for n := range strings.SplitSeq(names, ",") {
		if n = strings.TrimSpace(n); n != "" {
			p.names = append(p.names, n)
		}
	}
	if len(p.names) == 0 {
		return nil // which the check of all answers will say
	}
	if p.org == "" {
		p.org = organisation(p.names)
	}
	if p.org, err = a.answer("Organisation", p.org); err != nil {
		return err
	}
	if p.hostname != "" {
		host = p.hostname
	}
	p.hostname, err = a.answer("This server's name", host)
	return err
}

// organisation is what the authorities are called without --org.
func organisation(names []string) string { return strings.TrimLeft(names[0], "*.@") }

// answer asks one question.
func (a *app) answer(question, otherwise string) (string, error) {
	fmt.Fprintf(a.err, "  %-24s [%s]: ", question, otherwise)
	typed, err := a.line()
	if err != nil {
		return "", fmt.Errorf("read from the terminal: %w", err)
	}
	if typed = strings.TrimSpace(typed); typed == "" {
		return otherwise, nil
	}
	return typed, nil
}

// line reads one line of what is typed.
func (a *app) line() (string, error) {
	return bufio.NewReader(io.LimitReader(a.in, maxTyped)).ReadString('\n')
}

// newPassphrase takes a passphrase from a file, or has it typed twice: a slip
// would lock the keys at the first start.
func (a *app) newPassphrase(file string) (string, error) {
	first, err := a.secret(file, false)
	if err != nil || file != "" || a.env("CHANCERY_PASSWORD_FILE") != "" {
		return first, err
	}
	fmt.Fprintln(a.err, "Once more.")
	again, err := a.secret("", false)
	if err == nil && again != first {
		err = usage("the two passphrases differ", "chancery init")
	}
	return first, err
}
