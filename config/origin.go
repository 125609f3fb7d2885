// SPDX-License-Identifier: Apache-2.0

package config

import (
	"net/url"
	"slices"
	"strings"
)

// The sources of a setting, the one that wins first.
const (
	FromVariable = "variable"
	FromFile     = "file"
	FromDefault  = "default"
)

// A Setting is one setting in force, and where it comes from.
type Setting struct {
	// Key is as in the file, such as accounts.front.
	Key string `json:"key"`
	// Value never shows a password.
	Value string `json:"value"`
	// Source is FromVariable, FromFile or FromDefault.
	Source string `json:"source"`
	// Where is the variable's name, or the file; empty for a default.
	Where string `json:"where"`
}

// Settings gives every setting as Load would, with its source. Its errors are Load's.
func Settings(path string, environ []string) ([]Setting, error) {
	all, err := Load(path, environ)
	if err != nil {
		return nil, err
	}
	var variables []string
	for _, e := range environ {
		if name, value, ok := strings.Cut(e, "="); ok && value != "" {
			variables = append(variables, name)
		}
	}
	set := Config{}
	if path != "" {
		document, err := read(path)
		if err != nil {
			return nil, err
		}
		if set, err = Decode[Config](document); err != nil {
			return nil, err
		}
	}
	out := make([]Setting, len(settings))
	for i, s := range settings {
		one := Setting{Key: s.key, Value: masked(*s.of(&all)), Source: FromDefault}
		switch {
		case slices.Contains(variables, Variable(s.key)):
			one.Source, one.Where = FromVariable, Variable(s.key)
		case *s.of(&set) != "":
			one.Source, one.Where = FromFile, path
		}
		out[i] = one
	}
	return out, nil
}

// masked is a value without the password that an address may have.
func masked(value string) string {
	u, err := url.Parse(value)
	if err != nil || u.User == nil && !u.Query().Has("password") {
		return value
	}
	if q := u.Query(); q.Has("password") {
		q.Set("password", "xxxxx")
		u.RawQuery = q.Encode()
	}
	return u.Redacted()
}
