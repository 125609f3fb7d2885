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

// fields are the names that --fields takes: those of a list's rows, or of the one
// object. They follow from the type, so that an empty list has them too.
func (x answer) fields() []string {
	if x.rows != nil {
		return jsonNames(reflect.TypeOf(x.rows).Elem())
	}
	return jsonNames(reflect.TypeOf(x.value))
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
