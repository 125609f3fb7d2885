// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"chancery/ca"
)

// A System is the store of Debian, Ubuntu and their kin: a folder for roots of one's
// own, and update-ca-certificates, which makes of it and of the public roots one file
// and a folder of links, for OpenSSL, GnuTLS, curl, Go and Python.
type System struct {
	// Local is the folder for roots of one's own, Links that with the results.
	Local, Links string
	// Options tell update-ca-certificates of other folders; tests have theirs.
	Options []string
}

// DebianSystem is the system's store in its usual place.
func DebianSystem() System {
	return System{Local: "/usr/local/share/ca-certificates", Links: "/etc/ssl/certs"}
}

// Where is the folder for roots of one's own.
func (s System) Where() Where { return Where{"system", s.Local} }

// Writable looks at what is written there.
func (s System) Writable() error { return writable(s.Local, s.Links) }

func (s System) there() bool { return isFile(updater()) && isFile(s.bundle()) }

// updater is found where a user's PATH does not lead.
func updater() string {
	if path, err := exec.LookPath("update-ca-certificates"); err == nil {
		return path
	}
	return "/usr/sbin/update-ca-certificates"
}

func (s System) bundle() string { return filepath.Join(s.Links, "ca-certificates.crt") }

func (s System) file(root *x509.Certificate) string {
	return filepath.Join(s.Local, Name(root)+".crt")
}

// List gives the roots of the file that programs read. A root of ours is named by its
// file; all others by that one.
func (s System) List(context.Context) ([]Entry, error) {
	text, err := os.ReadFile(s.bundle())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ca.NotFound(ca.E1102, "there is no "+s.bundle()+": this computer has no store of Debian's kind", "apt-get install ca-certificates, or name another store: --nss DIR, --java STORE")
	}
	if err != nil {
		return nil, fmt.Errorf("read the system's roots: %w", err)
	}
	ours := map[[32]byte]string{}
	files, err := filepath.Glob(filepath.Join(s.Local, "chancery-*.crt"))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", s.Local, err)
	}
	for _, path := range files {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read a root of the system: %w", err)
		}
		for _, f := range fingerprints(content) {
			ours[f] = strings.TrimSuffix(filepath.Base(path), ".crt")
		}
	}
	var all []Entry
	for _, f := range fingerprints(text) {
		name := ours[f]
		if name == "" {
			name = filepath.Base(s.bundle())
		}
		all = append(all, Entry{name, f})
	}
	return all, nil
}

// Add writes the root's file, and has the results made anew. If that fails, the file
// goes again: the next who has them made must not bring in what somebody gave up.
func (s System) Add(ctx context.Context, root *x509.Certificate) error {
	path := s.file(root)
	if err := place(path, armoured(root)); err != nil {
		return err
	}
	err := s.update(ctx)
	if err == nil {
		err = s.confirm(ctx, root, true)
	}
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// Remove takes the root's file away and has the results made afresh: without that its
// links would stay, and a dangling one hides another root of the same name from
// OpenSSL.
func (s System) Remove(ctx context.Context, root *x509.Certificate) error {
	path := s.file(root)
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read a root of the system: %w", err)
	}
	if !bytes.Equal(content, armoured(root)) {
		return ca.Conflict(ca.E1102, path+" was changed by somebody, and is left", "look at it, remove it, and run update-ca-certificates "+afresh)
	}
	if err := os.Remove(path); err != nil {
		return unwritable(path, err)
	}
	if err := s.update(ctx, afresh); err != nil {
		return err
	}
	// Where no root is left at all, the tool leaves its last result as it was.
	if all, err := s.List(ctx); err == nil && len(all) == 1 && fingerprints(content)[0] == all[0].Fingerprint {
		if err := place(s.bundle(), nil); err != nil {
			return err
		}
	}
	if err := s.confirm(ctx, root, false); err != nil {
		return err
	}
	return s.forgetJava(ctx, root)
}

// forgetJava takes the root out of the store that Debian keeps for Java: the hook that
// has put it there is told of additions alone.
func (s System) forgetJava(ctx context.Context, root *x509.Certificate) error {
	j := Java{Path: filepath.Join(s.Links, "java", "cacerts")}
	if !isFile(j.Path) {
		return nil
	}
	all, err := j.List(ctx)
	if err != nil {
		return err
	}
	if alias := "debian:" + Name(root) + ".pem"; has(all, root, alias) {
		return j.delete(ctx, alias)
	}
	return nil
}

// afresh has update-ca-certificates remove all links first.
const afresh = "-f"

func (s System) update(ctx context.Context, more ...string) error {
	_, err := tool(ctx, exec.Command(updater(), append(more, s.Options...)...), "ca-certificates") //nolint:gosec // a fixed program
	return err
}

// confirm looks whether the tool did what it was to do.
func (s System) confirm(ctx context.Context, root *x509.Certificate, there bool) error {
	all, err := s.List(ctx)
	if err != nil {
		return err
	}
	if name, _ := Find(all, root); (name != "") != there {
		return fmt.Errorf("update-ca-certificates ran, and %s did not follow it", s.bundle())
	}
	return nil
}

// place writes a file in one step: readers see all of it or nothing. Its name while it
// is written does not end in .crt, which others would read.
func place(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".chancery-*")
	if err != nil {
		return unwritable(path, err)
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(unwritable(path, err), os.Remove(f.Name()))
	}
	return nil
}

func unwritable(path string, err error) error {
	return ca.Invalid(ca.E1102, path+" cannot be written by this account", "give the command as an account that may, such as root").Because(err.Error())
}
