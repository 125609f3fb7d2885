// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"chancery/signer/softkey"
)

const (
	// maxModes is how many faults of modes are listed one by one.
	maxModes = 20
	// maxPlaces bounds the files looked at: far above the segments of any log.
	maxPlaces = 100_000
	keyMode   = fs.FileMode(0o400)
	fileMode  = fs.FileMode(0o600)
)

// A place is a path of the installation and what it must be.
type place struct {
	path  string
	mode  fs.FileMode // with fs.ModeDir for a directory
	exact bool        // not even a tighter mode is right (KY-04)
}

// A census is what lookAtModes has seen so far.
type census struct {
	*patient
	seen  map[string]bool
	found []finding
	whole int
	// fixable is off below a directory that others may write: a name in it could
	// be led elsewhere between a look and the repair.
	fixable bool
}

// lookAtModes holds every file and directory against R31 and KY-04.
func lookAtModes(_ context.Context, p *patient) []finding {
	c := &census{patient: p, seen: map[string]bool{}, fixable: p.fix}
	above, err := softkey.KeyTable(p.layout.keys())
	if err == nil {
		above = slices.DeleteFunc(above, func(s softkey.Place) bool { return within(p.layout.dir, s.Path) })
		c.take(softkey.CheckModes(above))
		c.fixable = c.fixable && len(c.found) == 0
	}
	for _, f := range append(p.layout.folders(), folder{p.layout.keys(), 0o700}) {
		c.visit(place{path: f.path, mode: fs.ModeDir | f.mode, exact: f.path == p.layout.keys()})
	}
	c.visit(place{path: p.layout.config(), mode: fileMode})
	c.visit(place{path: p.layout.auditKey(), mode: 0o644})
	for _, f := range append(p.layout.folders()[1:], folder{p.layout.keys(), 0o700}) {
		c.files(f.path)
	}
	// What remains of the keys' own check: links, access control lists.
	if table, err := softkey.KeyTable(p.layout.keys()); err != nil {
		c.found = append(c.found, illness("the key directory cannot be read", err))
	} else {
		c.take(softkey.CheckModes(table))
	}
	if len(c.found) > maxModes {
		more := len(c.found) - maxModes
		c.found = append(c.found[:maxModes], failure("chancery doctor --fix", "and %s more", counted(more, "fault of this kind")))
	}
	if count(c.found, failed) > 0 {
		return c.found
	}
	return append(c.found, ok("modes and owners of %d files and directories: directory 0711, keys 0400, owner %s", c.whole, accountName(os.Geteuid())))
}

// files visits the files of a folder.
func (c *census) files(dir string) {
	f, err := os.Open(dir)
	if err != nil {
		if !c.seen[dir] { // else it is said already
			c.found = append(c.found, illness("a directory cannot be read", err))
		}
		return
	}
	defer f.Close()
	entries, _ := f.ReadDir(maxPlaces) // what is read before an error is visited
	for _, e := range entries {
		// Sockets come and go, and their callers prove who they are.
		if e.IsDir() || dir == c.layout.run() && !e.Type().IsRegular() || c.whole > maxPlaces {
			continue
		}
		p := place{path: filepath.Join(dir, e.Name()), mode: fileMode}
		if dir == c.layout.keys() {
			p.mode, p.exact = keyMode, true
		}
		c.visit(p)
	}
}

// take adds the faults that the keys' own check finds, where none is known yet.
func (c *census) take(faults []softkey.Fault) {
	for _, f := range faults {
		if !c.seen[f.Path] {
			c.seen[f.Path] = true
			c.found = append(c.found, failure(f.Fix, "%s is %s, and must be %s", f.Path, f.Found, f.Needed))
		}
	}
}

// visit judges a place, and repairs its mode if that is wished and safe.
func (c *census) visit(p place) {
	c.whole++
	info, err := os.Lstat(p.path)
	if err != nil {
		c.bad(p, failure("bring it back from a backup", "%s is not there: %v", p.path, reason(err)))
		return
	}
	self := os.Geteuid()
	perm, want := info.Mode().Perm(), p.mode.Perm()
	loose := perm&^want != 0 || perm&0o700 != want&0o700 || p.exact && perm != want
	switch {
	case info.Mode().Type() != p.mode.Type():
		c.bad(p, failure("move it away", "%s is %v, and must be %v", p.path, info.Mode(), p.mode))
	case ownerOf(info) != self:
		c.bad(p, failure(fmt.Sprintf("chown %d %s", self, p.path), "%s belongs to %s, and must belong to %s", p.path, accountName(ownerOf(info)), accountName(self)))
	case !loose:
	case !c.fixable:
		c.bad(p, failure(fmt.Sprintf("chmod %04o %s, or chancery doctor --fix", want, p.path), "%s has mode %04o, and must have %04o", p.path, perm, want))
	default:
		c.repair(p, perm)
	}
}

func (c *census) bad(p place, f finding) {
	c.seen[p.path] = true
	c.found = append(c.found, f)
}

// repair sets a mode. Nobody else can put another file under the name meanwhile:
// the directories above it are ours alone, being repaired before what is in them.
func (c *census) repair(p place, had fs.FileMode) {
	want := p.mode.Perm()
	if err := os.Chmod(p.path, want); err != nil {
		c.bad(p, failure(fmt.Sprintf("chmod %04o %s", want, p.path), "%s has mode %04o and could not be repaired: %v", p.path, had, reason(err)))
		return
	}
	hint := ""
	if had&0o077 != 0 && want == keyMode {
		hint = "whoever else has an account here may have copied it: if you do not trust them all, found anew"
	}
	c.found = append(c.found, warning(hint, "%s had mode %04o; repaired, it has %04o now", p.path, had, want))
}

func within(dir, path string) bool {
	return path == dir || strings.HasPrefix(path, dir+string(filepath.Separator))
}

// reason is an error of the file system without the path, which is said already.
func reason(err error) error {
	if p, is := err.(*fs.PathError); is {
		return p.Err
	}
	return err
}

func ownerOf(info fs.FileInfo) int {
	if st, is := info.Sys().(*syscall.Stat_t); is {
		return int(st.Uid)
	}
	return -1
}

// andRoot names the accounts that can read what one of them may.
func andRoot(name string) string {
	if name == "root" {
		return "the account root"
	}
	return "the account " + name + " and root"
}

// accountName is an account's name, or its number if it has none.
func accountName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return fmt.Sprintf("'#%d'", uid) // as sudo and chown take it
}
