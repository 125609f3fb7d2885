// SPDX-License-Identifier: Apache-2.0

package status

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"chancery/ca"
)

// maxLinks bounds the symbolic links of a path, as the kernel does.
const maxLinks = 40

// TrustedProgram says why a program is not run: whoever else can write it, or put another one
// in its place, would run as the service. The error is a Problem, E1404.
func TrustedProgram(path string) error {
	return trusted(path, "runs with the service's rights", func(m fs.FileMode) bool { return m.IsRegular() })
}

// TrustedDirectory says why nothing is published to a directory: what lies there people take
// for ours, bundles of roots too, which nobody has signed. The error is as TrustedProgram's.
func TrustedDirectory(path string) error {
	path = filepath.Clean(path) // as the files in it are named by it
	return trusted(path, "people take what is published for the authority's, roots too, which nobody signs", fs.FileMode.IsDir)
}

// trusted walks a path from the root down, through its links: nobody but root and this account
// may change a name on the way, or what is at its end. A directory on the way that others write
// is good if it is root's and sticky, as /tmp is: what is ours in it stays ours.
func trusted(path, why string, kind func(fs.FileMode) bool) error {
	rest, at := strings.Split(path, "/"), "/"
	for links := 0; ; {
		info, err := os.Lstat(at)
		if errors.Is(err, fs.ErrNotExist) {
			return missing(at, path)
		}
		if err != nil {
			return fmt.Errorf("look at %s: %w", path, err)
		}
		mode, owner := info.Mode(), ownerOf(info)
		if owner != 0 && owner != os.Geteuid() {
			return writable(at, path, fmt.Sprintf("belongs to uid %d", owner), fmt.Sprintf("chown %d %s", os.Geteuid(), shown(at)), why)
		}
		if mode&fs.ModeSymlink != 0 {
			to, err := os.Readlink(at)
			if links++; err != nil || links > maxLinks {
				return fmt.Errorf("follow %s: %w", at, errors.Join(err, syscall.ELOOP))
			}
			at = filepath.Dir(at)
			if filepath.IsAbs(to) {
				at = "/"
			}
			rest = append(strings.Split(to, "/"), rest...)
			continue
		}
		for len(rest) > 0 && (rest[0] == "" || rest[0] == ".") {
			rest = rest[1:]
		}
		sticky := len(rest) > 0 && owner == 0 && mode&fs.ModeSticky != 0
		if mode.Perm()&0o022 != 0 && !sticky {
			return writable(at, path, fmt.Sprintf("has mode %04o", mode.Perm()), "chmod go-w "+shown(at), why)
		}
		if len(rest) == 0 {
			if !kind(mode) {
				return ca.Refused(ca.E1404, fmt.Sprintf("%s is %s", shown(path), mode), "name another").Because(why)
			}
			return nil
		}
		// Behind a link .. is above where that leads, and not above the link: no path is made
		// shorter by its text. at has no links.
		at, rest = filepath.Join(at, rest[0]), rest[1:]
	}
}

func writable(at, path, is, fix, why string) error {
	detail := shown(path) + " " + is
	if at != path {
		detail = shown(at) + ", on the way to " + shown(path) + ", " + is
	}
	return ca.Refused(ca.E1404, detail+": others can change it", fix).Because(why)
}

// missing names what is not there. It is not made: below a mount that is away nobody would see it.
func missing(at, path string) error {
	if at != path {
		return fmt.Errorf("%s is not there, since there is no %s: mount it, make it, or set another", shown(path), shown(at))
	}
	return fmt.Errorf("%s is not there: mount it, make it, or set another", shown(path))
}

// shown is a path as it may be typed again: a link may lead to any octets.
func shown(path string) string {
	if ca.PlainText(path) && !strings.ContainsAny(path, " \"'`$\\") {
		return path
	}
	return ca.Show(path)
}

func ownerOf(info fs.FileInfo) int {
	if st, is := info.Sys().(*syscall.Stat_t); is {
		return int(st.Uid)
	}
	return -1
}
