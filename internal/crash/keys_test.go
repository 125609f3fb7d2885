// SPDX-License-Identifier: Apache-2.0

package crash_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chancery/audit"
)

// The keys lie beside the simulated disk. A signer makes some and removes some as it
// runs, and they know how long the log was: so each world has its own, and each moment
// those of its time.

// keys are the files of a signer's directory, in the order of their names.
type keys []keyFile

type keyFile struct {
	name string
	mode fs.FileMode
	body []byte
}

// keysOf reads a directory of keys. What is being written there has no name yet, and what
// is removed meanwhile none any more.
func keysOf(dir string) (all keys, err error) {
	return all, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || unnamed(filepath.Base(path)) {
			return nil
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		var body []byte
		if err == nil && !d.IsDir() {
			body, err = os.ReadFile(path)
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		}
		all = append(all, keyFile{name, info.Mode(), body})
		return nil
	})
}

// unnamed tells whether a file is still being written.
func unnamed(name string) bool { return strings.HasPrefix(name, ".new-") }

// placed writes the keys into a directory of their own.
func (k keys) placed(base string) (string, error) {
	dir, err := os.MkdirTemp(base, "keys")
	if err != nil {
		return "", err
	}
	for _, f := range k {
		path := filepath.Join(dir, f.name)
		switch {
		case f.name == ".":
			err = os.Chmod(dir, f.mode.Perm())
		case f.mode.IsDir():
			err = os.Mkdir(path, f.mode.Perm())
		default:
			err = os.WriteFile(path, f.body, f.mode.Perm())
		}
		if err != nil {
			return "", errors.Join(err, os.RemoveAll(dir))
		}
	}
	return dir, nil
}

// has tells whether there is a key of each of these names, and no other.
func (k keys) has(names []string) bool {
	n := 0
	for _, f := range k {
		if dir, name := filepath.Split(f.name); dir == "keys/" {
			n++
			if !slices.Contains(names, name) {
				return false
			}
		}
	}
	return n == len(names)
}

// noteKeys has the ledger know the keys of a world that has others by now. The caller
// holds mu.
func (w *world) noteKeys() error {
	d, err := os.Open(filepath.Join(w.dir, "keys"))
	if err != nil {
		return err
	}
	names, err := d.Readdirnames(-1)
	if err := errors.Join(err, d.Close()); err != nil {
		return err
	}
	if w.ledger.ring.has(slices.DeleteFunc(names, unnamed)) {
		return nil
	}
	w.ledger.ring, err = keysOf(w.dir)
	return err
}

// responders has a signer run on the site until n authorities have their OCSP responders,
// so that none is made while two runs are to make the same calls.
func (s *site) responders(t *testing.T, n int) {
	t.Helper()
	dir, err := s.keys.placed(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	k := s.signer(s.disk, dir, func() time.Time { return s.began })
	if err := k.Open(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerWait)
	ended := make(chan error, 1)
	go func() { ended <- k.Run(ctx) }()
	for made := 0; made < n && ctx.Err() == nil; {
		made = 0
		page, err := k.Leaves(0)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page {
			if l, err := audit.ParseLeaf(r.Leaf); err == nil && l.Kind == audit.Responder && l.Cites > 0 {
				made++
			}
		}
	}
	if ctx.Err() != nil {
		t.Error("no responder was made")
	}
	cancel()
	<-ended
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if s.keys, err = keysOf(dir); err != nil {
		t.Fatal(err)
	}
}
