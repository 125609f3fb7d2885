// SPDX-License-Identifier: Apache-2.0

package status

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"chancery/ca"
	"chancery/internal/whole"
)

// A copied is what an outlet has written, as its file has it.
type copied struct {
	Directory string `json:"directory"`
	// Files are the SHA-256 in hex of what was written, by name.
	Files map[string]string `json:"files"`
}

// recall reads what was written into this directory before. Of another directory nothing
// is known: what lies there is left alone.
func (t *Outlet) recall() error {
	if t.written.Files != nil {
		return nil
	}
	fresh := copied{Directory: t.o.Directory, Files: map[string]string{}}
	body, err := os.ReadFile(t.o.State)
	if errors.Is(err, fs.ErrNotExist) {
		t.written = fresh
		return nil
	}
	var before copied
	if err == nil {
		err = json.Unmarshal(body, &before)
	}
	if err != nil {
		return fmt.Errorf("read what was copied before: %w", err)
	}
	if before.Directory != t.o.Directory || before.Files == nil {
		before = fresh
	}
	t.written = before
	return nil
}

// note keeps what was written. If that fails, what was just written is never removed, and
// has to be by hand.
func (t *Outlet) note() error {
	body, err := json.Marshal(t.written)
	if err == nil {
		err = whole.Put(t.o.State, 0o600, body)
	}
	if err != nil {
		return fmt.Errorf("note what was copied: %w", err)
	}
	return nil
}

// clear takes away copies that nobody needs any more, if they are as they were written:
// what somebody else has put there is his.
func (t *Outlet) clear(offers []offer) (fault error) {
	var cleared []string
	for name, sum := range t.written.Files {
		if slices.ContainsFunc(offers, func(one offer) bool { return one.name == name }) || !t.outlived(name) {
			continue
		}
		path := filepath.Join(t.o.Directory, name)
		have, err := digestOf(path)
		if err == nil && have == sum {
			err = os.Remove(path)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			fault = errors.Join(fault, fmt.Errorf("take a copy away: %w", err))
			continue
		}
		if err == nil && have == sum {
			t.o.Log.Info("a copy that nobody needs any more was taken away", "path", path)
		}
		cleared = append(cleared, path)
		delete(t.written.Files, name)
		delete(t.done, name)
	}
	if len(cleared) == 0 {
		return fault
	}
	if t.o.Hook != nil { // a program that is told of a file which is not there fails for ever
		fault = errors.Join(fault, t.o.Hook.forget(cleared))
	}
	return errors.Join(fault, t.note())
}

// outlived tells whether a name that is not offered is of something that will not be offered
// again: lists and feeds of an authority that has ended, the bundle of a line that has
// nobody left to be trusted, copies in PEM where none are wanted any more. What is missing
// here for another reason, such as a restore, stays there.
func (t *Outlet) outlived(name string) bool {
	der, isPEM := strings.CutSuffix(name, ".pem")
	if isPEM && !t.o.PEM && (strings.HasSuffix(der, ".crl") || strings.HasSuffix(der, ".crt")) {
		return true
	}
	if authority, _, is := feedName(name); is {
		return t.ended(authority)
	}
	if list, is := strings.CutSuffix(der, ".crl"); is {
		authority, _, ok := ca.SplitListName(list)
		return ok && t.ended(authority)
	}
	of, _, is := strings.Cut("."+name, ".bundle.")
	line := strings.TrimPrefix(strings.TrimSuffix(of, ".roots"), ".")
	return is && (line == "" || slices.ContainsFunc(t.known.all, func(a ca.Authority) bool { return a.Line == line }))
}

// ended tells whether an authority is known to be over: no certificate of it is accepted
// any more, and no list of it is made.
func (t *Outlet) ended(authority string) bool {
	a, known := t.known.authority(authority)
	return known && !a.NotAfter.IsZero() && t.o.Now().After(a.NotAfter)
}

// over tells whether nobody needs a list or feed any more, which is good until next.
func (t *Outlet) over(authority string, next time.Time) bool {
	return t.ended(authority) && t.o.Now().After(next)
}

func digestOf(path string) (string, error) {
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return "", err
	}
	f, err := openFile(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum, _, err := digest(f)
	return hex.EncodeToString(sum[:]), err
}
