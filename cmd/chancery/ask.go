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
func (a *app) ask(ctx context.Context, p *plan) error {
	if len(p.names) > 0 || !a.interactive() {
		return nil
	}
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	fmt.Fprint(a.err, "Chancery sets up a root and an issuing authority on this machine. Enter accepts.\n")
	_, domain, _ := strings.Cut(host, ".")
	names, err := a.answer(ctx, "Names you will certify", domain)
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
	if p.org, err = a.answer(ctx, "Organisation", p.org); err != nil {
		return err
	}
	if p.hostname != "" {
		host = p.hostname
	}
	p.hostname, err = a.answer(ctx, "This server's name", host)
	return err
}

// organisation is what the authorities are called without --org.
func organisation(names []string) string { return strings.TrimLeft(names[0], "*.@") }

// answer asks one question.
func (a *app) answer(ctx context.Context, question, otherwise string) (string, error) {
	fmt.Fprintf(a.err, "  %-24s [%s]: ", question, otherwise)
	typed, err := a.line(ctx)
	if err == nil && typed == "" {
		typed = otherwise
	}
	return typed, err
}

// line reads one line of what is typed, without the blanks around it.
func (a *app) line(ctx context.Context) (string, error) {
	text, err := a.typed(ctx, a.readLine)
	return strings.TrimSpace(text), err
}

func (a *app) readLine() (string, error) {
	return bufio.NewReader(io.LimitReader(a.in, maxTyped)).ReadString('\n')
}

// typed waits for what read takes from the terminal, and for ctx: Ctrl-C must end a
// prompt at once, and a read does not end with the signal. The read is left behind;
// the program ends before it can take anything.
func (a *app) typed(ctx context.Context, read func() (string, error)) (string, error) {
	type result struct {
		text string
		err  error
	}
	got := make(chan result, 1)
	go func() {
		text, err := read()
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
			return "", usage("nothing was typed", "type an answer, or give it as a flag: chancery help COMMAND")
		case r.err != nil && !errors.Is(r.err, io.EOF):
			return "", fmt.Errorf("read from the terminal: %w", r.err)
		}
		return r.text, nil
	}
}

// hidden reads a line without showing it. term.ReadPassword would wait on after
// Ctrl-D, and could not be left behind without the echo lost.
func (a *app) hidden(ctx context.Context, in *os.File, prompt string) (text string, err error) {
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
	text, err = a.typed(ctx, a.readLine)
	if err == nil {
		fmt.Fprintln(a.err) // the Enter, which was not shown either
	}
	return strings.TrimRight(text, "\r\n"), err
}

// newPassphrase takes a passphrase from a file, or has it typed twice: a slip
// would lock the keys at the first start.
func (a *app) newPassphrase(ctx context.Context, file string) (string, error) {
	first, err := a.secret(ctx, file, false)
	if err != nil || file != "" || a.env("CHANCERY_PASSWORD_FILE") != "" {
		return first, err
	}
	fmt.Fprintln(a.err, "Once more.")
	again, err := a.secret(ctx, "", false)
	if err == nil && again != first {
		err = usage("the two passphrases differ, and nothing was made", "type the same command again")
	}
	return first, err
}
