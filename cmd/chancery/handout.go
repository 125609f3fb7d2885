// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"chancery/ca"
	"chancery/format"
	"chancery/internal/whole"
)

// The forms of files that are no forms of -o.
const (
	asP7B = "p7b"
	asP12 = "p12"
	asJKS = "jks"
)

// A handing is where a file goes, and what it is.
type handing struct {
	out      string // path; empty is standard output, unless that is a terminal; - is that in any case
	form     string
	password string // of a store; what it replaces has the same
}

// canHand refuses, before anything is done, what hand would refuse.
func (a *app) canHand(h handing, x answer) error {
	if h.file() || a.form() != "" || a.quiet || len(a.fields) > 0 {
		x.der = [][]byte{nil} // it will have some
		return a.canGive(x)
	}
	if h.out == "" && h.form != asPEM && a.shown() {
		return usage("binary is not written to a terminal", "name a file, or - to write it nevertheless: --out FILE")
	}
	return nil
}

// hand writes what others need of us, certificates and lists, to the file --out, or
// prints it. An answer in a form of -o is given as everywhere.
func (a *app) hand(h handing, body []byte, x answer) error {
	switch {
	case h.file():
		if err := h.replace(body); err != nil {
			return err
		}
		x.text = fmt.Sprintf("%s %s\n", a.mark(fine), h.out)
		return a.give(x)
	case a.form() != "" || a.quiet || len(a.fields) > 0:
		return a.give(x)
	}
	return a.write(body)
}

func (h handing) file() bool { return h.out != "" && h.out != "-" }

// replace writes a file that everybody may read, in place of what it was, in one step:
// a server that starts at that moment finds the one or the other.
func (h handing) replace(body []byte) error {
	path := h.out
	if err := replaceable(path, h.password); err != nil {
		return err
	}
	if err := whole.Put(path, 0o644, body); err != nil {
		return cannotReplace(path, err)
	}
	return nil
}

func cannotReplace(path string, err error) *ca.Problem {
	if p, full := noRoom(err); full {
		return p
	}
	return ca.Invalid(ca.E1102, path+" cannot be written", "name another file: --out FILE").Because(reason(err).Error())
}

// replaceable refuses to write over anything but certificates and lists: a key that
// is named by mistake would be gone.
func replaceable(path, password string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode().IsRegular() && info.Size() == 0 {
		return nil
	}
	var found format.Contents
	if err == nil && info.Mode().IsRegular() && info.Size() <= format.MaxFile {
		var data []byte
		if data, err = os.ReadFile(path); err == nil { //nolint:gosec // the user's file
			found, err = format.Read(data, func() ([]byte, error) { return []byte(password), nil })
		}
	}
	if err != nil || len(found.Certificates)+len(found.Lists) == 0 || len(found.Keys)+len(found.Requests) > 0 {
		return ca.Invalid(ca.E1102, path+" is there, and holds something else than certificates and lists", "name another file, or remove it: --out FILE")
	}
	return nil
}
