// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"chancery/ca"
)

// The forms of -o. A command has text and JSON, a list also lines and tables,
// and what is a certificate or a request PEM and DER.
const (
	asTable = "table"
	asWide  = "wide" // a table of all fields
	asText  = "text"
	asJSON  = "json"
	asLines = "jsonl"
	asCSV   = "csv"
	asPEM   = "pem"
	asDER   = "der"
)

var forms = []string{asTable, asWide, asText, asJSON, asLines, asCSV, asPEM, asDER}

// An answer is what a command has to say, in all its forms.
type answer struct {
	value any    // as JSON
	text  string // for people
	// long writes what -o text shows of certificates, requests and lists; nil if that is
	// text too.
	long func(io.Writer) error
	// rows are the members of a list, columns those of their JSON fields that a
	// table of -o csv has where --fields names none.
	rows    any
	columns []string
	names   []string // what -q prints
	der     [][]byte // for -o der, which takes one
	label   string   // of their PEM blocks
}

// print writes v as JSON, or text.
func (a *app) print(v any, text string) error { return a.give(answer{value: v, text: text}) }

// canGive refuses a form or fields that an answer of x's types does not have. A
// command that acts asks with a sample before it does: an error about the form of
// the answer must mean that nothing happened.
func (a *app) canGive(x answer) error {
	if a.quiet {
		return nil
	}
	form := a.form()
	binary := form == asPEM || form == asDER
	if binary && len(x.der) == 0 || (form == asLines || form == asCSV) && x.rows == nil {
		return usage("this command does not answer in the form "+form, "chancery … -o json")
	}
	if form == asDER && a.shown() {
		return usage("binary is not written to a terminal", "chancery … -o der > FILE")
	}
	if binary {
		return nil
	}
	known := x.fields()
	if len(a.fields) > 0 && len(known) == 0 {
		return usage("this answer has no fields", "leave out --fields")
	}
	for _, n := range a.fields {
		if !slices.Contains(known, n) {
			return usage("there is no field "+ca.Show(n), "known are "+strings.Join(slices.Sorted(slices.Values(known)), ", ")+"; --jq takes what lies in them")
		}
	}
	return nil
}

// shown tells whether the answer goes to a terminal.
func (a *app) shown() bool { return onTerminal(a.out) }

// give writes an answer in the form that was asked for.
func (a *app) give(x answer) error {
	if a.quiet {
		return a.write([]byte(lines(x.names)))
	}
	if err := a.canGive(x); err != nil {
		return err
	}
	switch form := a.form(); {
	case form == asPEM:
		return a.write([]byte(pemText(x.label, x.der)))
	case form == asDER:
		return a.write(x.der[0])
	case form == asJSON && len(a.fields) == 0:
		return a.writeJSON(x.value)
	case form == asJSON || form == asLines || form == asCSV || len(a.fields) > 0 || form == asWide && x.rows != nil:
		return a.giveFields(x, form)
	case (form == asText || form == asWide) && x.long != nil:
		var b bytes.Buffer // lines must come whole to be dressed
		if err := x.long(&b); err != nil {
			return err
		}
		return a.tell(b.String())
	}
	return a.tell(x.text)
}

// tell writes what people read to standard output.
func (a *app) tell(text string) error {
	_, err := screen{a.out, a}.Write([]byte(text))
	return err
}

// form is what -o says, or --json for short; --jq asks JSON.
func (a *app) form() string {
	if a.json || a.jq != "" && a.format == "" {
		return asJSON
	}
	return a.format
}

// checkForm refuses what no command can answer in, before anything is done.
func (a *app) checkForm() error {
	switch {
	case a.format != "" && !slices.Contains(forms, a.format):
		return usage("-o takes one of "+strings.Join(forms, ", "), "chancery … -o json")
	case a.quiet && (a.json || a.format != ""):
		return usage("-q prints the identifier alone, and --json or -o another form", "leave one of them out")
	case a.json && a.format != "" && a.format != asJSON:
		return usage("--json and -o "+a.format+" contradict each other", "chancery … --json")
	case a.jq == "":
		return nil
	case a.quiet || a.format != "" && a.format != asJSON && a.format != asLines:
		return usage("--jq asks an answer as JSON", "leave out -q and -o, or chancery … -o jsonl --jq "+ca.Show(a.jq))
	}
	_, err := question(a.jq)
	return err
}

func (a *app) write(b []byte) error {
	_, err := a.out.Write(b)
	return err
}

func (a *app) writeJSON(v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false) // this is no page, and people read it
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return a.giveJSON(b.Bytes())
}

// giveJSON writes JSON, or what --jq makes of it. Where the locale has no more than
// ASCII, texts have escapes, which mean the same.
func (a *app) giveJSON(body []byte) error {
	switch {
	case a.jq != "":
		return a.giveAsked(body)
	case !a.utf8():
		body = []byte(ascii(string(body)))
	}
	return a.write(body)
}

// maxCell is the width of a column that a wide table leaves out: a digest, a certificate.
const maxCell = 60
