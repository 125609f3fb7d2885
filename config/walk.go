// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"chancery/ca"
	"chancery/internal/nearest"
)

// A walk is a document as its keys lie in it.
type walk struct {
	parser unstable.Parser
	known  []string
	// table is the table that the walk is in, and place the same with its number, as in
	// rule[1]; count are the tables of each list so far.
	table, place string
	count        map[string]int
	// all are the expressions in their order; blank are those with unknown keys.
	all    []expression
	blank  []int
	faults []error
	// starts say at which octet each key stands, spelled as the faults of a profile are:
	// rule[1].require.
	starts map[string]int
}

// An expression is a key with its value, or the head of a table.
type expression struct {
	begin, end int
	head       bool
}

// walked walks a document's keys. A syntax error ends the walk without a
// word: reading the document finds it again, and says it better.
func walked(document []byte, known []string) *walk {
	w := &walk{known: known, count: map[string]int{}, starts: map[string]int{}}
	w.parser.Reset(document)
	for w.parser.NextExpression() {
		e := w.parser.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			name, end := dotted(e)
			w.all = append(w.all, expression{bytes.LastIndexByte(document[:end], '\n') + 1, endOfLine(document, end), true})
			w.table = ""
			w.table = w.path(e, "")
			w.place = name
			if e.Kind == unstable.ArrayTable {
				w.place = fmt.Sprintf("%s[%d]", name, w.count[name])
				w.count[name]++
			}
			w.note(w.place, e)
		case unstable.KeyValue:
			w.all = append(w.all, expression{int(e.Raw.Offset), int(e.Raw.Offset + e.Raw.Length), false})
			name, _ := dotted(e)
			w.note(strings.TrimPrefix(w.place+"."+name, "."), e)
			w.keyValue(e, w.table)
		default: // a comment
		}
	}
	return w
}

// note notes where a key stands.
func (w *walk) note(name string, e *unstable.Node) {
	if _, twice := w.starts[name]; twice {
		return
	}
	if it := e.Key(); it.Next() {
		w.starts[name] = int(it.Node().Raw.Offset)
	}
}

// keyValue checks a key and, in inline tables, those below it.
func (w *walk) keyValue(e *unstable.Node, table string) {
	w.value(e.Value(), w.path(e, table))
}

// value goes through lists to the inline tables in them; tooDeep bounds how far.
func (w *walk) value(v *unstable.Node, path string) {
	if v.Kind != unstable.InlineTable && v.Kind != unstable.Array {
		return
	}
	for it := v.Children(); it.Next(); {
		if it.Node().Kind == unstable.KeyValue {
			w.keyValue(it.Node(), path)
		} else {
			w.value(it.Node(), path)
		}
	}
}

// path joins a node's key to the table it stands in and notes it if it is
// unknown, unless a table around it was.
func (w *walk) path(e *unstable.Node, table string) string {
	path := table
	for it := e.Key(); it.Next(); {
		n := it.Node()
		if path != "" && !slices.Contains(w.known, path) {
			return path
		}
		if path != "" {
			path += "."
		}
		path += string(n.Data)
		if !slices.Contains(w.known, path) {
			w.blank = append(w.blank, len(w.all)-1)
			if len(w.faults) == maxFaults { // each asks for its line, which takes a look at all before
				return path
			}
			line := w.parser.Shape(n.Raw).Start.Line
			fix := "remove it"
			if near := nearest.Of(path, w.known); near != "" {
				fix = "did you mean " + near + "?"
			}
			w.faults = append(w.faults, fault(path, line, "there is no key "+ca.Show(path), fix))
			return path
		}
	}
	return path
}

// at is the expression in which the library found an error, -1 if it is in none.
func (w *walk) at(document []byte, err error) int {
	var d *toml.DecodeError
	if !errors.As(err, &d) {
		return -1
	}
	line, column := d.Position()
	offset := 0
	for ; line > 1; line-- {
		offset = endOfLine(document, offset)
	}
	offset += column - 1
	return slices.IndexFunc(w.all, func(x expression) bool {
		return x.begin <= offset && offset < x.end && len(bytes.TrimSpace(document[x.begin:x.end])) > 0
	})
}

// clear blanks an expression out, a table with all its keys; lines stay as they are.
func (w *walk) clear(document []byte, i int) {
	w.wipe(document, i)
	for k := i + 1; w.all[i].head && k < len(w.all) && !w.all[k].head; k++ {
		w.wipe(document, k)
	}
}

func (w *walk) wipe(document []byte, i int) {
	text := document[w.all[i].begin:w.all[i].end]
	for k := range text {
		if text[k] != '\n' {
			text[k] = ' '
		}
	}
}

// Located puts the line of its key before the detail of each fault that has a key and no
// line yet: those of policy.Sound, which does not know the text.
func Located(document []byte, err error) error {
	if err == nil || len(document) > MaxDocument || tooDeep(document) {
		return err
	}
	starts := walked(document, nil).starts
	all := ca.Problems(err)
	out := make([]error, len(all))
	for i, p := range all {
		q := *p
		if at := startOf(starts, p.Field); at >= 0 && !strings.HasPrefix(p.Detail, "line ") {
			q.Detail = fmt.Sprintf("line %d: %s", 1+bytes.Count(document[:at], []byte("\n")), p.Detail)
		}
		out[i] = &q
	}
	if len(out) == 0 {
		return err
	}
	return errors.Join(out...)
}

// startOf is where a field stands, or what it is in; -1 if nothing of it is there.
func startOf(starts map[string]int, field string) int {
	for field != "" {
		if at, ok := starts[field]; ok {
			return at
		}
		field = field[:max(strings.LastIndexAny(field, ".["), 0)]
	}
	return -1
}
