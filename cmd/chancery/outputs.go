// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/format"
	"chancery/internal/whole"
)

// outputs are the files that issue and sign write of a certificate: one file, or a
// directory with each form that servers want (R63), and PKCS#12.
type outputs struct {
	out      string // file; or directory, if it is one or ends in a slash
	form     string // of the file
	text     bool   // a text before each certificate (R62)
	p12      string
	legacy   bool
	password string // file with that of PKCS#12, and of the key
}

func (a *app) outputFlags(c *cobra.Command, o *outputs) {
	f := c.Flags()
	f.StringVar(&o.form, "format", asPEM, "form of the --out file: pem, p7b, or der of the certificate alone")
	f.BoolVar(&o.text, "text", false, "put a text for people before each certificate in PEM")
	f.StringVar(&o.p12, "p12", "", "new file for key, certificate and chain in PKCS#12")
	f.BoolVar(&o.legacy, "legacy", false, "protect --p12 as programs from before 2019 read it: weak")
	f.StringVar(&o.password, "password-file", "", "file with the password of --p12 and of the key")
	_ = c.RegisterFlagCompletionFunc("format", fixed(asPEM, asDER, asP7B)) // the flag is there
}

// directory tells whether --out is one.
func (o outputs) directory() bool {
	info, err := os.Stat(o.out)
	return strings.HasSuffix(o.out, "/") || err == nil && info.IsDir()
}

// holds tells whether a file lies in the directory of --out, which may be yet to make.
func (o outputs) holds(path string) bool {
	return o.directory() && filepath.Dir(path) == filepath.Clean(o.out)
}

// judge refuses what does not go together, or could not be written after signing.
func (o outputs) judge(key string) error {
	switch {
	case !slices.Contains([]string{asPEM, asDER, asP7B}, o.form):
		return usage("--format "+ca.Show(o.form)+" is no form of a certificate's file", "use pem, der or p7b; PKCS#12: --p12 FILE")
	case o.form != asPEM && (o.directory() || o.text):
		return usage("--format "+o.form+" is for one file, without a text", "leave out --text, and name a file: --out FILE")
	case o.p12 != "" && key == "":
		return usage("PKCS#12 holds the private key too", "name its file: --key-file FILE")
	case key == "-" || o.p12 == "-":
		return usage("a private key is not printed", "name a file: --key-file FILE, --p12 FILE")
	case o.legacy && o.p12 == "":
		return usage("--legacy is for --p12", "leave it out")
	}
	if o.p12 != "" && !o.holds(o.p12) {
		if err := roomFor(o.p12, "--p12"); err != nil {
			return err
		}
	}
	if o.directory() {
		if info, err := os.Stat(o.out); err == nil && info.IsDir() {
			return roomFor(filepath.Join(o.out, "cert.pem"), "--out")
		}
		return roomFor(strings.TrimRight(o.out, "/"), "--out")
	}
	if o.out != "" && o.out != "-" {
		return roomFor(o.out, "--out")
	}
	return nil
}

// paths are the files in the order in which they are written.
func (o outputs) paths(withKey bool) (all []string) {
	switch {
	case o.directory():
		for _, name := range []string{"cert.pem", "chain.pem", "fullchain.pem", "key-cert.pem"} {
			if name != "key-cert.pem" || withKey {
				all = append(all, filepath.Join(o.out, name))
			}
		}
	case o.out != "" && o.out != "-":
		all = []string{o.out}
	}
	if o.p12 != "" {
		all = append(all, o.p12)
	}
	return all
}

// prints tells whether the certificate goes to standard output.
func (o outputs) prints() bool { return o.out == "-" || o.out == "" && o.p12 == "" }

// sample is of the kind that the answer will be.
func (o outputs) sample() answer {
	if o.prints() {
		return chainAnswer(ca.Issued{})
	}
	return answer{value: ca.Issued{}}
}

// free refuses files that are there. After a crash between signing and the last file
// the first ones may be: whoever takes that up says so, and the last alone counts.
func (o outputs) free(withKey, again bool) error {
	paths := o.paths(withKey)
	for i, path := range paths {
		if _, err := os.Lstat(path); err == nil && (!again || i == len(paths)-1) {
			return taken(path, o.flag(path), fs.ErrExist)
		}
	}
	return nil
}

func (o outputs) flag(path string) string {
	if path == o.p12 {
		return "--p12"
	}
	return "--out"
}

// newSecret gives what --password-file holds, or has it typed twice; it is asked for
// before anything is signed. Nil if no file needs one.
func (a *app) newSecret(ctx context.Context, o outputs, sealsKey bool) ([]byte, error) {
	if o.p12 == "" && !sealsKey {
		return nil, nil
	}
	if o.password == "" && a.env("CHANCERY_PASSWORD_FILE") == "" {
		what := "the key's file"
		if o.p12 != "" {
			what = o.p12
		}
		a.note("a password for %s is needed, and again wherever that is opened", what)
	}
	text, err := a.newPassphrase(ctx, o.password)
	if err == nil && text == "" {
		err = usage("the password is empty", "write one into the file that --password-file names")
	}
	return []byte(text), err
}

// A material is what the files are made of.
type material struct {
	ca.Issued
	name   string // of the entry in PKCS#12
	key    *keyFile
	secret []byte
}

// written is a file to be.
type written struct {
	path string
	mode os.FileMode
	body []byte
}

// pem writes certificates, under texts if they are wished.
func (o outputs) pem(ders ...[]byte) ([]byte, error) {
	var head format.Head
	if o.text {
		head = format.CertificateText
	}
	return format.PEM(format.Contents{Certificates: format.Items(ders...)}, head)
}

// body is the content of the one file, or of standard output.
func (o outputs) body(i ca.Issued) ([]byte, error) {
	switch o.form {
	case asDER:
		return i.Certificate.DER, nil
	case asP7B:
		return format.P7B(served(i), nil)
	}
	return o.pem(served(i)...)
}

// files makes the contents of all files.
func (o outputs) files(m material) (all []written, err error) {
	chain := served(m.Issued)
	add := func(path string, mode os.FileMode, body []byte, failed error) {
		all, err = append(all, written{path, mode, body}), errors.Join(err, failed)
	}
	full, failed := o.body(m.Issued)
	switch {
	case o.directory():
		leaf, why := o.pem(chain[0])
		add(filepath.Join(o.out, "cert.pem"), 0o644, leaf, why)
		if len(chain) > 1 { // below a root there is nothing between
			above, why := o.pem(chain[1:]...)
			add(filepath.Join(o.out, "chain.pem"), 0o644, above, why)
		}
		add(filepath.Join(o.out, "fullchain.pem"), 0o644, full, failed)
		if m.key != nil {
			add(filepath.Join(o.out, "key-cert.pem"), 0o600, append(bytes.Clone(m.key.pem), full...), nil)
		}
	case o.out != "" && o.out != "-":
		add(o.out, 0o644, full, failed)
	}
	if o.p12 != "" {
		protection := format.Modern
		if o.legacy {
			protection = format.Legacy
		}
		// Without the root: Node.js would trust one that stands there (docs/servers.md).
		body, why := format.PKCS12(format.Entry{Name: m.name, Key: m.key.pkcs8, Certificates: chain}, protection, m.secret, rand.Reader)
		add(o.p12, 0o600, body, why)
	}
	return all, err
}

// write writes all files. The certificate is good whatever fails here, and the hint
// says how to get at it.
func (a *app) writeOutputs(o outputs, m material) (paths []string, err error) {
	all, err := o.files(m)
	if err != nil {
		return nil, a.unwritten(m, "its files", err)
	}
	for _, f := range all {
		err := whole.Write(f.path, f.mode, f.body)
		if there, readErr := os.ReadFile(f.path); errors.Is(err, fs.ErrExist) && readErr == nil && bytes.Equal(there, f.body) { //nolint:gosec // the user's file
			err = nil // the same command, at the same moment or before a crash, wrote it
		}
		if err != nil {
			return nil, a.unwritten(m, f.path, err)
		}
		paths = append(paths, f.path)
	}
	return paths, nil
}

func (a *app) unwritten(m material, path string, err error) error {
	hint := a.says("show "+string(m.Certificate.Serial)+" -o pem") + " prints it"
	if m.key != nil {
		hint += "; the key is in " + m.key.path
	}
	if _, full := noRoom(err); full {
		return ca.Unavailable(ca.E1407, "the certificate was signed, but there is no room to write "+path, hint).Because(reason(err).Error())
	}
	return ca.Invalid(ca.E1102, "the certificate was signed, but "+path+" cannot be written", hint).Because(err.Error())
}

// made names the files of an answer: "a, b and c".
func made(paths []string) string {
	if len(paths) < 2 {
		return strings.Join(paths, "")
	}
	return fmt.Sprintf("%s and %s", strings.Join(paths[:len(paths)-1], ", "), paths[len(paths)-1])
}
