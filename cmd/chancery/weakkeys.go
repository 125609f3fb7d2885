// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"chancery/ca"
	"chancery/internal/csr"
)

const (
	// debianLists is where Debian's package openssl-blacklist puts its lists.
	debianLists = "/usr/share/openssl-blacklist/blacklist.RSA-*"
	// maxWeakList bounds one list in octets: sixteen million records, ten times the largest
	// that is known.
	maxWeakList = 256 << 20
	// maxWeakLists bounds how many there are.
	maxWeakLists = 64
)

func (l layout) weakKeys() string { return filepath.Join(l.dir, "weak-keys") }

// weak reads the lists of known keys, of the directory and of the system. Front and signer
// each read them at their start; the signer's word counts. A list that cannot be read ends
// the start: whoever put it there relies on it.
func (l layout) weak() (*csr.Weak, error) {
	own, err := filepath.Glob(filepath.Join(l.weakKeys(), "*"))
	if err != nil {
		return nil, fmt.Errorf("look for lists of weak keys: %w", err)
	}
	system, err := filepath.Glob(debianLists)
	if err != nil {
		return nil, fmt.Errorf("look for lists of weak keys: %w", err)
	}
	all := append(own, system...)
	if len(all) > maxWeakLists {
		return nil, unusableList(l.weakKeys(), fmt.Errorf("there are %d lists, at most %d are read", len(all), maxWeakLists))
	}
	w := &csr.Weak{}
	for _, path := range all {
		list, err := wholeList(path)
		if err == nil {
			err = w.Add(filepath.Base(path), list)
		}
		if err != nil {
			return nil, unusableList(path, err)
		}
	}
	return w, nil
}

// wholeList reads a regular file.
func wholeList(path string) (list []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("it is no regular file")}
	case info.Size() > maxWeakList:
		return nil, fmt.Errorf("it has %d octets, at most %d are read", info.Size(), maxWeakList)
	}
	return io.ReadAll(io.LimitReader(f, maxWeakList))
}

func unusableList(path string, err error) *ca.Problem {
	return ca.Invalid(ca.E1003, "the list of weak keys "+path+" cannot be used", "correct it, or take it away; docs/profiles.md says what lists look like").Because(err.Error())
}
