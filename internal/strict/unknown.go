// SPDX-License-Identifier: Apache-2.0

package strict

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"chancery/internal/nearest"
)

// An UnknownError says that an object has a member which nobody reads.
type UnknownError struct {
	// Member is the path to it, with dots, and places in arrays in brackets.
	Member string
	// Known are the members that its object may have, Near the one most likely meant, or "".
	Known []string
	Near  string
}

// Error names the member.
func (e *UnknownError) Error() string { return fmt.Sprintf("unknown field %q", e.Member) }

// Members are those that an object of type T may have, in order.
func Members[T any]() []string {
	return slices.Sorted(maps.Keys(members(reflect.TypeFor[T]())))
}

// members are those of a struct, with the types they are read into: as encoding/json finds
// them, those of embedded structs included.
func members(t reflect.Type) map[string]reflect.Type {
	all := map[string]reflect.Type{}
	if t.Kind() != reflect.Struct {
		return all
	}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported() || f.Anonymous && name == "":
		case name == "":
			all[f.Name] = f.Type
		default:
			all[name] = f.Type
		}
	}
	return all
}

var (
	ownJSON = reflect.TypeFor[json.Unmarshaler]()
	ownText = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// stranger finds the first member, in the order of their names, that type t has no place
// for: encoding/json says its last name alone, and nothing of what there is. The document
// is well formed as far as it was read; nil where nothing is found.
func stranger(data []byte, t reflect.Type, path string) *UnknownError {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if p := reflect.PointerTo(t); p.Implements(ownJSON) || p.Implements(ownText) {
		return nil // it reads itself
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		var items []json.RawMessage
		if json.Unmarshal(data, &items) != nil {
			return nil
		}
		for i, item := range items {
			if found := stranger(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i)); found != nil {
				return found
			}
		}
	case reflect.Struct, reflect.Map:
		return strangerOf(data, t, path)
	}
	return nil
}

// strangerOf is stranger for an object.
func strangerOf(data []byte, t reflect.Type, path string) *UnknownError {
	var object map[string]json.RawMessage
	if json.Unmarshal(data, &object) != nil {
		return nil
	}
	known := members(t)
	names := slices.Sorted(maps.Keys(known))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		member := strings.TrimPrefix(path+"."+name, ".")
		of := reflect.Type(nil)
		if t.Kind() == reflect.Map {
			of = t.Elem()
		} else if at := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, name) }); at >= 0 {
			of = known[names[at]] // in another case it is refused by scan
		} else {
			return &UnknownError{Member: member, Known: names, Near: nearest.Of(name, names)}
		}
		if found := stranger(object[name], of, member); found != nil {
			return found
		}
	}
	return nil
}
