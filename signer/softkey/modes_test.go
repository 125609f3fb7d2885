// SPDX-License-Identifier: Apache-2.0

package softkey

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"chancery/ca"
)

// nobody is an account that owns nothing here.
const nobody = 65534

// aclFor lets nobody read, masked out, so that the mode does not show it
// (acl(5), the layout of linux/posix_acl_xattr.h).
func aclFor() []byte {
	b := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range []struct {
		tag, perm uint16
		id        uint32
	}{{1, 4, 1<<32 - 1}, {2, 4, nobody}, {4, 0, 1<<32 - 1}, {16, 0, 1<<32 - 1}, {32, 0, 1<<32 - 1}} {
		b = binary.LittleEndian.AppendUint16(b, e.tag)
		b = binary.LittleEndian.AppendUint16(b, e.perm)
		b = binary.LittleEndian.AppendUint32(b, e.id)
	}
	return b
}

func TestKY04_AnythingLooserRefusesToStart(t *testing.T) {
	asRoot := os.Geteuid() == 0
	key, auto := "issuing.key", "auto.key"
	chmod := func(name string, mode os.FileMode) func(string) error {
		return func(dir string) error { return os.Chmod(filepath.Join(dir, name), mode) }
	}
	for name, c := range map[string]struct {
		loosen       func(dir string) error
		at           string // what the problem names, below the directory
		found, needs string
		root         bool // only root can loosen it that way
	}{
		"directory for the group":     {chmod("", 0o750), "", "mode 0750", "mode 0700", false},
		"directory to pass through":   {chmod("", 0o701), "", "mode 0701", "mode 0700", false},
		"directory read-only":         {chmod("", 0o500), "", "mode 0500", "mode 0700", false},
		"key the owner can write":     {chmod(key, 0o600), key, "mode 0600", "mode 0400", false},
		"key for the group":           {chmod(key, 0o440), key, "mode 0440", "mode 0400", false},
		"key for all":                 {chmod(key, 0o404), key, "mode 0404", "mode 0400", false},
		"key file for all":            {chmod(auto, 0o444), auto, "mode 0444", "mode 0400", false},
		"log's key file for all":      {chmod("log.auto.key", 0o444), "log.auto.key", "mode 0444", "mode 0400", false},
		"a stray file":                {func(dir string) error { return os.WriteFile(dir+"/key.bak", nil, 0o644) }, "key.bak", "mode 0644", "mode 0400", false},
		"a directory inside":          {func(dir string) error { return os.Mkdir(dir+"/old", 0o700) }, "old", "no regular file", "regular file", false},
		"a directory named leftover":  {func(dir string) error { return os.Mkdir(dir+"/.new-x.key", 0o700) }, ".new-x.key", "no regular file", "regular file", false},
		"a pipe":                      {func(dir string) error { return unix.Mkfifo(dir+"/pipe.key", 0o400) }, "pipe.key", "no regular file", "regular file", false},
		"a symlink":                   {func(dir string) error { return os.Symlink(key, dir+"/b.key") }, "b.key", "a symbolic link", "regular file", false},
		"a second name":               {func(dir string) error { return os.Link(dir+"/"+key, filepath.Dir(dir)+"/copy") }, key, "2 names", "one name", false},
		"key of another account":      {func(dir string) error { return os.Chown(dir+"/"+key, nobody, 0) }, key, "uid 65534", "uid 0", true},
		"directory of another":        {func(dir string) error { return os.Chown(dir, nobody, 0) }, "", "uid 65534", "uid 0", true},
		"directory above of another":  {func(dir string) error { return os.Chown(filepath.Dir(dir), nobody, 0) }, "..", "uid 65534", "uid 0", true},
		"directory above for all":     {chmod("..", 0o777), "..", "mode 0777", "others cannot write", false},
		"directory above for a group": {chmod("..", 0o775), "..", "mode 0775", "others cannot write", false},
		"key under an ACL": {func(dir string) error {
			return unix.Setxattr(dir+"/"+key, "system.posix_acl_access", aclFor(), 0)
		}, key, "access control list", "mode 0400", true},
	} {
		t.Run(name, func(t *testing.T) {
			if c.root && !asRoot {
				t.Skip("only root can set this up")
			}
			f := plainRing(t)
			f.seal(t, "issuing", Authority)
			f.seal(t, "log", LogKey)
			plant(t, f.path("auto.key"), make([]byte, keySize))
			f.reopen(t)
			if err := c.loosen(f.dir); errors.Is(err, unix.EOPNOTSUPP) {
				t.Skip("the file system has no ACLs")
			} else if err != nil {
				t.Fatal(err)
			}
			_, err := Open(f.dir, f.clock.now)
			p := wantProblem(t, err, ca.E1404, ca.RefusedKind)
			if path := filepath.Join(f.dir, c.at); !strings.HasPrefix(p.Detail, path+" is ") {
				t.Errorf("%q does not begin with %s", p.Detail, path)
			}
			found, needed, _ := strings.Cut(p.Detail, ", and must be ")
			if !strings.Contains(found, c.found) || !strings.Contains(needed, c.needs) {
				t.Errorf("%q does not say %q and %q", p.Detail, c.found, c.needs)
			}
		})
	}
}

func TestKY04_APathOverASymlinkIsRefused(t *testing.T) {
	f := plainRing(t)
	f.seal(t, "issuing", Authority)
	base := t.TempDir()
	for name, path := range map[string]string{"the directory itself": base + "/itself", "one above": base + "/above/keys"} {
		t.Run(name, func(t *testing.T) {
			link, target := path, f.dir
			if filepath.Base(path) == "keys" {
				link, target = filepath.Dir(path), filepath.Dir(f.dir)
			}
			if err := os.Symlink(target, link); err != nil {
				t.Fatal(err)
			}
			_, err := Open(path, f.clock.now)
			p := wantProblem(t, err, ca.E1404, ca.RefusedKind)
			if !strings.Contains(p.Detail, link+" is a symbolic link") {
				t.Errorf("%q does not name %s", p.Detail, link)
			}
		})
	}
	if table, err := KeyTable(base + "/itself"); err != nil || len(CheckModes(table)) != 1 {
		t.Errorf("the check without a start does not name the symlink: %v", err)
	}
}

// A root-owned sticky directory, as /tmp is, lets nobody rename what is another's.
func TestKY04_AStickyDirectoryAboveMustBeRoots(t *testing.T) {
	f := plainRing(t)
	above := filepath.Dir(f.dir)
	if err := os.Chmod(above, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	_, err := Open(f.dir, f.clock.now)
	if os.Geteuid() != 0 {
		wantProblem(t, err, ca.E1404, ca.RefusedKind)
		return
	}
	if err != nil {
		t.Fatalf("root's sticky directory is refused: %v", err)
	}
	if err := os.Chown(above, nobody, 0); err != nil {
		t.Fatal(err)
	}
	_, err = Open(f.dir, f.clock.now)
	wantProblem(t, err, ca.E1404, ca.RefusedKind)
}

// What was right at start is judged again when it is read.
func TestKY04_AFileSwappedAfterStartIsRefused(t *testing.T) {
	for name, swap := range map[string]func(path string) error{
		"loose":     func(path string) error { return os.Chmod(path, 0o444) },
		"symlink":   func(path string) error { return errors.Join(os.Rename(path, path+".1"), os.Symlink(path+".1", path)) },
		"pipe":      func(path string) error { return errors.Join(os.Remove(path), unix.Mkfifo(path, 0o400)) },
		"hard link": func(path string) error { return os.Link(path, path+".1") },
	} {
		t.Run(name, func(t *testing.T) {
			f := plainRing(t)
			f.seal(t, "issuing", Authority)
			f.seal(t, "log", LogKey)
			for _, file := range []string{"issuing.key", "log.auto.key"} {
				if err := swap(f.path(file)); err != nil {
					t.Fatal(err)
				}
			}
			for _, id := range []string{"issuing", "log"} {
				_, err := f.Key(id, testLog)
				wantProblem(t, err, ca.E1404, ca.RefusedKind)
			}
		})
	}
}

func TestKY04_WhatWeWriteHasTheRightModes(t *testing.T) {
	base := t.TempDir()
	defer syscall.Umask(syscall.Umask(0)) // the widest: modes must not come from it
	f := newKeyringIn(t, base, "")
	f.seal(t, "issuing", Authority)
	f.seal(t, "log", LogKey)
	syscall.Umask(0o777) // the narrowest
	f.seal(t, "next", Authority)
	syscall.Umask(0)
	table, err := KeyTable(f.dir)
	if err != nil {
		t.Fatal(err)
	}
	names := 0
	for _, p := range table {
		st, err := os.Lstat(p.Path)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case p.Path == f.dir && st.Mode() != os.ModeDir|0o700:
			t.Errorf("the directory has mode %v", st.Mode())
		case strings.HasPrefix(p.Path, f.dir+"/"):
			names++
			if st.Mode() != 0o400 {
				t.Errorf("%s has mode %v", p.Path, st.Mode())
			}
		}
	}
	if names != 6 { // kek, auto, issuing, log, log.auto, next
		t.Errorf("there are %d files", names)
	}
}

// Doctor shows all faults at once, a start the first.
func TestKY04_FaultsComeInTheOrderOfTheTable(t *testing.T) {
	f := plainRing(t)
	f.seal(t, "a", Authority)
	f.seal(t, "b", Authority)
	table, err := KeyTable(f.dir)
	if err != nil {
		t.Fatal(err)
	}
	if faults := CheckModes(table); len(faults) != 0 {
		t.Fatalf("a new keyring has faults: %+v", faults)
	}
	for _, path := range []string{f.path("b.key"), f.path("a.key"), f.dir} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	faults := CheckModes(table)
	if len(faults) != 3 || faults[0].Path != f.dir || faults[1].Path != f.path("a.key") || faults[2].Path != f.path("b.key") {
		t.Fatalf("the faults are %+v", faults)
	}
	if faults[0].Fix != "chmod 0700 "+f.dir {
		t.Errorf("the hint is %q", faults[0].Fix)
	}
	if err := errors.Join(os.Chmod(f.dir, 0o700), os.Chmod(f.path("a.key"), 0o400), os.Remove(f.path("b.key"))); err != nil {
		t.Fatal(err)
	}
	if faults = CheckModes(table); len(faults) != 1 || !strings.Contains(faults[0].Found, "out of reach") {
		t.Errorf("a missing file: %+v", faults)
	}
}

func TestAMissingDirectoryIsNamed(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "none"), newClock().now)
	wantProblem(t, err, ca.E1102, ca.NotFoundKind)
	_, err = Create(filepath.Join(t.TempDir(), "none", "keys"), newClock().now)
	if err == nil {
		t.Fatal("a directory was made without its parent")
	}
}

// A crash between the writes leaves a temporary name, before the link or after.
func TestLeftoversOfACrashAreRemoved(t *testing.T) {
	f := plainRing(t)
	key := f.seal(t, "log", LogKey)
	plant(t, f.path(".new-issuing.key"), []byte("half an enve"))
	if err := os.Link(f.path("log.key"), f.path(".new-log.key")); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "outside")
	plant(t, outside, []byte("stays"))
	if err := os.Symlink(outside, f.path(".new-link.key")); err != nil {
		t.Fatal(err)
	}
	f = f.reopen(t)
	names, err := dirNames(f.dir)
	if err != nil || strings.Join(names, " ") != "log.auto.key log.key" {
		t.Fatalf("after the start there are %q, %v", names, err)
	}
	if string(readAll(t, outside)) != "stays" {
		t.Fatal("a leftover led out of the directory")
	}
	got, err := f.Key("log", testLog)
	if err != nil {
		t.Fatal(err)
	}
	sameKey(t, got, key)
}

func TestLeftoversInALooseDirectoryStay(t *testing.T) {
	f := plainRing(t)
	plant(t, f.path(".new-x.key"), nil)
	if err := os.Chmod(f.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Open(f.dir, f.clock.now)
	wantProblem(t, err, ca.E1404, ca.RefusedKind)
	if _, err := os.Stat(f.path(".new-x.key")); err != nil {
		t.Fatal("something was removed before the directory was judged")
	}
}

func TestAReadOnlyDirectoryRefusesSealing(t *testing.T) {
	f := plainRing(t)
	key, err := f.Generate(edwards)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(f.dir, 0o555); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		// Root writes everywhere, so this thread gives up its file-system rights; it
		// stays locked and ends with the goroutine.
		runtime.LockOSThread()
		if os.Geteuid() == 0 {
			if err := unix.Setfsuid(nobody); err != nil {
				done <- err
				return
			}
		}
		done <- f.Seal(key, Sealing{ID: "issuing", Purpose: Authority, Log: testLog})
	}()
	select {
	case err = <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the sealing does not end")
	}
	wantProblem(t, err, ca.E1102, ca.UnavailableKind)
	if names, err := dirNames(f.dir); err != nil || len(names) != 0 {
		t.Fatalf("the refused sealing left %q, %v", names, err)
	}
}
