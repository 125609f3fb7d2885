// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"chancery/ca"
)

// MaxDocument is the largest document in octets: four lists of a thousand
// patterns with names as people write them.
const MaxDocument = 256 << 10

const (
	// maxFaults is how many unknown keys one reading reports: a document of another
	// program has hundreds.
	maxFaults = 20
	// maxDepth bounds nested brackets, since the library recurses. Ours nest thrice;
	// the rest is for comments that leave brackets open.
	maxDepth = 64
)

// Profile reads the document of a profile: syntax and keys, not whether it is
// sound, which policy.Sound says. The digest is left zero. The error joins a
// ca.Problem (E1003) for each fault.
func Profile(document []byte) (ca.Profile, error) { return Decode[ca.Profile](document) }

// Decode reads a TOML document of at most MaxDocument octets into a structure
// whose fields have toml tags. Keys must be spelled exactly: the library also
// takes them in another case, so that one setting could stand twice. The error
// joins a ca.Problem (E1003) for each fault; where there is one, T is zero.
func Decode[T any](document []byte) (T, error) {
	var out, zero T
	switch {
	case len(document) > MaxDocument:
		return zero, fault("", 0, fmt.Sprintf("the document has %d octets, at most %d are accepted", len(document), MaxDocument), "shorten it")
	case !utf8.Valid(document) || bytes.HasPrefix(document, []byte("\ufeff")):
		return zero, fault("", 0, "the document is not UTF-8, or begins with a byte order mark", "save it as UTF-8 without a byte order mark")
	case tooDeep(document):
		return zero, fault("", 0, fmt.Sprintf("brackets nest deeper than %d", maxDepth), "close them")
	}
	known := keysOf(reflect.TypeFor[T](), "", nil)
	// Unknown keys come before wrong values: a key in another case has both.
	if err := unknownKeys(document, known); err != nil {
		return zero, err
	}
	if err := toml.NewDecoder(bytes.NewReader(document)).DisallowUnknownFields().Decode(&out); err != nil {
		return zero, unreadable(err)
	}
	return out, nil
}

// tooDeep counts brackets, those in texts and comments too, which come in pairs.
func tooDeep(document []byte) bool {
	depth := 0
	for _, c := range document {
		switch c {
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(depth-1, 0)
		}
		if depth > maxDepth {
			return true
		}
	}
	return false
}

// keysOf lists the dotted keys of a structure, tables and lists of tables included.
func keysOf(t reflect.Type, prefix string, keys []string) []string {
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("toml")
		if name == "" || name == "-" {
			continue
		}
		keys = append(keys, prefix+name)
		of := f.Type
		if of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		if of.Kind() == reflect.Struct {
			keys = keysOf(of, prefix+name+".", keys)
		}
	}
	return keys
}

// unknownKeys walks the document's keys. A syntax error ends the walk without a
// word: reading the document finds it again, and says it better.
func unknownKeys(document []byte, known []string) error {
	w := walk{known: known}
	w.parser.Reset(document)
	for w.parser.NextExpression() && len(w.faults) < maxFaults {
		e := w.parser.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			w.table = ""
			w.table = w.path(e, "")
		case unstable.KeyValue:
			w.keyValue(e, w.table)
		default: // a comment
		}
	}
	return errors.Join(w.faults...)
}

type walk struct {
	parser unstable.Parser
	known  []string
	table  string
	faults []error
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
			line := w.parser.Shape(n.Raw).Start.Line
			fix := "remove it"
			if near := Nearest(path, w.known); near != "" {
				fix = "did you mean " + near + "?"
			}
			w.faults = append(w.faults, fault(path, line, "there is no key "+ca.Show(path), fix))
			return path
		}
	}
	return path
}

// unreadable makes a Problem of the library's error, with the line.
func unreadable(err error) error {
	var d *toml.DecodeError
	if !errors.As(err, &d) {
		return fault("", 0, "the document cannot be read: "+plain(err.Error()), "correct it")
	}
	line, _ := d.Position()
	return fault(strings.Join(d.Key(), "."), line, plain(strings.TrimPrefix(d.Error(), "toml: ")), "correct the line")
}

// plain escapes what a terminal would obey: messages quote the document.
func plain(s string) string {
	if !ca.PlainText(s) {
		return ca.Show(s)
	}
	return s
}

// fault is E1003, with the line if there is one and the key if it is known.
func fault(key string, line int, detail, fix string) error {
	if line > 0 {
		detail = fmt.Sprintf("line %d: %s", line, detail)
	}
	return ca.Invalid(ca.E1003, detail, fix).At(plain(key))
}
