// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"chancery/signer"
)

// A mould is an installation that was founded once, for all tests of what comes after a
// founding: stretching its words takes longer than most of them.
type mould struct {
	once  sync.Once
	words string
	made  signer.Founded
	files []cast
}

// A cast is a file or a folder of the mould.
type cast struct {
	path string
	mode fs.FileMode
	size int64
	body []byte // without the zeros at its end
}

var usual mould

// started gives a signer with an installation of its own, what its founding made, and its
// recovery words.
func started(t testing.TB) (*site, signer.Founded, string) {
	t.Helper()
	usual.once.Do(func() { usual.pour(t) })
	if len(usual.files) == 0 {
		t.Fatal("the first founding failed")
	}
	dir := t.TempDir()
	for _, c := range usual.files {
		path := filepath.Join(dir, c.path)
		err := error(nil)
		if c.mode.IsDir() {
			err = os.MkdirAll(path, c.mode.Perm())
		} else if err = os.WriteFile(path, c.body, c.mode.Perm()); err == nil {
			err = errors.Join(os.Chmod(path, 0o600), os.Truncate(path, c.size), os.Chmod(path, c.mode.Perm()))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	made := usual.made
	made.Authorities, made.Lists = slices.Clone(made.Authorities), maps.Clone(made.Lists)
	return start(t, dir), made, usual.words
}

// pour founds it.
func (m *mould) pour(t testing.TB) {
	t.Helper()
	dir, f := t.TempDir(), founding(t)
	s := start(t, dir)
	var err error
	if m.made, err = s.Found(f, os.Getuid()); err != nil {
		t.Fatal(err)
	}
	s.stop()
	var files []cast
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		c := cast{mode: info.Mode(), size: info.Size()}
		if c.path, err = filepath.Rel(dir, path); err == nil && !d.IsDir() {
			c.body, err = os.ReadFile(path)
			c.body = bytes.TrimRight(c.body, "\x00")
		}
		files = append(files, c)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	m.words, m.files = f.Words, files
}
