// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding"
	"encoding/json"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"chancery/ca"
	"chancery/internal/respond"
)

// A node is a piece of a JSON document; encoding/json writes its keys in order.
type node = map[string]any

// A describer makes JSON Schemas (2020-12, as OpenAPI 3.1 has them) of Go types, with the
// comments of their sources.
type describer struct {
	t       *testing.T
	schemas node
	// types are what comments say of types, fields of their fields, words the constants of
	// types of text; each by package, as in ca.Kind.
	types, fields map[string]string
	words         map[string][]string
	made          map[string]reflect.Type
}

func newDescriber(t *testing.T) *describer {
	t.Helper()
	d := &describer{t: t, schemas: node{}, types: map[string]string{}, fields: map[string]string{}, words: map[string][]string{}, made: map[string]reflect.Type{}}
	for dir, name := range map[string]string{"../ca": "ca", ".": "api", "../internal/respond": "respond"} {
		d.read(dir, name)
	}
	return d
}

// read takes the comments of a package.
func (d *describer) read(dir, name string) {
	files := token.NewFileSet()
	//nolint:staticcheck // one package in one folder, which this has no trouble with
	all, err := parser.ParseDir(files, dir, func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }, parser.ParseComments)
	if err != nil || all[name] == nil {
		d.t.Fatalf("read %s: %v", dir, err)
	}
	for _, t := range doc.New(all[name], name, doc.AllDecls).Types {
		d.types[name+"."+t.Name] = plainText(t.Doc)
		for _, spec := range t.Decl.Specs {
			if s, is := spec.(*ast.TypeSpec).Type.(*ast.StructType); is {
				d.readFields(name+"."+t.Name, s)
			}
		}
		for _, group := range t.Consts {
			d.readWords(name+"."+t.Name, group.Decl)
		}
	}
}

func (d *describer) readFields(of string, s *ast.StructType) {
	for _, f := range s.Fields.List {
		for _, n := range f.Names {
			text := f.Doc.Text()
			if text == "" {
				text = f.Comment.Text()
			}
			d.fields[of+"."+n.Name] = plainText(text)
		}
	}
}

func (d *describer) readWords(of string, group *ast.GenDecl) {
	for _, spec := range group.Specs {
		v := spec.(*ast.ValueSpec)
		if id, is := v.Type.(*ast.Ident); !is || !strings.HasSuffix(of, "."+id.Name) {
			continue
		}
		for _, one := range v.Values {
			if lit, is := one.(*ast.BasicLit); is && lit.Kind == token.STRING {
				word, err := strconv.Unquote(lit.Value)
				if err != nil {
					d.t.Fatal(err)
				}
				d.words[of] = append(d.words[of], word)
			}
		}
	}
}

// plainText is a comment in one line.
func plainText(comment string) string { return strings.Join(strings.Fields(comment), " ") }

// title is a type's name in the document. Some types of ours have other names there,
// because they stand beside those of package ca.
func title(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[respond.Document]():
		return "Problem"
	case reflect.TypeFor[ca.Problem]():
		return "PlainProblem"
	case reflect.TypeFor[respond.Fault]():
		return "ProblemPart"
	case reflect.TypeFor[succession]():
		return "Line"
	case reflect.TypeFor[asked]():
		return "Request"
	case reflect.TypeFor[line]():
		return "BatchLine"
	case reflect.TypeFor[run]():
		return "Leaves"
	}
	name, after := t.Name(), ""
	if of, is := strings.CutPrefix(name, "page["); is {
		of = strings.TrimSuffix(of, "]")
		name, after = of[strings.LastIndexByte(of, '.')+1:], "Page"
	}
	switch name {
	case "":
		return ""
	case "succession":
		name = "line"
	}
	return strings.ToUpper(name[:1]) + name[1:] + after
}

var (
	asText = reflect.TypeFor[encoding.TextMarshaler]()
	octets = reflect.TypeFor[[]byte]()
)

// of gives the schema of a type: a reference where it has a name of its own.
func (d *describer) of(t reflect.Type) node {
	switch {
	case t == reflect.TypeFor[submitted]():
		return node{"oneOf": []node{d.of(reflect.TypeFor[ca.Issued]()), d.of(reflect.TypeFor[ca.Plan]())}}
	case t == reflect.TypeFor[time.Time]():
		return node{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[ca.Digest]():
		return node{"type": "string", "pattern": "^[0-9a-f]{64}$"}
	case t == reflect.TypeFor[ca.Reason]():
		var words []string
		for r := ca.Reason(0); r <= ca.AACompromise; r++ {
			if r.String() != "unknown" {
				words = append(words, r.String())
			}
		}
		return node{"type": "string", "enum": words}
	case t == octets:
		return node{"type": "string", "contentEncoding": "base64"}
	case t == reflect.TypeFor[json.RawMessage]():
		return node{"type": "object"}
	case t.Implements(asText):
		return node{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return d.of(t.Elem())
	case reflect.Slice, reflect.Array:
		return node{"type": "array", "items": d.of(t.Elem())}
	case reflect.Map:
		return node{"type": "object", "additionalProperties": d.of(t.Elem())}
	case reflect.Bool:
		return node{"type": "boolean"}
	case reflect.Int, reflect.Int64, reflect.Uint16:
		return node{"type": "integer", "format": "int64"}
	case reflect.Uint8:
		return node{"type": "integer"}
	case reflect.String:
		s := node{"type": "string"}
		if words := d.words[path.Base(t.PkgPath())+"."+t.Name()]; len(words) > 0 {
			s["enum"] = words
		}
		return s
	case reflect.Struct:
		return d.object(t)
	}
	d.t.Fatalf("no schema for %v", t)
	return nil
}

// object gives the schema of a struct. One that holds another and nothing else is that
// other.
func (d *describer) object(t reflect.Type) node {
	if t.NumField() == 1 && t.Field(0).Anonymous {
		return d.of(t.Field(0).Type)
	}
	name := title(t)
	if name == "" { // struct{}
		return node{"type": "object"}
	}
	if other, is := d.made[name]; is && other != t {
		d.t.Fatalf("%v and %v are both called %s", other, t, name)
	} else if !is {
		d.made[name] = t
		s := node{"type": "object", "properties": node{}}
		d.schemas[name] = s
		d.members(t, s)
		if text := d.types[path.Base(t.PkgPath())+"."+strings.SplitN(t.Name(), "[", 2)[0]]; text != "" {
			s["description"] = text
		}
	}
	return node{"$ref": "#/components/schemas/" + name}
}

// members adds the fields of a struct, those of embedded ones included.
func (d *describer) members(t reflect.Type, s node) {
	required, _ := s["required"].([]string)
	for i := range t.NumField() {
		f := t.Field(i)
		tag := strings.Split(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && tag[0] == "":
			s["required"] = required
			d.members(f.Type, s)
			required, _ = s["required"].([]string)
			continue
		case tag[0] == "-" || !f.IsExported():
			continue
		case tag[0] == "":
			d.t.Fatalf("%v.%s has no name in JSON", t, f.Name)
		}
		optional := slices.Contains(tag, "omitempty") || slices.Contains(tag, "omitzero")
		m := d.of(f.Type)
		switch {
		case slices.Contains(tag, "string"):
			m = node{"type": "string", "pattern": "^[0-9]+$"}
		case t == reflect.TypeFor[batch]():
			m = node{"type": "array", "minItems": 1, "maxItems": maxBatch, "items": d.of(reflect.TypeFor[order]())}
		case f.Type.Kind() == reflect.Pointer && !optional:
			m["type"] = []string{m["type"].(string), "null"}
		}
		if text := d.fields[path.Base(t.PkgPath())+"."+strings.SplitN(t.Name(), "[", 2)[0]+"."+f.Name]; text != "" {
			m["description"] = text
		}
		s["properties"].(node)[tag[0]] = m
		if !optional {
			required = append(required, tag[0])
		}
	}
	if len(required) > 0 {
		s["required"] = required
	}
}
