// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"chancery/ca"
	"chancery/config"
)

// A layout is where the parts of an installation lie under its directory
// (architecture §3). The modes hold from the first day, so that separate
// accounts only change owners and groups.
type layout struct{ dir string }

func (l layout) config() string         { return filepath.Join(l.dir, "chancery.toml") }
func (l layout) signer() string         { return filepath.Join(l.dir, "signer") }
func (l layout) keys() string           { return filepath.Join(l.dir, "signer", "keys") }
func (l layout) front() string          { return filepath.Join(l.dir, "front") }
func (l layout) database() string       { return filepath.Join(l.dir, "front", "db", "book.sqlite") }
func (l layout) auditKey() string       { return filepath.Join(l.dir, "audit.pub") }
func (l layout) logID() string          { return filepath.Join(l.dir, "front", "log_id") }
func (l layout) serviceKey() string     { return filepath.Join(l.dir, "front", "tls", "service.pem") }
func (l layout) lists() string          { return filepath.Join(l.dir, "front", "pki") }
func (l layout) run() string            { return filepath.Join(l.dir, "run") }
func (l layout) lock() string           { return filepath.Join(l.dir, "run", "lock") }
func (l layout) socket(n string) string { return filepath.Join(l.dir, "run", n+".sock") }

// folders are the directories with their modes, parents first.
func (l layout) folders() []folder {
	return []folder{
		{l.dir, 0o711},
		{l.signer(), 0o700},
		{filepath.Join(l.signer(), "journal"), 0o700},
		{filepath.Join(l.signer(), "bundle"), 0o700},
		{filepath.Join(l.signer(), "state"), 0o700},
		{l.front(), 0o700},
		{filepath.Join(l.front(), "db"), 0o700},
		{filepath.Join(l.front(), "tls"), 0o700},
		{l.lists(), 0o700},
		{filepath.Join(l.dir, "worker"), 0o700},
		{l.run(), 0o750},
	}
}

type folder struct {
	path string
	mode fs.FileMode
}

// vacant refuses a directory that has something in it, and says what.
func (l layout) vacant() error {
	entries, err := os.ReadDir(l.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0:
		return nil
	case err != nil:
		return unwritable(l.dir, err)
	}
	if st, err := os.Stat(l.config()); err == nil {
		return ca.Conflict(ca.E1002, fmt.Sprintf("already set up on %s: there is an authority in %s", onDay(l.foundedAt(st.ModTime())), l.dir),
			"to start again, name another directory: chancery init --dir DIR")
	}
	if l.begun() {
		return halfway(l)
	}
	return ca.Conflict(ca.E1002, l.dir+" is not empty", "name another directory: chancery init --dir DIR")
}

// foundedAt is the day of the founding: settings are edited later, keys stay as they were
// made.
func (l layout) foundedAt(settings time.Time) time.Time {
	keys, err := os.ReadDir(l.keys())
	if err != nil {
		return settings
	}
	for _, e := range keys {
		if st, err := e.Info(); err == nil && st.ModTime().Before(settings) {
			settings = st.ModTime()
		}
	}
	return settings
}

// begun tells whether init was here, though it may not have come to its end.
func (l layout) begun() bool {
	_, err := os.Stat(l.signer())
	return err == nil
}

// halfway is about a directory whose founding was cut off: nothing was ever
// signed by it for anybody. One that lost its settings looks alike, and must not
// be removed.
func halfway(l layout) *ca.Problem {
	return ca.Conflict(ca.E1408, "founding stopped half-way in "+l.dir+", or chancery.toml was lost",
		"if nothing was ever issued there, remove it (rm -r "+l.dir+") and found again; else bring chancery.toml back from a backup")
}

// make creates the directories; the caller saw that there is nothing yet.
func (l layout) make() error {
	for _, f := range l.folders() {
		if err := os.MkdirAll(f.path, f.mode); err != nil {
			return unwritable(f.path, err)
		}
		// MkdirAll is subject to the umask, and leaves an existing directory alone.
		if err := os.Chmod(f.path, f.mode); err != nil {
			return unwritable(f.path, err)
		}
	}
	return nil
}

// unmake removes what a founding that failed has made, so that it can be tried
// again. The directory itself goes if nothing else is in it.
func (l layout) unmake() {
	for _, path := range []string{l.signer(), l.front(), filepath.Join(l.dir, "worker"), l.run(), l.auditKey(), l.config()} {
		os.RemoveAll(path) //nolint:errcheck // what stays is named by the next init
	}
	os.Remove(l.dir) //nolint:errcheck // likewise
}

// founded tells whether an authority was founded here.
func (l layout) founded() bool {
	_, err := os.Stat(l.config())
	return err == nil
}

func unwritable(path string, err error) error {
	if p, full := noRoom(err); full {
		return p
	}
	if errors.Is(err, syscall.EROFS) {
		return ca.Invalid(ca.E1102, fmt.Sprintf("%s lies on a file system that is mounted read-only", path),
			"mount it writable, or choose another directory: --dir DIR").Because(err.Error())
	}
	return ca.Invalid(ca.E1102, fmt.Sprintf("%s cannot be written", path),
		"choose a directory that this account may write: --dir DIR").Because(err.Error())
}

// settings are those of this directory: its file if there is one, and the
// environment.
func (l layout) settings() (config.Config, error) {
	path := l.config()
	if !l.founded() {
		path = ""
	}
	c, err := config.Load(path, os.Environ())
	if path == "" {
		return c, err
	}
	all := ca.Problems(err)
	if len(all) == 0 {
		return c, err
	}
	told := make([]error, len(all))
	for i, p := range all {
		told[i] = p
	}
	if all[0].Why == "" { // once: it is the same for all
		first := *all[0]
		told[0] = first.Because("read from " + path + ", and variables over it")
	}
	return c, errors.Join(told...)
}

// writeConfig writes the settings that init chose. The file comes last in a
// founding: with it the directory counts as founded. Of what the environment says
// it takes the database alone: that is where the book is from now on, and the rest
// may be meant for this once.
func (l layout) writeConfig(pki, base string) error {
	now, err := l.settings()
	if err != nil {
		return err
	}
	c := config.Default()
	c.Database, c.PKIURL, c.BaseURL = now.Database, pki, base
	if err := os.WriteFile(l.config(), c.Document(), 0o600); err != nil {
		return unwritable(l.config(), err)
	}
	return nil
}
