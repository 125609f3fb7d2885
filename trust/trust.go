// SPDX-License-Identifier: Apache-2.0

// Package trust puts root certificates into the stores in which the programs of a
// computer look for them, says where they are, and takes them away again: the system's
// of Debian and its kin, NSS databases (Chrome, Firefox, Thunderbird), Java's.
//
// It writes through the tools that own each store, so that a store is never in a form
// that its owner does not know. What it puts there bears a name made of the root's
// fingerprint; what bears another name was put there by somebody else and is never
// touched. It asks nobody and decides nothing: whether a root is the right one is the
// caller's to settle. Start reading at Store.
package trust

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"chancery/ca"
)

// A Store is one place where roots are trusted.
type Store interface {
	Where() Where
	// List gives the roots that are trusted there.
	List(ctx context.Context) ([]Entry, error)
	// Add puts a root there under Name. The caller has looked that it is not there.
	Add(ctx context.Context, root *x509.Certificate) error
	// Remove takes away what Add has put there, and nothing else.
	Remove(ctx context.Context, root *x509.Certificate) error
	// Writable refuses, before anything is done, where this account may not write.
	Writable() error
}

// Where is a store's place.
type Where struct {
	// Kind is "system", "nss" or "java".
	Kind string
	// Path is its folder or file.
	Path string
}

// An Entry is a certificate that a store trusts.
type Entry struct {
	// Name is what the store calls it.
	Name        string
	Fingerprint [sha256.Size]byte
}

// Name is what a root is called in every store: enough of its fingerprint that no two
// meet.
func Name(root *x509.Certificate) string {
	digest := sha256.Sum256(root.Raw)
	return "chancery-" + hex.EncodeToString(digest[:8])
}

// Find gives the name under which a root is trusted, and whether Add has put it there.
// A root that is there twice is told as ours.
func Find(all []Entry, root *x509.Certificate) (name string, ours bool) {
	digest := sha256.Sum256(root.Raw)
	for _, e := range all {
		if e.Fingerprint != digest {
			continue
		}
		if e.Name == Name(root) {
			return e.Name, true
		}
		name = e.Name
	}
	return name, false
}

// Fit refuses what nobody should trust as a root: it must be an authority's, signed by
// itself, and not have ended.
func Fit(c *x509.Certificate, now time.Time) error {
	title := ca.Show(ca.EncodedName(c.RawSubject))
	switch {
	case !c.IsCA || !c.BasicConstraintsValid:
		return ca.Refused(ca.E3004, title+" is no authority's certificate, and cannot be trusted as a root", "name the file with the root: --ca FILE")
	case !bytes.Equal(c.RawSubject, c.RawIssuer) || c.CheckSignatureFrom(c) != nil:
		return ca.Refused(ca.E3004, title+" is no root: another authority signed it", "trust that one instead; who trusts the root trusts what is below")
	case now.After(c.NotAfter):
		return ca.Refused(ca.E3004, title+" ended on "+c.NotAfter.Format(time.DateOnly), "trust its successor")
	}
	return nil
}

const (
	// toolWait bounds one run of a tool: Java takes seconds on a small machine, and so
	// does the system's tool, which makes a link for each of its roots.
	toolWait = 2 * time.Minute
	// maxAnswer bounds what is read of its answer: a store of 400 roots in PEM has 1 MiB.
	maxAnswer = 16 << 20
)

// tool runs a tool, which the package of Debian brings, and gives what it says on
// standard output.
func tool(ctx context.Context, c *exec.Cmd, of string) ([]byte, error) {
	var out, said bounded
	c.Stdout, c.Stderr = &out, &said
	c.Env = append(c.Environ(), "LC_ALL=C")
	ctx, cancel := context.WithTimeout(ctx, toolWait)
	defer cancel()
	if err := start(ctx, c); err != nil {
		var none *exec.Error
		if errors.As(err, &none) {
			return nil, ca.NotFound(ca.E1102, c.Args[0]+" is not installed, and this store has no other door", "apt-get install "+of)
		}
		const most = 400 // octets of a message
		return nil, fmt.Errorf("%s: %w: %.*q", filepath.Base(c.Args[0]), err, most, strings.TrimSpace(said.String()+out.String()))
	}
	return out.Bytes(), nil
}

// start runs a command and kills it with its context.
func start(ctx context.Context, c *exec.Cmd) error {
	if err := c.Start(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Process.Kill() }) // it may have ended
	defer stop()
	return c.Wait()
}

// A bounded buffer keeps the beginning.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if room := maxAnswer - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}

func armoured(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// maxFound bounds the stores that are found: profiles of browsers are few.
const maxFound = 64

// Found gives the stores of this computer and of the account whose home is given;
// javaHome may be empty.
func Found(home, javaHome string) []Store {
	var all []Store
	if s := DebianSystem(); s.there() {
		all = append(all, s)
	}
	if home != "" {
		for _, pattern := range []string{
			".pki/nssdb", "snap/chromium/current/.pki/nssdb",
			".mozilla/firefox/*", "snap/firefox/common/.mozilla/firefox/*", ".thunderbird/*",
		} {
			dirs, err := filepath.Glob(filepath.Join(home, pattern))
			if err != nil {
				continue // a home with the characters of patterns in it
			}
			for _, d := range dirs {
				if n := (NSS{Dir: d}); n.there() && len(all) < maxFound {
					all = append(all, n)
				}
			}
		}
	}
	if path := javaStore(javaHome); path != "" {
		all = append(all, Java{Path: path})
	}
	return all
}

// javaStore is the store of the Java that is named, or else in the path.
func javaStore(home string) string {
	if home == "" {
		program, err := exec.LookPath("java")
		if err != nil {
			return ""
		}
		if program, err = filepath.EvalSymlinks(program); err != nil {
			return ""
		}
		home = filepath.Dir(filepath.Dir(program))
	}
	for _, below := range []string{"lib/security/cacerts", "jre/lib/security/cacerts"} {
		if path, err := filepath.EvalSymlinks(filepath.Join(home, below)); err == nil {
			return path
		}
	}
	return ""
}

// writable asks the kernel about files and folders.
func writable(paths ...string) error {
	for _, path := range paths {
		if err := unix.Access(path, unix.W_OK); err != nil {
			return unwritable(path, err)
		}
	}
	return nil
}

// isFile tells whether something can be read at a path.
func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// fingerprints reads the certificates of a PEM text.
func fingerprints(text []byte) (all [][sha256.Size]byte) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, "CERTIFICATE") {
			all = append(all, sha256.Sum256(block.Bytes))
		}
	}
	return all
}

// has tells whether a list holds a root under its own name.
func has(all []Entry, root *x509.Certificate, name string) bool {
	digest := sha256.Sum256(root.Raw)
	return slices.ContainsFunc(all, func(e Entry) bool { return e.Name == name && e.Fingerprint == digest })
}
