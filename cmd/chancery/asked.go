// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"chancery/ca"
)

// judged refuses what cannot be a name, before a file is made for it.
func judged(names []string) error {
	for _, n := range names {
		var err error
		switch {
		case net.ParseIP(n) != nil:
		case strings.Contains(n, "/"):
			err = ca.Invalid(ca.E2110, ca.Show(n)+" is an address of a page, a path or a range, and no name", "give the name alone, such as nas.lab.example")
		case strings.Contains(n, "@"):
			_, err = ca.NewName(ca.Email, n)
		case n == "":
			err = ca.Invalid(ca.E2110, "a name is empty", "see what stood in its place, such as a variable that is not set")
		case strings.Trim(n, "0123456789.") == "":
			err = ca.Invalid(ca.E2110, ca.Show(n)+" is no IP address", "an address has four numbers from 0 to 255, such as 10.0.0.7")
		default:
			_, err = ca.NewName(ca.DNS, n)
			var p *ca.Problem
			if ascii := ca.ASCIIName(n); errors.As(err, &p) && ascii != "" {
				err = ca.Invalid(p.Code, p.Detail, "ask for it as "+ascii)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// roomFor refuses a new file that could not be made: after signing it is too late.
func roomFor(path, flag string) error {
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	switch {
	case err == nil && !info.IsDir():
		err = fmt.Errorf("%s is no directory", dir)
	case err == nil:
		err = unix.Access(dir, unix.W_OK|unix.X_OK)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return ca.Invalid(ca.E1102, "there is no directory "+dir, "mkdir -p "+ca.Show(dir)+", or name another place: "+flag+" FILE")
	}
	if err != nil {
		return ca.Invalid(ca.E1102, "no file can be made in "+dir, "name a file in a directory that is there: "+flag+" FILE").Because(reason(err).Error())
	}
	return nil
}

// newFile refuses a file that is there already, or that could not be made.
func newFile(path, flag string) error {
	if _, err := os.Lstat(path); err == nil {
		return taken(path, flag, fs.ErrExist)
	}
	return roomFor(path, flag)
}
