// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// after types a command as somebody would after some days, at the clock that renew goes by.
func (h hand) after(days int, args ...string) said {
	h.t.Helper()
	var out, err bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &out, err: &err, args: append([]string{"chancery", "--dir", h.dir}, args...), env: os.Getenv,
		now: func() time.Time { return time.Now().AddDate(0, 0, days) }}
	code := a.run(h.t.Context())
	return said{out: out.String(), err: err.String(), code: code}
}

// R79: renew --due renews what is due in a directory, once, with new keys and files beside
// the old ones; what is not due, foreign, an authority's or renewed already stays.
func TestR79_WhatIsDueInADirectoryIsRenewed(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	dir := h.file("ssl")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	h.done("issue", "nas.lab.example", "--out", filepath.Join(dir, "nas.pem"), "--key-file", filepath.Join(dir, "nas.key"))
	h.done("issue", "web.lab.example", "--out", filepath.Join(dir, "web")+"/")
	h.done("issue", "young.lab.example", "--days", "70", "--out", filepath.Join(dir, "young.pem"), "--key-file", filepath.Join(dir, "young.key"))
	h.done("renew", filepath.Join(dir, "young.pem"), "--days", "120", "--out", filepath.Join(dir, "young2.pem"), "--key-file", filepath.Join(dir, "young2.key"))
	h.request("far.lab.example")
	h.newElsewhere("elsewhere").signs("far.lab.example.csr", "ssl/far.pem", "80", "7", "subjectAltName=DNS:far.lab.example\n")
	h.write("ssl/notes.pem", "nothing\n")
	files := func() string { return strings.Join(slices.Sorted(maps.Keys(digests(t, dir))), "\n") }
	before := files()

	if s := h.after(0, "renew", "--due", dir, "--detailed-exitcode"); s.code != exitNotDue || !strings.Contains(s.out, "nothing is due") {
		t.Errorf("today: exit %d\n%s%s", s.code, s.out, s.err)
	}
	if s := h.after(0, "renew", "--due", dir); s.code != 0 {
		t.Errorf("today: exit %d\n%s%s", s.code, s.out, s.err)
	}
	s := h.after(65, "renew", "--due", dir, "--dry-run")
	if s.code != 0 || !strings.Contains(s.err, "2 certificates are due") || !strings.Contains(s.err, "nas.lab.example") || !strings.Contains(s.err, "web.lab.example") ||
		strings.Contains(s.err, "young") || !strings.Contains(s.out, "2 would be renewed, 0 refused") {
		t.Errorf("a dry run: exit %d\n%s%s", s.code, s.out, s.err)
	}
	if after := files(); after != before {
		t.Errorf("a dry run wrote:\n%s", after)
	}
	s = h.after(65, "renew", "--due", dir, "--detailed-exitcode")
	if s.code != 0 || !strings.Contains(s.out, "2 renewed, 0 refused") || strings.Count(s.out, "✓")+strings.Count(s.out, "ok ") < 2 {
		t.Fatalf("exit %d\n%s%s", s.code, s.out, s.err)
	}
	day := time.Now().AddDate(0, 0, 65).Format(time.DateOnly)
	for old, renewed := range map[string]string{"nas.pem": "nas.lab.example-" + day + ".pem", "web/cert.pem": "web.lab.example-" + day + "/cert.pem"} {
		was, is := h.first(filepath.Join(dir, old)), h.first(filepath.Join(dir, renewed))
		if strings.Join(was.DNSNames, " ") != strings.Join(is.DNSNames, " ") || bytes.Equal(was.RawSubjectPublicKeyInfo, is.RawSubjectPublicKeyInfo) {
			t.Errorf("%s became %v with the key of before", old, is.DNSNames)
		}
	}
	for _, key := range []string{"nas.lab.example-" + day + ".key", "web.lab.example-" + day + "/key.pem"} {
		if info, err := os.Stat(filepath.Join(dir, key)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", key, info, err)
		}
	}
}

// One that fails has its line and exit code 9, and the others are renewed.
func TestWhatCannotBeRenewedCostsItselfAlone(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	for _, name := range []string{"nas", "web"} {
		h.done("issue", name+".lab.example", "--out", h.file(name+".pem"), "--key-file", h.file(name+".key"))
	}
	h.write("nas.lab.example-"+time.Now().AddDate(0, 0, 65).Format(time.DateOnly)+".pem", "in the way\n")
	s := h.after(65, "renew", "--due", h.file("nas.pem"), h.file("web.pem"), h.file("words"), "-o", "jsonl")
	if s.code != exitFaults || strings.Count(s.out, "\n") != 3 || strings.Count(s.out, `"ok":true`) != 1 || !strings.Contains(s.out, "holds no certificate") || !strings.Contains(s.out, "there already") {
		t.Errorf("exit %d\n%s%s", s.code, s.out, s.err)
	}
	for _, line := range []string{"renew --due", "renew --due x.pem --out y.pem", "renew --due nowhere"} {
		if s := h.after(0, strings.Fields(line)...); s.code != exitUsage && s.code != exitNotFound || !strings.Contains(s.err, "hint: ") {
			t.Errorf("%s: exit %d\n%s", line, s.code, s.err)
		}
	}
}

// Whoever can write into a directory puts no key of his there for a certificate of somebody
// else's name; a key that an earlier try has left is taken up.
func TestAKeyOfOthersIsNotCertifiedUnseen(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	h.done("issue", "nas.lab.example", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key"))
	h.done("issue", "other.lab.example", "--out", h.file("other.pem"), "--key-file", h.file("other.key"))
	key := h.file("nas.lab.example-" + time.Now().AddDate(0, 0, 65).Format(time.DateOnly) + ".key")
	if err := os.Rename(h.file("other.key"), key); err != nil {
		t.Fatal(err)
	}
	plant := func() error { return os.Chmod(key, 0o640) }
	if os.Geteuid() == 0 {
		plant = func() error { return os.Chown(key, 65534, -1) }
	}
	if err := plant(); err != nil {
		t.Fatal(err)
	}
	s := h.after(65, "renew", "--due", h.file("nas.pem"))
	if s.code != exitFaults || !strings.Contains(s.out, "may be known to others") {
		t.Errorf("exit %d\n%s%s", s.code, s.out, s.err)
	}
	if err := errors.Join(os.Chown(key, os.Geteuid(), -1), os.Chmod(key, 0o600)); err != nil {
		t.Fatal(err)
	}
	if s := h.after(65, "renew", "--due", h.file("nas.pem")); s.code != 0 || !strings.Contains(s.out, "1 renewed") {
		t.Errorf("exit %d\n%s%s", s.code, s.out, s.err)
	}
}

// A directory is looked through with those in it, and no deeper, however it is called.
func TestDueFilesAreLookedForOneDirectoryDown(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{"a.pem", "b/c.crt", "b/d/e.pem", "b/note.txt"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o700), os.WriteFile(filepath.Join(dir, path), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	for _, place := range []string{".", "./", dir, dir + "/", "b/.."} {
		paths, err := certificateFiles([]string{place})
		if err != nil || len(paths) != 2 || filepath.Base(paths[0]) != "a.pem" || filepath.Base(paths[1]) != "c.crt" {
			t.Errorf("%s has %q, %v", place, paths, err)
		}
	}
}

// A renewal that was cut off between the signature and the file goes on, also on another day:
// the service has a newer certificate, and nobody else has it.
func TestADueRenewalThatWasCutOffGoesOn(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	h.done("issue", "nas.lab.example", "--days", "80", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key"))
	h.done("issue", "web.lab.example", "--days", "80", "--out", h.file("web")+"/")
	places := []string{"renew", "--due", h.file("nas.pem"), h.file("web")}
	if s := h.after(65, places...); s.code != 0 || !strings.Contains(s.out, "2 renewed") {
		t.Fatalf("exit %d\n%s%s", s.code, s.out, s.err)
	}
	day := time.Now().AddDate(0, 0, 65).Format(time.DateOnly)
	for _, lost := range []string{"nas.lab.example-" + day + ".pem", "web.lab.example-" + day + "/cert.pem"} {
		was := h.first(h.file(lost))
		dir, name := filepath.Split(h.file(lost))
		for _, one := range []string{name, "fullchain.pem", "chain.pem", "key-cert.pem"} {
			if err := os.Remove(dir + one); err != nil && (one == name || !errors.Is(err, os.ErrNotExist)) {
				t.Fatal(err)
			}
		}
		if s := h.after(66, places...); s.code != 0 || !strings.Contains(s.out, "1 renewed") {
			t.Fatalf("exit %d\n%s%s", s.code, s.out, s.err)
		}
		if is := h.first(h.file(lost)); !bytes.Equal(was.Raw, is.Raw) {
			t.Errorf("%s was signed twice, as %x and %x", lost, was.SerialNumber, is.SerialNumber)
		}
	}
	if s := h.after(66, append(places, "--detailed-exitcode")...); s.code != exitNotDue {
		t.Errorf("exit %d\n%s%s", s.code, s.out, s.err)
	}
}

// Whoever may write into a directory has no certificate revoked by putting a copy there: the old
// one falls where its own key lies beside it, for this account alone.
func TestACopyOfACertificateHasNothingRevoked(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	if err := os.Mkdir(h.file("ssl"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"own", "copy", "swapped", "open", "linked"} {
		h.done("issue", name+".lab.example", "--out", h.file("ssl/"+name+".pem"), "--key-file", h.file("ssl/"+name+".key"))
	}
	h.done("issue", "web.lab.example", "--out", h.file("ssl/web")+"/")
	h.write("pass", "correct horse\n")
	h.done("issue", "sealed.lab.example", "--out", h.file("ssl/sealed.pem"), "--key-file", h.file("ssl/sealed.key"), "--encrypt-key", "--password-file", h.file("pass"))
	if err := errors.Join(os.Rename(h.file("ssl/copy.key"), h.file("elsewhere.key")), os.Rename(h.file("ssl/linked.key"), h.file("linked.key")),
		os.Symlink(h.file("linked.key"), h.file("ssl/linked.key")), os.Chmod(h.file("ssl/open.key"), 0o640),
		os.WriteFile(h.file("ssl/swapped.key"), []byte(h.read("ssl/own.key")), 0o600)); err != nil {
		t.Fatal(err)
	}
	sealed := []string{"renew", "--due", h.file("ssl/sealed.pem"), "--revoke-old", "now", "--dry-run", "--encrypt-key", "--password-file", h.file("pass")}
	if s := h.after(65, sealed...); s.code != 0 || strings.Contains(s.out, oldStays) {
		t.Errorf("with the password: exit %d\n%s%s", s.code, s.out, s.err)
	}
	s := h.after(65, "renew", "--due", h.file("ssl"), "--revoke-old", "now", "--dry-run")
	if s.code != 0 || strings.Count(s.out, oldStays) != 5 || strings.Contains(s.out, "own.lab.example") {
		t.Errorf("a dry run: exit %d\n%s%s", s.code, s.out, s.err)
	}
	s = h.after(65, "renew", "--due", h.file("ssl"), "--revoke-old", "now")
	if s.code != 0 || !strings.Contains(s.out, "7 renewed, 0 refused") || strings.Count(s.out, oldStays) != 5 {
		t.Fatalf("exit %d\n%s%s", s.code, s.out, s.err)
	}
	for old, revoked := range map[string]bool{"own.pem": true, "web/cert.pem": true, "copy.pem": false, "swapped.pem": false, "open.pem": false, "linked.pem": false, "sealed.pem": false} {
		if s := h.done("show", h.first(h.file("ssl/"+old)).SerialNumber.Text(16)); strings.Contains(s.out, "superseded") != revoked {
			t.Errorf("%s revoked: want %v\n%s", old, revoked, s.out)
		}
	}
}

// Two of one title that are due in one directory have files of their own: with a number, where
// they are renewed at once, and where one was renewed before on that day.
func TestTwoOfOneTitleAreRenewedOnOneDay(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	for name, profile := range map[string]string{"a": "server", "b": "device"} {
		h.done("issue", "nas.lab.example", "--profile", profile, "--days", "80", "--out", h.file(name+".pem"), "--key-file", h.file(name+".key"))
		h.done("issue", "web.lab.example", "--profile", profile, "--days", "80", "--out", h.file(name)+"/")
	}
	day := time.Now().AddDate(0, 0, 65).Format(time.DateOnly)
	due := func(want string, names ...string) {
		t.Helper()
		line := []string{"renew", "--due"}
		for _, name := range names {
			line = append(line, h.file(name))
		}
		if s := h.after(65, line...); s.code != 0 || !strings.Contains(s.out, want) {
			t.Fatalf("exit %d\n%s%s", s.code, s.out, s.err)
		}
	}
	due("3 renewed, 0 refused", "a.pem", "b.pem", "a")
	second := h.file("nas.lab.example-" + day + "-2.pem")
	lost := h.first(second)
	if err := os.Remove(second); err != nil { // as if it was cut off
		t.Fatal(err)
	}
	due("2 renewed, 0 refused", "b.pem", "b")
	if again := h.first(second); !bytes.Equal(again.Raw, lost.Raw) {
		t.Errorf("it was signed twice, as %x and %x", again.SerialNumber, lost.SerialNumber)
	}
	due("nothing is due", "a.pem", "b.pem", "a", "b")
	for old, renewed := range map[string]string{"a.pem": "nas.lab.example-" + day + ".pem", "b.pem": "nas.lab.example-" + day + "-2.pem",
		"a/cert.pem": "web.lab.example-" + day + "/cert.pem", "b/cert.pem": "web.lab.example-" + day + "-2/cert.pem"} {
		if was, is := h.first(h.file(old)), h.first(h.file(renewed)); !slices.Equal(was.ExtKeyUsage, is.ExtKeyUsage) || was.Subject.CommonName != is.Subject.CommonName {
			t.Errorf("%s is not %s once more: %v, %v", renewed, old, is.Subject, is.ExtKeyUsage)
		}
	}
}

func TestANumberStandsBehindADay(t *testing.T) {
	for text, want := range map[string]bool{
		"2027-06-30": true, "2027-06-30-2": true, "2027-06-30-12": true, "2027-06-30-1": false, "2027-06-30-": false, "2027-06-30x": false, "2027-06-31": false, "2027": false, "": false,
	} {
		if got := isNumberedDay(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
