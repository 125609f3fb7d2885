// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"chancery/ca"
	"chancery/client"
	"chancery/signer"
	"chancery/store"
)

const (
	// fewInodes is where files may soon not be made, whatever room is left.
	fewInodes = 1000
	// stRdonly is ST_RDONLY of statfs(2).
	stRdonly = 1
)

func lookAtSettings(ctx context.Context, p *patient) []finding {
	s, err := p.layout.settings()
	if err != nil {
		return []finding{illness("the settings cannot be used", err)}
	}
	found := []finding{ok("settings are valid; certificates name %s", s.PKIURL)}
	// A service that was started with --listen-http, and what forwards, are known by what answers.
	if why := otherPort(s); why != "" && !p.published(ctx, s.PKIURL) {
		found = append(found, warning("set listen_http or pki_url in "+p.layout.config(), "%s", why))
	}
	return found
}

// published tells whether the service runs, and what it publishes is where certificates say.
func (p *patient) published(ctx context.Context, pki string) bool {
	if !p.serves(ctx) {
		return false
	}
	_, err := fetchAddress(ctx, pki+"/pki/bundle.pem")
	return err == nil
}

// lookAtService asks whoever answers how it is doing.
func lookAtService(ctx context.Context, p *patient) (found []finding) {
	err := call(ctx, p.layout.socket("admin"), func(ctx context.Context, c *client.Client) error {
		s, err := c.Status(ctx)
		switch {
		case err != nil:
			return err
		case s.Problem != nil:
			found = append(found, failure(s.Problem.Fix, "the service runs and issues nothing: %s", s.Problem.Detail))
		case s.Sealed:
			found = append(found, warning("chancery key unlock", "the service runs and issues nothing: the signing keys are locked"))
		case unsigned(s.Lines) == 0:
			found = append(found, ok("service %s runs and issues", s.Version))
		case unsigned(s.Lines) < len(s.Lines): // lookAtAuthorities says for which
			found = append(found, warning("chancery status", "service %s runs, and does not issue for every line of authorities", s.Version))
		default:
			found = append(found, failure("chancery status", "the service runs and issues nothing: no line of authorities can sign"))
		}
		if s.Unsettled > 0 {
			found = append(found, failure("chancery status", "%s must be decided by an officer", counted(s.Unsettled, "intent")))
		}
		return nil
	})
	switch {
	case errors.Is(err, errNobody):
		return []finding{warning("chancery serve", "no service runs: commands start front and signer for themselves, and nobody else is served")}
	case err != nil:
		return []finding{illness("the service does not say how it is", err)}
	}
	return found
}

func lookAtDatabase(ctx context.Context, p *patient) []finding {
	s, err := p.layout.settings()
	if err != nil {
		return nil // lookAtSettings says it
	}
	dsn := s.Database
	if dsn == "" {
		dsn = p.layout.database()
	}
	o := store.Options{DSN: dsn}
	if c := p.chronicle(ctx); c.err == nil {
		o.LogID = c.report.Log.String()
	}
	engine, err := store.Inspect(ctx, o)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return []finding{warning("", "the database is too large to be checked here within %v", examineWait)}
	case errors.Is(err, fs.ErrNotExist):
		return []finding{failure("restore it from a backup", "the database %s is missing", dsn)}
	case err != nil:
		return []finding{illness("the database cannot be opened", err)}
	}
	return []finding{ok("database opens, is whole and belongs to this log (%s)", engine)}
}

func lookAtDisk(_ context.Context, p *patient) []finding {
	var s syscall.Statfs_t
	if err := syscall.Statfs(p.layout.dir, &s); err != nil {
		return []finding{illness("the disk's free room is not known", err)}
	}
	c := p.layout.room().check()
	switch {
	case s.Flags&stRdonly != 0:
		return []finding{failure("mount -o remount,rw "+p.layout.dir, "%s lies on a file system that is mounted read-only: nothing can be issued", p.layout.dir)}
	case c.Level == ca.Failed:
		return []finding{failure(roomFix, "%s", c.Message)}
	case c.Level == ca.Warned:
		return []finding{warning(roomFix, "%s", c.Message)}
	case s.Files > 0 && s.Ffree < fewInodes:
		return []finding{warning("remove files on the file system of "+p.layout.dir, "only %d more files can be made", s.Ffree)}
	}
	return []finding{ok("disk has %d MiB free", int64(s.Bavail)*s.Bsize>>20)}
}

// lookAtUnlock names `auto` as what it is (KY-07).
func lookAtUnlock(_ context.Context, p *patient) []finding {
	path := filepath.Join(p.layout.keys(), "auto.key")
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return []finding{ok("the signing keys open by a passphrase at each start")}
	}
	return []finding{warning("keep the directory out of others' backups; chancery init --unlock prompt founds with a passphrase",
		"unlock is auto: whoever can read %s can sign: %s, and whoever has a copy of the directory", path, andRoot(accountName(os.Geteuid())))}
}

// lookAtSeparation says what the log's own checkpoints say.
func lookAtSeparation(ctx context.Context, p *patient) []finding {
	c := p.chronicle(ctx)
	if c.err != nil {
		return unread("the separation of accounts")
	}
	if c.report.Newest.Unseparated {
		return []finding{warning("", "unseparated: front and signer run under one account, so that a thief of the front can take the keys")}
	}
	return []finding{ok("front and signer run under accounts of their own")}
}

// wordsNote is the file that says where recovery words were written.
func (l layout) wordsNote() string { return filepath.Join(l.front(), "recovery_file") }

// noteWords writes down where words lie, a line for each file, for the doctor to nag about.
func (l layout) noteWords(path string) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(l.wordsNote(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, fileMode)
	if err != nil {
		return unwritable(l.wordsNote(), err)
	}
	_, err = f.WriteString(path + "\n")
	return errors.Join(err, f.Close())
}

// whereWords adds to a refusal of recovery words which files any were written to, in the
// order in which they were: the founding's first.
func (l layout) whereWords(err error) error {
	var p *ca.Problem
	if !errors.As(err, &p) || !signer.WrongSecret(err) {
		return err
	}
	note, failed := os.ReadFile(l.wordsNote())
	if failed != nil || len(note) == 0 {
		return err
	}
	named := *p
	named.Fix += "; words were written to " + strings.Join(strings.Fields(string(note)), ", ")
	return &named
}

// lookAtWords nags until the recovery words have left the machine. It looks at the files'
// names and modes, and never into them.
func lookAtWords(_ context.Context, p *patient) []finding {
	note, err := os.ReadFile(p.layout.wordsNote())
	if errors.Is(err, fs.ErrNotExist) {
		return []finding{ok("the recovery words were written to no file")}
	}
	if err != nil {
		return []finding{illness(p.layout.wordsNote()+" cannot be read", err)}
	}
	var found []finding
	for path := range strings.Lines(string(note)) {
		path = strings.TrimSuffix(path, "\n")
		info, err := os.Lstat(path)
		hint := "write the words down, or take the file to a safe, and remove it: shred -u " + path
		switch {
		case err != nil:
		case info.Mode().Perm()&0o077 != 0:
			found = append(found, failure(hint, "recovery words lie in %s, and others can read them (mode %04o): they open the keys that they seal", path, info.Mode().Perm()))
		default:
			found = append(found, warning(hint, "recovery words still lie in %s: whoever reads them can open the keys that they seal", path))
		}
	}
	if len(found) == 0 {
		return []finding{ok("recovery words are no longer where they were written")}
	}
	return found
}
