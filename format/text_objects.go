// SPDX-License-Identifier: Apache-2.0

package format

import (
	_ "embed"
	"strings"
	"sync"
)

// objectList is the names that OpenSSL 3.0 gives to object identifiers: dotted
// numbers, short name, and long name where it differs, between tabs. They are
// data, so that the text form says "TLS Web Server Authentication" too.
//
//go:embed text_objects.txt
var objectList string

// An object is what an object identifier is called.
type object struct{ short, long string }

// objects is the list by dotted numbers, read when it is first needed.
var objects = sync.OnceValue(func() map[string]object {
	all := make(map[string]object, strings.Count(objectList, "\n"))
	for line := range strings.Lines(objectList) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		all[f[0]] = object{short: f[1], long: f[len(f)-1]}
	}
	return all
})

// maxObjectText is how much of an object identifier is shown within lists.
const maxObjectText = 79

// longName is the long name of an object identifier, or its numbers.
func longName(oid string) string {
	if o, ok := objects()[oid]; ok {
		return o.long
	}
	return oid
}

// listName is longName where many stand in one line.
func listName(oid string) string {
	name := longName(oid)
	return name[:min(len(name), maxObjectText)]
}

// shortName is the short name of an object identifier, or its numbers.
func shortName(oid string) string {
	if o, ok := objects()[oid]; ok {
		return o.short
	}
	return oid[:min(len(oid), maxObjectText)]
}
