// SPDX-License-Identifier: Apache-2.0

package status

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// An outfit is an outlet with what it copies.
type outfit struct {
	*Outlet
	t    *testing.T
	m    *maker
	door http.Handler
}

func newOutfit(t *testing.T, hook *Hook) *outfit {
	t.Helper()
	m, all := newMaker(t), generations(t)
	for i := range all {
		all[i].SPKI = m.issuer.RawSubjectPublicKeyInfo // it signs all lists
	}
	o := Options{Shelf: &shelf{all: all}, Lists: t.TempDir(), Log: slog.New(slog.DiscardHandler), Now: time.Now}
	out := NewOutlet(OutletOptions{Options: o, Directory: t.TempDir(), PEM: true, Hook: hook, State: filepath.Join(t.TempDir(), "copied.json")})
	return &outfit{out, t, m, New(o)}
}

// puts publishes a list and gives it.
func (o *outfit) puts(name string) []byte {
	o.t.Helper()
	o.m.number++
	body := o.m.list(time.Now(), 7)
	if err := Place(o.o.Lists, name, bytes.NewReader(body)); err != nil {
		o.t.Fatal(err)
	}
	return body
}

func (o *outfit) copies() {
	o.t.Helper()
	if err := o.round(o.t.Context()); err != nil {
		o.t.Fatal(err)
	}
}

func (o *outfit) path(name string) string { return filepath.Join(o.o.Directory, name) }

func (o *outfit) holds(name string, want []byte) {
	o.t.Helper()
	have, err := os.ReadFile(o.path(name))
	if err != nil || !bytes.Equal(have, want) {
		o.t.Errorf("%s has %d octets, and not the %d that are published: %v", name, len(have), len(want), err)
	}
}

func TestR87_WhatIsPublishedIsCopiedUnderTheSameNames(t *testing.T) {
	t.Parallel()
	o := newOutfit(t, nil)
	list, delta := o.puts("issuing-g1"), o.puts("issuing-g1.delta")
	o.copies()
	o.holds("issuing-g1.crl", list)
	o.holds("issuing-g1.delta.crl", delta)
	all, err := os.ReadDir(o.o.Directory)
	if err != nil || len(all) < 12 {
		t.Fatalf("%d files: %v", len(all), err)
	}
	for _, one := range all {
		if info, err := one.Info(); err != nil || info.Mode() != 0o644 {
			t.Errorf("%s has mode %v: %v", one.Name(), info.Mode(), err)
		}
		of, isPEM := strings.CutSuffix(one.Name(), ".pem")
		if isPEM && (strings.HasSuffix(of, ".crl") || strings.HasSuffix(of, ".crt")) {
			text, err := os.ReadFile(o.path(one.Name()))
			block, rest := pem.Decode(text)
			if err != nil || block == nil || len(rest) > 0 || !bytes.Equal(pem.EncodeToMemory(block), text) {
				t.Fatalf("%s is no PEM: %v\n%s", one.Name(), err, text)
			}
			o.holds(of, block.Bytes)
			continue
		}
		w := ask(o.door, http.MethodGet, "/pki/"+one.Name())
		if w.Code != http.StatusOK {
			t.Errorf("%s lies at no address", one.Name())
		}
		o.holds(one.Name(), w.Body.Bytes())
	}
	next := o.puts("issuing-g1")
	if err := os.Remove(o.path("issuing-g1.delta.crl")); err != nil {
		t.Fatal(err)
	}
	o.copies()
	o.holds("issuing-g1.crl", next)
	o.holds("issuing-g1.delta.crl", delta) // whoever removed it, it is there again
}

// RV-04: also where somebody else put the newer one.
// A line that was called as other addresses are, before it was refused, keeps nothing back.
func TestR87_EachBundleIsCopiedOnceAndHasAnAddress(t *testing.T) {
	names := bundleNames([]string{"users", "roots", "bundle", "roots"})
	for i, name := range names {
		if addressed(name) == nil || slices.Contains(names[:i], name) {
			t.Errorf("%s is there twice, or at no address", name)
		}
	}
	for _, name := range []string{"bundle.pem", "roots.bundle.pem", "roots.roots.bundle.pem", "users.bundle.pem", "users.roots.bundle.pem"} {
		if !slices.Contains(names, name) {
			t.Errorf("%s is missing in %v", name, names)
		}
	}
}

func TestR87_AnOlderListNeverTakesTheCopysPlace(t *testing.T) {
	t.Parallel()
	o := newOutfit(t, nil)
	o.m.number = 5000
	newer := o.m.list(time.Now(), 7)
	if err := Place(o.o.Directory, "issuing-g1", bytes.NewReader(newer)); err != nil {
		t.Fatal(err)
	}
	o.m.number = 4000
	o.puts("issuing-g1")
	other := o.puts("issuing-g2")
	err := o.round(t.Context())
	if err == nil || !strings.Contains(err.Error(), "is list 5000, and the service has list 4001") {
		t.Errorf("it says %v", err)
	}
	o.holds("issuing-g1.crl", newer)
	o.holds("issuing-g2.crl", other) // one keeps no other back
	o.m.number = 5000
	o.puts("issuing-g1")
	o.copies()
}

// RV-04: a stranger's list or certificate that calls itself newer keeps ours from nobody; one of
// the authority itself does, whoever put it there.
func TestRV04_WhatIsNotGenuineKeepsNothingOut(t *testing.T) {
	t.Parallel()
	o := newOutfit(t, nil)
	stranger := newMaker(t)
	stranger.number = 1 << 50
	certificate := func(key any, by *maker, from time.Time) []byte {
		template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: from, NotAfter: from.AddDate(1, 0, 0)}
		der, err := x509.CreateCertificate(rand.Reader, template, by.issuer, key, by.key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	later := time.Now().AddDate(1, 0, 0)
	all := o.o.Shelf.(*shelf).all
	all[0].Certificate = o.m.issuer.Raw // the root, which signed the others
	ours := o.puts("issuing-g1")
	for name, file := range map[string][]byte{"issuing-g1.crl": stranger.list(time.Now(), 7), "issuing-g1.crt": certificate(stranger.key.Public(), o.m, later), "issuing-g2.crt": certificate(o.m.key.Public(), stranger, later)} {
		if err := os.WriteFile(o.path(name), file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o.copies()
	o.holds("issuing-g1.crl", ours)
	o.holds("issuing-g1.crt", all[1].Certificate)
	o.holds("issuing-g2.crt", all[2].Certificate)
	newer := certificate(o.m.key.Public(), o.m, later)
	if err := os.WriteFile(o.path("issuing-g2.crt"), newer, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := o.round(t.Context()); err == nil || !strings.Contains(err.Error(), "issuing-g2.crt begins on") {
		t.Errorf("a newer one of ours: %v", err)
	}
	o.holds("issuing-g2.crt", newer)
}

// Whoever can write in the directory does not make the service wait, or read without end.
func TestR87_WhatLiesThereKeepsNothingWaiting(t *testing.T) {
	t.Parallel()
	o := newOutfit(t, nil)
	o.puts("issuing-g1")
	o.copies()
	if err := errors.Join(os.Remove(o.path("issuing-g1.crl")), unix.Mkfifo(o.path("issuing-g1.crl"), 0o600), os.Truncate(o.path("issuing-g1.crt"), 1<<40)); err != nil {
		t.Fatal(err)
	}
	next := o.puts("issuing-g1")
	done := make(chan error, 1)
	go func() { done <- o.round(t.Context()) }()
	select {
	case err := <-done:
		if err == nil || !strings.Contains(err.Error(), "is no file") {
			t.Errorf("it says %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it waits for ever")
	}
	o.holds("issuing-g1.crl.pem", pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: next}))
	if info, err := os.Stat(o.path("issuing-g1.crt")); err != nil || info.Size() > 1<<20 {
		t.Errorf("the certificate has %d octets, %v", info.Size(), err)
	}
}

// RV-04: the copy in PEM is no way back to the older one.
func TestR87_AnOlderListInPEMNeverTakesTheNewersPlace(t *testing.T) {
	t.Parallel()
	o := newOutfit(t, nil)
	o.puts("issuing-g1")
	o.copies()
	newer, err := os.ReadFile(o.path("issuing-g1.crl.pem"))
	if err != nil {
		t.Fatal(err)
	}
	o.m.number -= 100 // a restore brought the service's own list back to an older one
	body := o.m.list(time.Now(), 7)
	if err := os.WriteFile(listPath(o.o.Lists, "issuing-g1"), body, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := o.round(t.Context()); err == nil {
		t.Error("nothing is said")
	}
	o.holds("issuing-g1.crl.pem", newer)
}

// A stranger's folder under the name of a list is left alone, and told of.
func TestR87_WhatIsNoFileIsLeftAlone(t *testing.T) {
	t.Parallel()
	o := newOutfit(t, nil)
	o.puts("issuing-g1")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.Symlink(secret, o.path("issuing-g1.crl")); err != nil {
		t.Fatal(err)
	}
	if err := o.round(t.Context()); err == nil {
		t.Error("nothing is said")
	}
	if _, err := os.Stat(secret); err == nil {
		t.Error("it was written through a link")
	}
	missing := NewOutlet(OutletOptions{Options: o.o.Options, Directory: filepath.Join(o.o.Directory, "unmounted")})
	if err := missing.round(t.Context()); err == nil {
		t.Error("a directory that is missing is no error")
	}
	if _, err := os.Stat(missing.o.Directory); err == nil {
		t.Error("it was made, below whatever is not mounted")
	}
}

// Each round meets the same fault with other files, or under the other names of files that are
// being written: it is told once when it begins and once when it ends, and in one line.
func TestR87_WhatHindersAllFilesIsToldOnce(t *testing.T) {
	t.Parallel()
	o := newOutfit(t, nil)
	var log strings.Builder
	o.o.Log = slog.New(slog.NewTextHandler(&log, nil))
	told := func(what string, lines int, contains string) {
		t.Helper()
		got := log.String()
		log.Reset()
		if strings.Count(got, "\n") != lines || !strings.Contains(got, contains) || len(got) > 500*lines {
			t.Errorf("%s: %d octets are logged, and not %d lines:\n%.1500s", what, len(got), lines, got)
		}
	}
	o.puts("issuing-g1")
	o.copies()
	away := o.o.Directory + ".away"
	if err := os.Rename(o.o.Directory, away); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		o.tell(summed(o.round(t.Context())))
	}
	told("the directory is away", 1, o.o.Directory+" is not there")
	o.tell(nil)
	told("it is there", 1, "copied again")
	// As if it went away after it was looked at: no file can be written.
	offers, err := o.offers(t.Context())
	if err != nil || len(offers) < 12 {
		t.Fatalf("%d files are to be copied: %v", len(offers), err)
	}
	for i := range 3 {
		clear(o.done)
		o.tell(summed(o.copy(offers[i:], nil)))
	}
	told("nothing can be written", 1, fmt.Sprintf("no such file or directory; and %d more like it", len(offers)-1))
	if err := os.Rename(away, o.o.Directory); err != nil {
		t.Fatal(err)
	}
	o.tell(summed(o.round(t.Context())))
	told("it is there again", 1, "copied again")
}

// A full disk: the list before stays, and it is told. The limit on a file's size holds for
// a whole process, so another one plays this.
func TestR87_OnAFullDiskTheListBeforeStays(t *testing.T) {
	if os.Getenv("CHANCERY_TEST_FULL") == "" {
		t.Parallel()
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestR87_OnAFullDiskTheListBeforeStays$")
		c.Env = append(os.Environ(), "CHANCERY_TEST_FULL=1")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	o := newOutfit(t, nil)
	before := o.puts("issuing-g1")
	o.copies()
	o.m.padding = 64 << 10
	o.m.revoked = 1
	after := o.puts("issuing-g1")
	signal.Ignore(syscall.SIGXFSZ)
	limit := func(to uint64) {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: to, Max: unix.RLIM_INFINITY}); err != nil {
			t.Fatal(err)
		}
	}
	limit(32 << 10)
	o.tell(o.round(t.Context()))
	if o.Trouble() == nil {
		t.Error("nobody is told")
	}
	o.holds("issuing-g1.crl", before)
	limit(unix.RLIM_INFINITY)
	o.tell(o.round(t.Context()))
	if err := o.Trouble(); err != nil {
		t.Errorf("there is room again: %v", err)
	}
	o.holds("issuing-g1.crl", after)
	if left, err := filepath.Glob(o.path(".new-*")); err != nil || len(left) > 0 {
		t.Errorf("%q is left: %v", left, err)
	}
}

// program writes a program that notes what it was told.
func program(t *testing.T, body string) (path, noted string) {
	t.Helper()
	dir := t.TempDir()
	path, noted = filepath.Join(dir, "hook"), filepath.Join(dir, "noted")
	text := "#!/bin/sh\nnoted=" + noted + "\n" + body
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	return path, noted
}

// ran runs a hook until it has nothing to tell, or has failed.
func ran(t *testing.T, h *Hook) {
	t.Helper()
	for {
		some := h.some()
		if len(some) == 0 {
			return
		}
		err := h.once(t.Context(), some)
		if err := h.told(some, err); err != nil {
			t.Fatal(err)
		}
		if err != nil {
			return
		}
	}
}

func TestR87_TheHookIsToldOfEachChangeUntilItSucceeds(t *testing.T) {
	t.Parallel()
	path, noted := program(t, "test -e $noted.fails && { echo no such mirror >&2; exit 3; }\nprintf '%s\\n' \"$@\" >>$noted\nenv >$noted.env\n")
	state := filepath.Join(t.TempDir(), "hook.json")
	opened := func() *Hook {
		h, err := NewHook(path, state, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	h := opened()
	o := newOutfit(t, h)
	told := func() []string {
		body, _ := os.ReadFile(noted)
		_ = os.Remove(noted)
		return strings.Fields(string(body))
	}
	o.puts("issuing-g1")
	o.copies()
	ran(t, h)
	if got := told(); len(got) < 12 || !slices.Contains(got, o.path("issuing-g1.crl")) || !slices.Contains(got, o.path("issuing-g1.crl.pem")) {
		t.Errorf("at first it was told of %q", got)
	}
	env, err := os.ReadFile(noted + ".env")
	if err != nil || bytes.Contains(env, []byte("HOME=")) || !bytes.Contains(env, []byte("PATH=/usr/local/sbin")) {
		t.Errorf("its variables are\n%s%v", env, err)
	}
	// It fails, the service dies, another one takes it up.
	if err := os.WriteFile(noted+".fails", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o.puts("issuing-g1")
	o.copies()
	ran(t, h)
	if err := h.Trouble(); err == nil || !strings.Contains(err.Error(), "exit status 3: no such mirror") {
		t.Errorf("the failure is told as %v", err)
	}
	if err := os.Remove(noted + ".fails"); err != nil {
		t.Fatal(err)
	}
	h = opened()
	if h.Trouble() == nil {
		t.Error("a restart forgets the failure")
	}
	ran(t, h)
	if got, want := told(), []string{o.path("issuing-g1.crl"), o.path("issuing-g1.crl.pem")}; !slices.Equal(got, want) {
		t.Errorf("after the restart it was told of %q", got)
	}
	if _, err := os.Stat(state); err == nil || h.Trouble() != nil {
		t.Errorf("all is told, and something waits: %v", h.Trouble())
	}
}

// What changes while the program runs may have been read by it before, or not.
func TestR87_AChangeDuringARunIsToldAgain(t *testing.T) {
	t.Parallel()
	path, _ := program(t, "")
	h, err := NewHook(path, filepath.Join(t.TempDir(), "hook.json"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	change := func(paths ...string) {
		if err := h.note(paths); err != nil {
			t.Fatal(err)
		}
	}
	change("/a", "/b")
	if some := h.some(); some != nil {
		t.Errorf("it is told of %q before they are there", some)
	}
	h.placed()
	some := h.some()
	change("/b")
	h.placed()
	if err := h.told(some, nil); err != nil {
		t.Fatal(err)
	}
	if again := h.some(); !slices.Equal(again, []string{"/b"}) {
		t.Errorf("the next run is told of %q", again)
	}
}

func TestR87_AHookThatHangsOrIsOpenToOthersHoldsNothingUp(t *testing.T) {
	t.Parallel()
	path, noted := program(t, "echo $$ >$noted\nsleep 600 &\necho $! >>$noted\nwait\n")
	h, err := NewHook(path, filepath.Join(t.TempDir(), "hook.json"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.once(ctx, []string{"/a"}) }()
	var pids []string
	for len(pids) < 2 && t.Context().Err() == nil {
		body, _ := os.ReadFile(noted)
		pids = strings.Fields(string(body))
	}
	cancel()
	if err := <-done; err == nil {
		t.Error("it was stopped, and that is no error")
	}
	for _, pid := range pids {
		var n int
		if _, err := fmt.Sscan(pid, &n); err != nil {
			t.Fatal(err)
		}
		for late := time.After(10 * time.Second); alive(n); { // killed, it has yet to die
			select {
			case <-late:
				t.Fatalf("process %d of the hook goes on", n)
			default:
			}
		}
	}
	if err := os.Chmod(path, 0o777); err != nil { //nolint:gosec // that is what is tried
		t.Fatal(err)
	}
	if err := h.once(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "others can change it") {
		t.Errorf("a program that everybody may write: %v", err)
	}
}

// alive tells a process from one that has ended and was not waited for yet.
func alive(pid int) bool {
	body, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(body), ") Z ")
}
