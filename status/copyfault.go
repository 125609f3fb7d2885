// SPDX-License-Identifier: Apache-2.0

package status

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// A copyFault is what went wrong in a round, in one line: what hinders one file mostly
// hinders all of them, and a line for each would fill the log.
type copyFault struct {
	first error
	more  int
}

func (f *copyFault) Error() string {
	if f.more == 0 {
		return f.first.Error()
	}
	return fmt.Sprintf("%v; and %d more like it", f.first, f.more)
}

func (f *copyFault) Unwrap() error { return f.first }

// summed takes joined errors together; nil stays nil.
func summed(err error) error {
	all := parts(err)
	if len(all) == 0 {
		return nil
	}
	return &copyFault{first: all[0], more: len(all) - 1}
}

// parts are the errors that were joined.
func parts(err error) (all []error) {
	if err == nil {
		return nil
	}
	joined, is := err.(interface{ Unwrap() []error }) //nolint:errorlint // only what was joined here
	if !is {
		return []error{err}
	}
	for _, one := range joined.Unwrap() {
		all = append(all, parts(one)...)
	}
	return all
}

// cause leaves out the path of an error: the file that is being written has another name
// each time, and a fault that stays the same would be told as a new one.
func cause(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}

// sameTrouble tells whether two rounds failed alike: by the same fault of the system,
// whichever files it met, or with the same words.
func sameTrouble(a, b error) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	var x, y syscall.Errno
	if errors.As(a, &x) && errors.As(b, &y) {
		return x == y
	}
	first := func(err error) string {
		line, _, _ := strings.Cut(err.Error(), "; and ")
		return line
	}
	return first(a) == first(b)
}
