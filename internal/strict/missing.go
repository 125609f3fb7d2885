// SPDX-License-Identifier: Apache-2.0

package strict

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// A MissingError says that a member is not there, or null, without which the value of a
// struct is not whole.
type MissingError struct{ Member string }

// Error names it.
func (e *MissingError) Error() string { return "it has no " + e.Member }

// Whole is Decode, and demands each member of the struct T that its type does not call
// optional (omitempty, omitzero): what was left out by mistake must not pass for a choice,
// as a reason of revocation would. It looks at the outermost object alone.
func Whole[T any](data []byte) (T, error) {
	v, err := Decode[T](data)
	if err != nil {
		return v, err
	}
	t := reflect.TypeFor[T]()
	if t.Kind() != reflect.Struct {
		return v, nil
	}
	var has map[string]json.RawMessage
	if err := json.Unmarshal(data, &has); err != nil {
		return v, plain(err)
	}
	for _, name := range needed(t) {
		if text, is := has[name]; !is || string(text) == "null" {
			var zero T
			return zero, &MissingError{name}
		}
	}
	return v, nil
}

// needed are the members that a struct must have, those of embedded ones included.
func needed(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		f := t.Field(i)
		tag := strings.Split(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && tag[0] == "":
			names = append(names, needed(f.Type)...)
		case tag[0] != "-" && f.IsExported() && !slices.Contains(tag, "omitempty") && !slices.Contains(tag, "omitzero"):
			names = append(names, tag[0])
		}
	}
	return names
}
