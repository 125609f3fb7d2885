// SPDX-License-Identifier: Apache-2.0

// Package strict reads JSON from strangers: an unknown field, a repeated key,
// nesting beyond a limit, more keys than a limit, or anything after the value is
// an error. encoding/json alone lets a second key win silently and matches keys
// in any case, which lets two readers of one document disagree.
//
// It does not bound the length: callers bound what they read. Start at Decode.
package strict

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"
)

const (
	// maxDepth and maxKeys are the ceilings of security rule WB-03. No document of
	// ours nests deeper than 6.
	maxDepth = 16
	// maxKeys counts the keys of one object; a batch is an array, so it does not
	// touch this.
	maxKeys = 1000
)

// Decode reads one JSON value of type T from data. The error says what is wrong
// in words that can be shown.
func Decode[T any](data []byte) (T, error) {
	var v T
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		var zero T
		if strings.HasPrefix(err.Error(), "json: unknown field ") {
			if found := stranger(data, reflect.TypeFor[T](), ""); found != nil {
				return zero, found
			}
		}
		return zero, plain(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		var zero T
		return zero, errors.New("there is something after the JSON value")
	}
	// The value is well formed from here on, which the scan relies on.
	if err := scan(data); err != nil {
		var zero T
		return zero, err
	}
	return v, nil
}

// A TypeError says that a member has a value of the wrong JSON type.
type TypeError struct {
	// Member is the path to it, with dots, without places in arrays.
	Member string
	text   string
}

// Error says what was found and what is taken.
func (e *TypeError) Error() string { return e.text }

// plain drops the package's prefix and its names of Go types, which mean nothing to a
// reader.
func plain(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		what := wrong.Field
		if what == "" {
			what = "the value"
		}
		text := fmt.Sprintf("%s cannot be of the type %s; it takes %s", what, wrong.Value, wanted(wrong.Type))
		if wrong.Field == "" {
			return errors.New(text)
		}
		return &TypeError{Member: wrong.Field, text: text}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the JSON ends too early")
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

// scan walks well-formed JSON once and finds repeated keys and excess. Keys are
// lower-case ASCII, because encoding/json matches fields in any case, and folds
// letters outside ASCII: what it takes for one key must be one key for everybody.
func scan(data []byte) error {
	type level struct {
		object bool
		key    bool // the next string is a key
		keys   map[string]struct{}
	}
	var stack []level
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{', '[':
			if len(stack) == maxDepth {
				return fmt.Errorf("nested deeper than %d", maxDepth)
			}
			object := data[i] == '{'
			stack = append(stack, level{object: object, key: object})
		case '}', ']':
			stack = stack[:len(stack)-1]
		case ',':
			top := &stack[len(stack)-1]
			top.key = top.object
		case '"':
			end := i + 1 + stringEnd(data[i+1:])
			if len(stack) > 0 && stack[len(stack)-1].key {
				top := &stack[len(stack)-1]
				top.key = false
				name := unquote(data[i : end+1])
				if strings.ContainsFunc(name, func(r rune) bool { return r >= 'A' && r <= 'Z' || r >= utf8.RuneSelf }) {
					return fmt.Errorf("the key %q is not in lower case", name)
				}
				if top.keys == nil {
					top.keys = make(map[string]struct{}, 16)
				}
				if _, twice := top.keys[name]; twice {
					return fmt.Errorf("the key %q stands twice", name)
				}
				top.keys[name] = struct{}{}
				if len(top.keys) > maxKeys {
					return fmt.Errorf("an object has more than %d keys", maxKeys)
				}
			}
			i = end
		}
	}
	return nil
}

// stringEnd is the offset of the closing quote in well-formed JSON.
func stringEnd(b []byte) int {
	for at := 0; ; {
		n := bytes.IndexByte(b[at:], '"')
		slashes := 0
		for k := at + n - 1; k >= 0 && b[k] == '\\'; k-- {
			slashes++
		}
		if slashes%2 == 0 {
			return at + n
		}
		at += n + 1
	}
}

// unquote gives a key's text; a key without escapes is its own text.
func unquote(quoted []byte) string {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return string(quoted) // cannot happen: the document was well formed
	}
	return s
}

// wanted is a type of Go in the words of JSON.
func wanted(t reflect.Type) string {
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return "a string"
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return "a string in base64"
		}
		return "an array"
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	}
	return "a whole number"
}
