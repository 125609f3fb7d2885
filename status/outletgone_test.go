// SPDX-License-Identifier: Apache-2.0

package status

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chancery/ca"
)

// lacks sees that files are not in the directory.
func (o *outfit) lacks(names ...string) {
	o.t.Helper()
	for _, name := range names {
		if _, err := os.Lstat(o.path(name)); !errors.Is(err, fs.ErrNotExist) {
			o.t.Errorf("%s is there still: %v", name, err)
		}
	}
}

// again is the outlet after a restart.
func (o *outfit) again(change func(*OutletOptions)) {
	how := o.o
	change(&how)
	o.Outlet = NewOutlet(how)
}

// R87: the copies of an authority's lists go when it has ended, shards too, and so does the
// bundle of a line that nobody is left of; also after a restart. Nothing else does: not what
// somebody else has put or changed there, and not what is missing here for another reason.
func TestR87_CopiesThatNobodyNeedsGo(t *testing.T) {
	t.Parallel()
	o := newOutfit(t, nil)
	all := slices.Clone(o.o.Shelf.(*shelf).all)
	end := time.Now().AddDate(0, 0, 2)
	at := slices.IndexFunc(all, func(a ca.Authority) bool { return a.Name == "users-g1" })
	all[at].NotAfter = end
	o.o.Shelf.(*shelf).holds(all)
	o.m.number++
	short := o.m.list(time.Now(), 1)
	for _, name := range []string{"users-g1", "users-g1.s0", "users-g1.s1", "users-g1.s2", "users-g1.s3"} {
		if err := Place(o.o.Lists, name, bytes.NewReader(short)); err != nil {
			t.Fatal(err)
		}
	}
	lives := o.puts("issuing-g1")
	other := o.puts("issuing-g2")
	if err := Place(o.o.Directory, "users-g1.s2", bytes.NewReader(short)); err != nil { // of somebody else, though the same
		t.Fatal(err)
	}
	o.copies()
	if err := os.WriteFile(o.path("users-g1.s3.crl"), []byte("another's"), 0o600); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	o.again(func(q *OutletOptions) { q.Now = func() time.Time { return now } })
	now = end.Add(-time.Second) // the lists have ended, and the authority has not
	if err := os.Remove(listPath(o.o.Lists, "issuing-g2")); err != nil {
		t.Fatal(err)
	}
	o.copies()
	o.holds("users-g1.crl", short)
	o.holds("users-g1.s3.crl", short) // it was put right while it was offered
	o.holds("issuing-g2.crl", other)  // which a restore may have left out here
	if err := os.WriteFile(o.path("users-g1.s3.crl"), []byte("another's"), 0o600); err != nil {
		t.Fatal(err)
	}
	all = slices.Clone(all)
	all[at].State, all[at].Version = ca.Retired, 2
	o.o.Shelf.(*shelf).holds(all)
	now = end.Add(time.Second)
	o.copies()
	o.lacks("users-g1.crl", "users-g1.crl.pem", "users-g1.s0.crl", "users-g1.s0.crl.pem", "users-g1.s1.crl", "users.bundle.pem", "users.bundle.p7b")
	o.holds("users-g1.s2.crl", short)
	o.holds("users-g1.s3.crl", []byte("another's"))
	o.holds("users-g1.crt", all[at].Certificate)
	o.holds("issuing-g1.crl", lives)
	o.holds("issuing-g2.crl", other)
	o.again(func(q *OutletOptions) { q.PEM = false })
	o.copies()
	o.lacks("issuing-g1.crl.pem", "issuing-g1.crt.pem")
	o.holds("issuing-g1.crl", lives)
}

// What is taken away is not told to the hook: a program that copies it elsewhere would fail
// for ever.
func TestR87_TheHookIsNotToldOfWhatWasTakenAway(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	hook, err := NewHook(filepath.Join(dir, "hook"), filepath.Join(dir, "hook.json"), newOutfit(t, nil).o.Log)
	if err != nil {
		t.Fatal(err)
	}
	o := newOutfit(t, hook)
	o.puts("issuing-g1")
	o.copies()
	if w, err := ReadWaiting(hook.State); err != nil || !slices.Contains(w.Paths, o.path("issuing-g1.crl.pem")) {
		t.Fatalf("%v, %v", w, err)
	}
	o.again(func(q *OutletOptions) { q.PEM = false })
	o.copies()
	w, err := ReadWaiting(hook.State)
	if err != nil || !slices.Contains(w.Paths, o.path("issuing-g1.crl")) || slices.ContainsFunc(w.Paths, func(p string) bool { return strings.HasSuffix(p, ".crl.pem") }) {
		t.Errorf("%v, %v", w, err)
	}
}
