// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

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

// fields are the names that --fields takes: those of a list's rows, or of the one
// object. They follow from the type, so that an empty list has them too.
func (x answer) fields() []string {
	if x.rows != nil {
		return jsonNames(reflect.TypeOf(x.rows).Elem())
	}
	return jsonNames(reflect.TypeOf(x.value))
}

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

// A field is a name and a value of a JSON object.
type field struct {
	name  string
	value json.RawMessage
}

// giveFields writes a list, or one object, by its JSON fields.
func (a *app) giveFields(x answer, form string) error {
	rows, one := x.rows, false
	if rows == nil {
		rows, one = []any{x.value}, true
	}
	names := a.fields
	if len(names) == 0 && form == asCSV {
		names = x.columns
	}
	if len(names) == 0 && (form == asCSV || form == asWide) {
		names = x.fields()
	}
	list := reflect.ValueOf(rows)
	table := [][]field{}
	for i := range list.Len() {
		row, err := fieldsOf(list.Index(i).Interface(), names)
		if err != nil {
			return err
		}
		table = append(table, row)
	}
	switch {
	case form == asLines:
		for _, row := range table {
			if err := a.giveJSON(append(object(row), '\n')); err != nil {
				return err
			}
		}
		return nil
	case form == asJSON && one:
		return a.writeJSON(json.RawMessage(object(table[0])))
	case form == asJSON:
		return a.givePage(x.value, table)
	case form == asCSV:
		return writeCSV(a.out, names, table)
	}
	return a.tell(fieldTable(names, table, len(a.fields) > 0).text(columnsOf(a.out)))
}

// givePage writes rows as JSON in the form that the list has without --fields: a
// page of the API keeps its other members, and a bare array is one.
func (a *app) givePage(list any, table [][]field) error {
	all := make([]json.RawMessage, len(table))
	for i, row := range table {
		all[i] = object(row)
	}
	if !slices.Contains(jsonNames(reflect.TypeOf(list)), pageItems) {
		return a.writeJSON(all)
	}
	page, err := fieldsOf(list, nil)
	if err != nil {
		return err
	}
	items, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	for i := range page {
		if page[i].name == pageItems {
			page[i].value = items
		}
	}
	return a.writeJSON(json.RawMessage(object(page)))
}

// pageItems is the member of a page that holds its rows.
const pageItems = "items"

// jsonNames are the names of a structure's JSON fields, embedded ones included.
func jsonNames(t reflect.Type) []string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var names []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			names = append(names, jsonNames(f.Type)...)
		case f.IsExported() && name != "-" && name != "":
			names = append(names, name)
		}
	}
	return names
}

// fieldsOf gives the fields of an object that are wished, in that order; all in
// theirs, if none is. A field that is not there is null.
func fieldsOf(v any, names []string) ([]field, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write the answer: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("write the answer: %T is no object", v)
	}
	var all []field
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("read the answer: %w", err)
		}
		f := field{name: fmt.Sprint(name)}
		if err := d.Decode(&f.value); err != nil {
			return nil, fmt.Errorf("read the answer: %w", err)
		}
		all = append(all, f)
	}
	if len(names) == 0 {
		return all, nil
	}
	row := make([]field, len(names))
	for i, n := range names {
		row[i] = field{n, json.RawMessage("null")}
		if at := slices.IndexFunc(all, func(f field) bool { return f.name == n }); at >= 0 {
			row[i] = all[at]
		}
	}
	return row, nil
}

// object writes fields as a JSON object in one line.
func object(row []field) []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range row {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", f.name, f.value)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// cell is a field as a table shows it: texts bare, names by their values.
func (f field) cell() string {
	var text string
	var named []ca.Name
	var words []string
	var problem ca.Problem
	var counts map[string]int
	switch {
	case string(f.value) == "null":
		return ""
	case json.Unmarshal(f.value, &text) == nil:
		return text
	case json.Unmarshal(f.value, &named) == nil:
		values := make([]string, len(named))
		for i, n := range named {
			values[i] = n.Value
		}
		return strings.Join(values, " ")
	case json.Unmarshal(f.value, &words) == nil:
		return strings.Join(words, " ")
	case json.Unmarshal(f.value, &problem) == nil && problem.Code != "" && problem.Detail != "":
		return string(problem.Code) + " " + problem.Detail
	case json.Unmarshal(f.value, &counts) == nil:
		var parts []string
		for _, what := range slices.Sorted(maps.Keys(counts)) {
			parts = append(parts, fmt.Sprintf("%d %s", counts[what], what))
		}
		return strings.Join(parts, ", ")
	}
	return string(f.value)
}

func cells(row []field) []string {
	out := make([]string, len(row))
	for i, f := range row {
		out[i] = f.cell()
	}
	return out
}

func writeCSV(out io.Writer, names []string, table [][]field) error {
	w := csv.NewWriter(out)
	rows := [][]string{names}
	for _, row := range table {
		rows = append(rows, cells(row))
	}
	return w.WriteAll(rows) // flushes
}

// maxCell is the width of a column that a wide table leaves out: a digest, a certificate.
const maxCell = 60

// fieldTable is a table of JSON fields. All of them leave out what is empty everywhere and
// what nobody reads in a table; those that were named are there.
func fieldTable(names []string, table [][]field, named bool) *grid {
	var shown []int
	for i := range names {
		long := 0
		for _, row := range table {
			long = max(long, utf8.RuneCountInString(row[i].onScreen()))
		}
		if named || 0 < long && long <= maxCell || len(table) == 0 {
			shown = append(shown, i)
		}
	}
	if len(shown) == 0 {
		return fieldTable(names, table, true)
	}
	g := newGrid()
	for _, i := range shown {
		g.head = append(g.head, strings.ToUpper(names[i]))
	}
	for _, row := range table {
		cells := make([]string, len(shown))
		for n, i := range shown {
			cells[n] = row[i].onScreen()
		}
		g.rows = append(g.rows, cells)
	}
	return g
}

// onScreen is a cell as people read it: times where they are, and lists without brackets.
func (f field) onScreen() string {
	var all []string
	if json.Unmarshal(f.value, &all) == nil {
		return strings.Join(all, ", ")
	}
	var at time.Time
	if json.Unmarshal(f.value, &at) == nil && !at.IsZero() {
		return atTime(at)
	}
	return f.cell()
}

// lines puts each text on a line of its own.
func lines(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return strings.Join(all, "\n") + "\n"
}
