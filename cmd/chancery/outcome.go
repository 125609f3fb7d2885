// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"chancery/ca"
)

// An outcome is what came of one line of many.
type outcome struct {
	// Line is what was asked: a file, or a serial number.
	Line string `json:"line"`
	Name string `json:"name,omitempty"`
	// Certificate is the public name.
	Certificate string `json:"certificate,omitempty"`
	// Chain is a new certificate with its chain, in PEM, where no file holds it.
	Chain string `json:"chain,omitempty"`
	OK    bool   `json:"ok"`
	// Code and Detail are those of the problem; of a dry run, Detail is what would be done, and
	// of a renewal what was not.
	Code   ca.Code `json:"code,omitempty"`
	Detail string  `json:"detail,omitempty"`
	// Hint is what to do about the problem.
	Hint string `json:"hint,omitempty"`
	// RevokedAt and Reason are how a certificate stands that was revoked.
	RevokedAt time.Time `json:"revoked_at,omitzero"`
	Reason    string    `json:"reason,omitempty"`
	// told says that a line for people was written before the answer.
	told bool
	// remark ends the line for people of what went well.
	remark string
}

// went makes the outcome of a line.
func went(line string, c ca.Certificate, err error) outcome {
	o := outcome{Line: line, OK: err == nil}
	if len(c.Serial) > 0 {
		o.Name, o.Certificate = c.Title(), c.PublicName()
	}
	if err == nil && c.Revoked != nil {
		o.RevokedAt, o.Reason = c.Revoked.At, c.Revoked.Reason.String()
	}
	if err != nil {
		p := asProblem(err)
		o.Code, o.Detail, o.Hint = p.Code, p.Detail, p.Fix
	}
	return o
}

// tell is a line for people.
func (o outcome) tell(a *app) string {
	switch {
	case o.OK && o.Certificate == "":
		return fmt.Sprintf("%s %s   %s\n", a.mark(fine), orNone(o.Line), o.Detail)
	case o.OK:
		return fmt.Sprintf("%s %s   %s%s\n", a.mark(fine), o.Name, o.Certificate, o.remark)
	}
	text := fmt.Sprintf("%s %s   %s %s", a.mark(failed), ca.Show(o.Line), o.Code, o.Detail)
	if o.Hint != "" {
		text += "  → " + a.pasteable(o.Hint)
	}
	return text + "\n"
}

// outcomes answers with a line each, also of what fell with them; some that failed are an
// error whose answer was given. news says what was published.
func (a *app) outcomes(all, also []outcome, what, news string) error {
	var b strings.Builder
	var names []string
	bad, later := 0, false
	for _, o := range all {
		if !o.told {
			b.WriteString(o.tell(a))
		}
		if o.OK {
			names = append(names, o.Certificate)
			continue
		}
		bad++
		later = later || slices.Contains([]ca.Code{ca.E1201, ca.E2301, ca.E2303}, o.Code)
	}
	for _, o := range also {
		if !o.told {
			b.WriteString(o.tell(a))
		}
		names = append(names, o.Certificate)
	}
	with := ""
	if len(also) > 0 {
		with = fmt.Sprintf(", and with them %s of the same keys", counted(len(also), "other"))
		all = append(all, also...)
	}
	fmt.Fprintf(&b, "%d %s%s, %d refused%s\n", len(all)-len(also)-bad, what, with, bad, news)
	if later {
		b.WriteString("the same again goes on where this ended\n")
	}
	err := a.give(answer{value: all, text: fitted(b.String(), columnsOf(a.out)), rows: all, columns: []string{"line", "name", "certificate", "ok", "code", "detail", "revoked_at", "reason"}, names: names})
	if err == nil && bad > 0 {
		err = errFaults
	}
	return err
}
