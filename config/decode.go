// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"

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
// ca.Problem (E1003) for each fault; what could be read beside the faults is given too, so
// that more of them can be found, and is zero if the document is none of TOML.
func Profile(document []byte) (ca.Profile, error) {
	p, faults := decode[ca.Profile](document)
	return p, errors.Join(faults...)
}

// Decode reads a TOML document of at most MaxDocument octets into a structure
// whose fields have toml tags. Keys must be spelled exactly: the library also
// takes them in another case, so that one setting could stand twice. The error
// joins a ca.Problem (E1003) for each fault; where there is one, T is zero.
func Decode[T any](document []byte) (T, error) {
	out, faults := decode[T](document)
	if len(faults) > 0 {
		var zero T
		return zero, errors.Join(faults...)
	}
	return out, nil
}

// decode reads a document past its faults: what is at fault is blanked out, and the rest
// read again. After a fault of the syntax nothing can be told of the rest.
func decode[T any](document []byte) (out T, faults []error) {
	switch {
	case len(document) > MaxDocument:
		return out, []error{fault("", 0, fmt.Sprintf("the document has %d octets, at most %d are accepted", len(document), MaxDocument), "shorten it")}
	case !utf8.Valid(document) || bytes.HasPrefix(document, []byte("\ufeff")):
		return out, []error{fault("", 0, "the document is not UTF-8, or begins with a byte order mark", "save it as UTF-8 without a byte order mark")}
	case tooDeep(document):
		return out, []error{fault("", 0, fmt.Sprintf("brackets nest deeper than %d", maxDepth), "close them")}
	}
	// Unknown keys come before wrong values: a key in another case has both.
	w := walked(document, keysOf(reflect.TypeFor[T](), "", nil))
	rest := bytes.Clone(document)
	for _, i := range w.blank {
		w.clear(rest, i)
	}
	for faults = w.faults; len(faults) <= maxFaults; {
		var zero T
		out = zero
		err := toml.NewDecoder(bytes.NewReader(rest)).DisallowUnknownFields().Decode(&out)
		if err == nil {
			return out, faults
		}
		faults = append(faults, unreadable(err))
		i := w.at(rest, err)
		if i < 0 {
			return zero, faults
		}
		w.clear(rest, i)
	}
	return out, faults
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

// unreadable makes a Problem of the library's error, with the line.
func unreadable(err error) error {
	var d *toml.DecodeError
	if !errors.As(err, &d) {
		return fault("", 0, "the document cannot be read: "+plain(err.Error()), "correct it")
	}
	line, _ := d.Position()
	if m := mismatch.FindStringSubmatch(d.Error()); m != nil {
		key := strings.Join(d.Key(), ".")
		wants, fix := wanted(m[1], m[2])
		return fault(key, line, plain(key)+" is "+named(m[1])+", and takes "+wants, fix)
	}
	return fault(strings.Join(d.Key(), "."), line, plain(strings.TrimPrefix(d.Error(), "toml: ")), "correct the line; texts are in quotes, lists in brackets")
}

// mismatch is what the library says of a value of another type, which names types of Go.
var mismatch = regexp.MustCompile(`^toml: cannot decode TOML ([a-z ]+) into .*?(\S+)$`)

// named is a type of TOML with its article.
func named(kind string) string {
	if strings.HasPrefix(kind, "i") || strings.HasPrefix(kind, "a") {
		return "an " + kind
	}
	return "a " + kind
}

// wanted says what a field of a type of Go takes, and how a value of a type of TOML becomes that.
func wanted(kind, of string) (wants, fix string) {
	switch {
	case of == "bool":
		return "true or false", "write true or false, without quotes"
	case strings.HasPrefix(of, "[]"):
		return "a list", `write it in brackets, with commas between: ["one", "two"]`
	case strings.HasPrefix(of, "int"):
		return "a whole number", "write digits, without quotes"
	case kind == "boolean":
		return "text", `write "yes" or "no", in quotes`
	case strings.Contains(of, "."):
		return "text, or a table", "put it in quotes; a table has a line [NAME] of its own"
	}
	return "text", "put it in quotes"
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
