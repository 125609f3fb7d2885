// SPDX-License-Identifier: Apache-2.0

package softkey

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"chancery/ca"
)

const (
	dirMode  fs.FileMode = 0o700
	fileMode fs.FileMode = 0o400
	// maxFiles bounds a key directory: every authority has two files at most, and
	// an installation has tens of authorities.
	maxFiles = 4096
)

// A Place is a path and what it must be (KY-04).
type Place struct {
	// Path is absolute.
	Path string
	// Mode is the needed mode: fs.ModeDir with its permissions for a directory, the
	// permissions alone for a regular file. Zero stands for a directory above, of
	// which only the owner and who may write are judged.
	Mode fs.FileMode
}

// A Fault is a place that is not as it must be.
type Fault struct {
	// Path is the place, Found and Needed what it is and must be, in words.
	Path, Found, Needed string
	// Fix is the command or act that repairs it.
	Fix string
}

// problem gives the fault as E1404, with path, found, needed and hint.
func (f Fault) problem() *ca.Problem {
	return ca.Refused(ca.E1404, fmt.Sprintf("%s is %s, and must be %s", shown(f.Path), f.Found, f.Needed), f.Fix).
		Because("whoever else reads or replaces a key file can sign in this authority's name")
}

// KeyTable lists what CheckModes looks at for the key directory path: every
// directory above it from the root down, itself, and all that is in it, also
// what is not ours: a stray copy of a key is as good as the key.
func KeyTable(path string) ([]Place, error) {
	table, err := dirTable(path)
	if err != nil {
		return nil, err
	}
	dir := table[len(table)-1].Path
	names, err := dirNames(dir)
	if errors.Is(err, unix.ENOTDIR) {
		// A symlink among others: CheckModes says what is there instead.
		return table, nil
	}
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		table = append(table, Place{Path: filepath.Join(dir, name), Mode: fileMode})
	}
	return table, nil
}

// dirTable is the part of KeyTable that does not look into the directory.
func dirTable(path string) ([]Place, error) {
	dir, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find the key directory: %w", err)
	}
	table := []Place{{Path: "/"}}
	for i, r := range dir {
		if r == '/' && i > 0 {
			table = append(table, Place{Path: dir[:i]})
		}
	}
	return append(table, Place{Path: dir, Mode: fs.ModeDir | dirMode}), nil
}

// dirNames lists dir in order, at most maxFiles names.
func dirNames(dir string) ([]string, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, unreadable(dir, err)
	}
	entries, err := f.ReadDir(maxFiles + 1)
	if errors.Is(err, io.EOF) {
		err = nil // it is empty
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("list the key directory: %w", err)
	}
	if len(entries) > maxFiles {
		return nil, fmt.Errorf("the key directory holds more than %d files", maxFiles)
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	slices.Sort(names)
	return names, nil
}

// CheckModes gives the faults of table, in its order. A path is walked from the
// root down, and nobody but root and us can change a name in a directory that
// passed: a later open by the same path cannot be led elsewhere.
func CheckModes(table []Place) []Fault {
	var faults []Fault
	for _, p := range table {
		var st unix.Stat_t
		if err := unix.Lstat(p.Path, &st); err != nil {
			faults = append(faults, p.fault("out of reach: "+err.Error(), "bring it back, or name another directory"))
			continue
		}
		if f, ok := p.judge(&st); !ok {
			faults = append(faults, f)
			continue
		}
		if p.Mode != 0 && hasACL(p.Path) {
			faults = append(faults, p.fault("under an access control list", "setfacl -b "+shown(p.Path)))
		}
	}
	return faults
}

// judge tells whether st is as p needs it.
func (p Place) judge(st *unix.Stat_t) (Fault, bool) {
	kind, perm := st.Mode&unix.S_IFMT, fs.FileMode(st.Mode).Perm()
	self := uint32(os.Geteuid())
	above, dir := p.Mode == 0, p.Mode == 0 || p.Mode.IsDir()
	switch {
	case kind == unix.S_IFLNK:
		return p.fault("a symbolic link", "put the real thing in its place, or name the real path"), false
	case dir && kind != unix.S_IFDIR:
		return p.fault("no directory", "move it away"), false
	case !dir && kind != unix.S_IFREG:
		return p.fault("no regular file", "move it away"), false
	case above && st.Uid != 0 && st.Uid != self:
		return p.fault(fmt.Sprintf("owned by uid %d", st.Uid), "chown root "+shown(p.Path)), false
	case above && perm&0o022 != 0 && !(st.Uid == 0 && st.Mode&unix.S_ISVTX != 0):
		return p.fault(fmt.Sprintf("mode %04o", perm), "chmod go-w "+shown(p.Path)), false
	case above:
		return Fault{}, true
	case st.Uid != self:
		return p.fault(fmt.Sprintf("owned by uid %d", st.Uid), fmt.Sprintf("chown %d %s", self, shown(p.Path))), false
	case perm != p.Mode.Perm():
		return p.fault(fmt.Sprintf("mode %04o", perm), fmt.Sprintf("chmod %04o %s", p.Mode.Perm(), shown(p.Path))), false
	case !dir && st.Nlink != 1:
		return p.fault(fmt.Sprintf("known under %d names", st.Nlink), "remove the other names of the file"), false
	}
	return Fault{}, true
}

// fault says what p is, what it must be, and what to do.
func (p Place) fault(found, fix string) Fault {
	f := Fault{Path: p.Path, Found: found, Fix: fix}
	switch {
	case p.Mode == 0:
		f.Needed = fmt.Sprintf("a directory of root or uid %d that others cannot write", os.Geteuid())
	case p.Mode.IsDir():
		f.Needed = fmt.Sprintf("a directory of uid %d, mode %04o", os.Geteuid(), p.Mode.Perm())
	default:
		f.Needed = fmt.Sprintf("a regular file of uid %d, mode %04o, one name", os.Geteuid(), p.Mode.Perm())
	}
	return f
}

// hasACL tells whether path grants more than its mode shows, or would hand such
// grants on to new files. File systems without ACLs answer with an error. In a
// directory above, an ACL that lets somebody write shows as the group's bit.
func hasACL(path string) bool {
	for _, name := range []string{"system.posix_acl_access", "system.posix_acl_default"} {
		if n, err := unix.Lgetxattr(path, name, nil); err == nil && n > 0 {
			return true
		}
	}
	return false
}

// makeDir makes the key directory, durably.
func makeDir(path string) error {
	err := os.Mkdir(path, dirMode)
	if errors.Is(err, fs.ErrExist) {
		return ca.Conflict(ca.E1002, shown(path)+" exists already", "name another directory")
	}
	if err != nil {
		return unwritable(path, err)
	}
	return syncDir(filepath.Dir(path))
}

// removeLeftovers removes what a crash left half-written. None of it was ever in
// use: a file is known once it has its final name. The directory is judged
// first, so that nothing is removed in somebody else's.
func removeLeftovers(path string) error {
	if _, err := os.Lstat(path); err != nil {
		return unreadable(path, err)
	}
	table, err := dirTable(path)
	if err != nil {
		return err
	}
	if faults := CheckModes(table); len(faults) > 0 {
		return faults[0].problem()
	}
	names, err := dirNames(path)
	if err != nil {
		return err
	}
	for _, name := range names {
		final, ok := strings.CutPrefix(name, tempPrefix)
		if !ok || !strings.HasSuffix(final, keySuffix) {
			continue
		}
		// Remove would take an empty directory, which is none of ours.
		if err := unix.Unlink(filepath.Join(path, name)); err != nil && !errors.Is(err, unix.EISDIR) {
			return unwritable(path, err)
		}
	}
	return nil
}

// shown is path as it can be pasted, or quoted if it could play tricks on a
// terminal.
func shown(path string) string {
	if strings.ContainsAny(path, " \"'`$\\") || strconv.Quote(path) != `"`+path+`"` {
		return strconv.Quote(path)
	}
	return path
}
