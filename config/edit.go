// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"chancery/ca"
)

// Set gives a document in which a dotted key, such as names.dns, has another value, which
// is TOML too; an empty value takes the key away. Everything else stays byte for byte, the
// comments included. A key that is not there goes to the end of its table. Whether the
// document is one of a profile then is for Profile to say. The Problem is E1003.
func Set(document []byte, key, value string) ([]byte, error) {
	if !isKey(key) {
		return nil, fault(key, 0, "a key is made of lower-case letters, digits and '_', with dots between tables", "name one that chancery profile show prints")
	}
	takesAway := value == ""
	value = strings.TrimSpace(value)
	if strings.ContainsAny(value, "\r\n") {
		return nil, fault(key, 0, "a value is one line", "write it in one, or change the whole document: --file")
	}
	if !takesAway { // of blanks neither: it may be a variable that is not set
		if err := sound([]byte("x = " + value)); err != nil || value == "" {
			return nil, fault(key, 0, "the value "+ca.Show(value)+" of "+key+" cannot be read", `texts are in quotes, lists in brackets, and the rest is a number, true or false: 5, "a", ["a", "b"]`)
		}
	}
	at, err := find(document, key)
	switch {
	case err != nil:
		return nil, err
	case at.found && value == "":
		return at.without(document), nil
	case at.found:
		return splice(document, at.begin, at.end, at.key+" = "+value), nil
	case value == "":
		return nil, fault(key, 0, "the key "+key+" does not stand in the document", "leave it out")
	}
	return at.with(document, value), nil
}

// sound says what the parser has against a document.
func sound(document []byte) error {
	var p unstable.Parser
	for p.Reset(document); p.NextExpression(); {
	}
	return p.Error()
}

// A place is where a key stands, or would.
type place struct {
	found      bool
	begin, end int    // of key and value
	key        string // as it is spelled there
	// table is the key's table; last is behind the last line of it, 0 if there is no table.
	table string
	last  int
}

// find looks for a key in a document.
func find(document []byte, key string) (at place, err error) {
	cut := strings.LastIndexByte(key, '.')
	at.table, at.key = key[:max(cut, 0)], key[cut+1:]
	var p unstable.Parser
	table, array := "", false
	for p.Reset(document); p.NextExpression(); {
		e := p.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			var end int
			table, end = dotted(e)
			array = e.Kind == unstable.ArrayTable
			if table == at.table && !array {
				at.last = endOfLine(document, end)
			}
		case unstable.KeyValue:
			name, _ := dotted(e)
			begin, end := int(e.Raw.Offset), int(e.Raw.Offset+e.Raw.Length)
			full := strings.TrimPrefix(table+"."+name, ".")
			switch {
			case array:
			case full == key && at.found:
				return at, fault(key, 0, "the key stands twice", "remove one of them")
			case full == key:
				at.found, at.begin, at.end, at.key = true, begin, end, name
			case strings.HasPrefix(key, full+"."):
				return at, fault(key, 0, full+" is written in braces", "write it as a table: ["+full+"]")
			}
			if table == at.table && !array {
				at.last = endOfLine(document, end)
			}
		default: // a comment
		}
	}
	if err := p.Error(); err != nil {
		return at, fault("", 0, "the document cannot be read: "+plain(err.Error()), "correct it")
	}
	return at, nil
}

// dotted is the key of an expression, and where its last part ends.
func dotted(e *unstable.Node) (name string, end int) {
	var parts []string
	for it := e.Key(); it.Next(); {
		n := it.Node()
		parts, end = append(parts, string(n.Data)), int(n.Raw.Offset+n.Raw.Length)
	}
	return strings.Join(parts, "."), end
}

// with puts the key at the end of its table, which it makes if there is none.
func (at place) with(document []byte, value string) []byte {
	line := at.key + " = " + value + "\n"
	if at.table != "" && at.last == 0 {
		line = "\n[" + at.table + "]\n" + line
		at.last = len(document)
	}
	if at.last > 0 && document[at.last-1] != '\n' {
		line = "\n" + line
	}
	return splice(document, at.last, at.last, line)
}

// without takes the line of the key away, with what is said of it at its end.
func (at place) without(document []byte) []byte {
	begin := bytes.LastIndexByte(document[:at.begin], '\n') + 1
	return splice(document, begin, endOfLine(document, at.end), "")
}

func splice(document []byte, begin, end int, text string) []byte {
	return slices.Concat(document[:begin], []byte(text), document[end:])
}

// endOfLine is behind the line end that follows.
func endOfLine(document []byte, from int) int {
	if i := bytes.IndexByte(document[from:], '\n'); i >= 0 {
		return from + i + 1
	}
	return len(document)
}

// maxKey bounds a dotted key, in octets: ours have less than half of it.
const maxKey = 64

// isKey tells whether a dotted key is made of bare keys as ours are.
func isKey(key string) bool {
	for part := range strings.SplitSeq(key, ".") {
		if part == "" || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			return false
		}
	}
	return len(key) <= maxKey
}
