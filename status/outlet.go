// SPDX-License-Identifier: Apache-2.0

package status

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"chancery/ca"
	"chancery/format"
	"chancery/internal/whole"
)

const (
	// copyEvery is how often it is looked what has changed. A list is copied within a
	// few seconds, and the minute of security rule RV-02 is kept.
	copyEvery = 2 * time.Second
	// maxCopies bounds the files of an outlet: some twenty for each authority with all
	// its shards.
	maxCopies = 1 << 14
)

// OutletOptions are what an outlet needs.
type OutletOptions struct {
	Options
	// Directory is where the copies go. It must be there: made by the outlet, it would lie
	// under a mount that is missing, and nobody would see it.
	Directory string
	// PEM adds a copy in PEM to each file in DER.
	PEM bool
	// Hook is told of changes; nil for nobody.
	Hook *Hook
	// State is the file with what was copied: nothing else is ever taken away.
	State string
}

// An Outlet copies what lies at the addresses below /pki/ into a directory, for another
// server to hand out. It copies nothing else, so that nothing secret can come there.
type Outlet struct {
	o     OutletOptions
	known *known
	done  map[string]string // by name: what was copied, and how it lies there

	written copied // what State says, once it was read

	mu      sync.Mutex // held for a look and a change
	trouble error
}

// NewOutlet makes an outlet. Run must be running.
func NewOutlet(o OutletOptions) *Outlet {
	return &Outlet{o: o, known: &known{}, done: map[string]string{}}
}

// An offer is a file that belongs into the directory.
type offer struct {
	name string
	// stamp is another one when the content is.
	stamp string
	// number is that of a list, 0 for what is none.
	number int64
	from   time.Time // a certificate's begin
	open   func() (io.ReadCloser, error)
	label  string // of its PEM, empty if it is none or has none
}

// Run copies until ctx ends. What cannot be written stays as it was, and is tried again.
func (t *Outlet) Run(ctx context.Context) error {
	for {
		err := summed(t.round(ctx))
		if ctx.Err() == nil {
			t.tell(err)
		}
		if err := pause(ctx, copyEvery); err != nil {
			return err
		}
	}
}

// Trouble says what keeps the directory from being up to date; nil if it is.
func (t *Outlet) Trouble() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.trouble
}

// tell logs what is wrong when it begins, and when it ends.
func (t *Outlet) tell(err error) {
	t.mu.Lock()
	before := t.trouble
	t.trouble = err
	t.mu.Unlock()
	switch {
	case err != nil && !sameTrouble(before, err):
		t.o.Log.Error("what is published cannot be copied", "directory", t.o.Directory, "error", err)
	case err == nil && before != nil:
		t.o.Log.Info("what is published is copied again", "directory", t.o.Directory)
	}
}

// round copies what has changed, and takes away what is over. One file that cannot be copied
// keeps no other back.
func (t *Outlet) round(ctx context.Context) error {
	if err := errors.Join(TrustedDirectory(t.o.Directory), t.recall()); err != nil {
		return err
	}
	offers, fault := t.offers(ctx)
	if len(offers) > maxCopies {
		return fmt.Errorf("more than %d files are to be copied", maxCopies)
	}
	if fault == nil { // or it is not known what is missing
		fault = t.clear(offers)
	}
	return t.copy(offers, fault)
}

// copy copies those of some files that are not there yet.
func (t *Outlet) copy(offers []offer, fault error) error {
	var due []offer
	for _, one := range offers {
		if t.done[one.name] == one.stamp+t.lies(one.name) {
			continue
		}
		switch fresh, err := t.fresh(one); {
		case err != nil:
			fault = errors.Join(fault, err)
		case fresh:
			t.done[one.name] = one.stamp + t.lies(one.name)
		default:
			due = append(due, one)
		}
	}
	if len(due) == 0 {
		return fault
	}
	paths := make([]string, len(due))
	for i, one := range due {
		paths[i] = filepath.Join(t.o.Directory, one.name)
	}
	// Who is told first, and dies then, is told again; the other way round nobody would be.
	if t.o.Hook != nil {
		if err := t.o.Hook.note(paths); err != nil {
			return errors.Join(fault, err)
		}
		defer t.o.Hook.placed()
	}
	for _, one := range due {
		if err := t.place(one); err != nil {
			fault = errors.Join(fault, err)
			continue
		}
		t.done[one.name] = one.stamp + t.lies(one.name)
	}
	return errors.Join(fault, t.note())
}

// lies is how a file lies there: another one when somebody has changed or removed it.
func (t *Outlet) lies(name string) string {
	info, err := os.Lstat(filepath.Join(t.o.Directory, name))
	if err != nil {
		return " missing"
	}
	return fmt.Sprintf(" %d %d %v", info.Size(), info.ModTime().UnixNano(), info.Mode())
}

// fresh tells whether a file is there already. It is an error if a newer one is: an older
// one never takes its place (security rule RV-04), whoever put it there.
func (t *Outlet) fresh(one offer) (bool, error) {
	path := filepath.Join(t.o.Directory, one.name)
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look at a copy: %w", err)
	case !info.Mode().IsRegular():
		return false, fmt.Errorf("%s is no file, and is left alone", path)
	}
	if err := t.newer(one, path); err != nil {
		return false, err
	}
	same, err := t.same(one, path)
	return same && err == nil, nil
}

// newer is the error of a file that takes no older one. What its authority did not sign keeps
// nothing out, whatever it says of itself. A copy in PEM goes with the one in DER beside it.
func (t *Outlet) newer(one offer, path string) error {
	one.name, path = strings.TrimSuffix(one.name, ".pem"), strings.TrimSuffix(path, ".pem")
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return nil //nolint:nilerr // what is not there, or no file, is no newer one
	}
	if authority, delta, is := feedName(one.name); is {
		a, _ := t.known.authority(authority)
		if h, err := GenuineFeed(t.o.Directory, a, delta); err == nil && h.Number > one.number {
			return fmt.Errorf("%s is feed %d, and the service has feed %d: it stays", path, h.Number, one.number)
		}
		return nil
	}
	if list, is := strings.CutSuffix(one.name, ".crl"); is {
		if number := t.numberOf(list); number > one.number {
			return fmt.Errorf("%s is list %d, and the service has list %d: it stays", path, number, one.number)
		}
		return nil
	}
	if name, is := strings.CutSuffix(one.name, ".crt"); is {
		if from := t.begins(name, path); from.After(one.from) {
			return fmt.Errorf("%s begins on %s, and the service has an older one: it stays", path, from.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// numberOf is the number of a list that was copied, 0 if there is none of its authority.
func (t *Outlet) numberOf(list string) int64 {
	authority, _, _ := ca.SplitListName(list)
	a, known := t.known.authority(authority)
	l, err := Open(t.o.Directory, list)
	if err != nil || !known {
		return 0
	}
	defer l.Close()
	if l.Genuine(a) != nil {
		return 0
	}
	return l.Number
}

// begins is when a certificate that was copied begins, zero if it is none of an authority: that
// has its key, and is signed by the one above.
func (t *Outlet) begins(name, path string) (none time.Time) {
	f, err := openFile(path)
	if err != nil {
		return none
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, format.MaxFile+1)) // others may write there
	if err != nil || len(body) > format.MaxFile {
		return none
	}
	c, err := x509.ParseCertificate(body)
	if err != nil {
		return none
	}
	a, _ := t.known.authority(name)
	above, _ := t.known.authority(a.Parent)
	by, err := x509.ParseCertificate(above.Certificate)
	if err != nil || !bytes.Equal(c.RawSubjectPublicKeyInfo, a.SPKI) || by.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) != nil {
		return none
	}
	return c.NotBefore
}

// same compares a file with what belongs there. One of another length is not read: others
// may write there.
func (t *Outlet) same(one offer, path string) (bool, error) {
	body, err := one.open()
	if err != nil {
		return false, err
	}
	defer body.Close()
	want, size, err := digest(body)
	if err != nil {
		return false, err
	}
	there, err := openFile(path)
	if err != nil {
		return false, err
	}
	defer there.Close()
	if info, err := there.Stat(); err != nil || info.Size() != size {
		return false, err
	}
	have, _, err := digest(there)
	return have == want, err
}

func digest(r io.Reader) (sum [32]byte, size int64, err error) {
	h := sha256.New()
	size, err = io.Copy(h, io.LimitReader(r, 2*maxList))
	return [32]byte(h.Sum(nil)), size, err
}

// place writes a file whole, for everybody to read, in place of what was there.
func (t *Outlet) place(one offer) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("copy %s: %w", one.name, cause(err))
		}
	}()
	body, err := one.open()
	if err != nil {
		return err
	}
	defer body.Close()
	f, err := whole.Beside(filepath.Join(t.o.Directory, one.name), 0o644)
	if err != nil {
		return err
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, h), body)
	if err == nil {
		err = f.Replace()
	}
	if err == nil {
		t.written.Files[one.name] = hex.EncodeToString(h.Sum(nil))
	}
	return errors.Join(err, f.Close())
}

// offers are the files that belong into the directory.
func (t *Outlet) offers(ctx context.Context) ([]offer, error) {
	authorities, fault := t.o.Shelf.Authorities(ctx)
	if fault == nil && len(authorities) > 0 && !t.known.same(authorities) {
		t.known = &known{all: authorities}
	}
	all, err := t.lists()
	fault = errors.Join(fault, err)
	feeds, err := t.feeds()
	all, fault = append(all, feeds...), errors.Join(fault, err)
	var lines []string
	for _, a := range t.known.all {
		all = append(all, made(a.Name+".crt", a.Certificate))
		all[len(all)-1].from, all[len(all)-1].label = a.NotBefore, "CERTIFICATE"
		lines = append(lines, a.Line)
	}
	names := bundleNames(lines)
	for _, a := range t.known.all {
		names = append(names, a.Name+".chain.pem", a.Name+".chain-no-root.pem", a.Name+".chain-reverse.pem")
	}
	for _, name := range names {
		f, err := t.known.file(name, addressed(name))
		if fault = errors.Join(fault, err); f.body != nil {
			all = append(all, made(name, f.body))
		}
	}
	if t.o.PEM {
		for _, one := range slices.Clone(all) {
			if one.label != "" {
				all = append(all, armoured(one))
			}
		}
	}
	return all, fault
}

// bundleNames are the files of bundles, of all lines and of each that has an address: a line
// called roots or bundle, which no new one is, has not all of them.
func bundleNames(lines []string) (names []string) {
	slices.Sort(lines)
	for _, of := range append([]string{""}, slices.Compact(lines)...) {
		if of != "" {
			of += "."
		}
		for _, form := range Forms {
			names = append(names, of+"bundle."+form, of+"roots.bundle."+form)
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return addressed(name) == nil })
}

func made(name string, body []byte) offer {
	return offer{name: name, stamp: fmt.Sprintf("%x", sha256.Sum256(body)), open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }}
}

// lists are those that the publisher keeps, all kinds of them.
func (t *Outlet) lists() ([]offer, error) {
	entries, err := os.ReadDir(t.o.Lists)
	if err != nil {
		return nil, fmt.Errorf("look for the published lists: %w", err)
	}
	var all []offer
	var fault error
	for _, e := range entries {
		name, is := strings.CutSuffix(e.Name(), ".crl")
		if !is || !listName(name) {
			continue
		}
		one, err := t.list(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was just taken away
		}
		if err != nil {
			fault = errors.Join(fault, err)
			continue
		}
		if one.open != nil {
			all = append(all, one)
		}
	}
	return all, fault
}

// list offers one list, nothing if it is over. It is read only when there is another one
// than before.
func (t *Outlet) list(name string) (offer, error) {
	f, h, err := open(t.o.Lists, name)
	if err != nil {
		return offer{}, err
	}
	if authority, _, _ := ca.SplitListName(name); t.over(authority, h.next) {
		return offer{}, f.Close()
	}
	return offer{name: name + ".crl", stamp: fmt.Sprint(h.number), number: h.number, label: "X509 CRL",
		open: func() (io.ReadCloser, error) { return openFile(listPath(t.o.Lists, name)) }}, f.Close()
}
