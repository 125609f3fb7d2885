// SPDX-License-Identifier: Apache-2.0

package whole

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// kinds are the ways in which a file begins: without a name, and where no disk has that.
var kinds = map[string]func(string, os.FileMode) (*File, error){"without a name": Beside, "with a name": named}

// A process that is killed leaves what is in the directory at that moment.
func TestAFileThatHasNoNameYetLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	f, err := Beside(filepath.Join(dir, "nas.key"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if f.temp != "" {
		t.Skip("this disk has no files without a name")
	}
	if _, err := f.WriteString("a secret"); err != nil {
		t.Fatal(err)
	}
	if left := names(t, dir); len(left) > 0 {
		t.Errorf("whoever is killed now leaves %q", left)
	}
	if err := errors.Join(f.Close(), f.Close()); err != nil {
		t.Errorf("given up: %v", err)
	}
}

func TestAFileAppearsWithItsModeAndNothingBesideIt(t *testing.T) {
	for kind, begin := range kinds {
		for name, place := range map[string]func(*File) error{"new": (*File).New, "replaced": (*File).Replace} {
			t.Run(kind+", "+name, func(t *testing.T) {
				dir := t.TempDir()
				path := filepath.Join(dir, "chain.pem")
				f, err := begin(path, 0o644)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := f.WriteString("content"); err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(place(f), f.Close()); err != nil {
					t.Fatal(err)
				}
				is(t, path, "content", 0o644)
				if left := names(t, dir); !slices.Equal(left, []string{"chain.pem"}) {
					t.Errorf("the directory has %q", left)
				}
			})
		}
	}
}

func TestANewFileTakesNoNameThatIsTaken(t *testing.T) {
	for kind, begin := range kinds {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "nas.key")
			if err := Write(path, 0o600, []byte("the first")); err != nil {
				t.Fatal(err)
			}
			f, err := begin(path, 0o644)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.New(); !errors.Is(err, fs.ErrExist) {
				t.Errorf("the name is taken, and New gives %v", err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			is(t, path, "the first", 0o600)
			if left := names(t, dir); len(left) != 1 {
				t.Errorf("the directory has %q", left)
			}
		})
	}
	elsewhere := filepath.Join(t.TempDir(), "none", "nas.key")
	if err := Write(elsewhere, 0o600, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a directory: %v", err)
	}
}

func TestWhatAKilledProcessLeftIsGoneAfterTheNextFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "issuing-g1.crl")
	if err := os.WriteFile(filepath.Join(dir, prefix+"issuing-g1.crl"), []byte("an older list"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Put(path, 0o600, []byte("a list")); err != nil {
		t.Fatal(err)
	}
	is(t, path, "a list", 0o600)
	if left := names(t, dir); !slices.Equal(left, []string{"issuing-g1.crl"}) {
		t.Errorf("the directory has %q", left)
	}
}

func TestAFileIsWholeHoweverManyWantItsPlace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "root-g1.crl")
	var crew sync.WaitGroup
	for _, letter := range "abcd" {
		crew.Go(func() {
			for range 20 {
				if err := Put(path, 0o600, []byte(strings.Repeat(string(letter), 1<<12))); err != nil {
					t.Error(err)
				}
				body, err := os.ReadFile(path)
				if err != nil || len(body) != 1<<12 || len(bytes.Trim(body, string(body[:1]))) > 0 {
					t.Errorf("a part of a file, or of two: %d octets, %v", len(body), err)
				}
			}
		})
	}
	crew.Wait()
	if left := names(t, dir); !slices.Equal(left, []string{"root-g1.crl"}) {
		t.Errorf("the directory has %q", left)
	}
}

// A stick has no hard links.
func TestANewFileIsCopiedWhereNothingCanBeLinked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nas.key")
	f, err := named(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("a key"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.copied(), f.Close()); err != nil {
		t.Fatal(err)
	}
	is(t, path, "a key", 0o600)
}

func is(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	if err != nil || string(body) != content || st.Mode() != mode {
		t.Errorf("%s has %q, mode %v, want %q, %v: %v", path, body, st.Mode(), content, mode, err)
	}
}

func names(t *testing.T, dir string) (out []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		out = append(out, one.Name())
	}
	return out
}
