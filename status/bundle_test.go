// SPDX-License-Identifier: Apache-2.0

package status

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chancery/ca"
	"chancery/format"
)

// generations are a root, an old and a new authority below it, and one of another line.
func generations(t *testing.T) []ca.Authority {
	t.Helper()
	root := newMaker(t).issuer
	all := []ca.Authority{
		{Name: "root-g1", Line: "root", Kind: ca.Root, Parent: "root-g1", State: ca.Active, Version: 1, Certificate: root.Raw, NotBefore: root.NotBefore, NotAfter: root.NotAfter},
	}
	for _, line := range []string{"issuing-g1", "issuing-g2", "users-g1"} {
		all = append(all, ca.Authority{Name: line, Line: line[:len(line)-3], Kind: ca.Issuing, Parent: "root-g1", State: ca.Active, Version: 1, Certificate: newMaker(t).issuer.Raw})
	}
	return all
}

func ders(all ...ca.Authority) (out [][]byte) {
	for _, a := range all {
		out = append(out, a.Certificate)
	}
	return out
}

// R7, R24: bundles and chains lie at addresses that stay, in each form, with their
// types, and are what they say.
func TestR7_R24_BundlesAndChainsLieAtTheirAddresses(t *testing.T) {
	all := generations(t)
	h := New(Options{Shelf: &shelf{all: all}, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	password := func() ([]byte, error) { return []byte(StorePassword), nil }
	issuing := [][]byte{all[0].Certificate, all[1].Certificate, all[2].Certificate}
	for path, tt := range map[string]struct {
		media string
		want  [][]byte
	}{
		"bundle.pem":                   {"application/pem-certificate-chain", ders(all...)},
		"bundle.p7b":                   {"application/x-pkcs7-certificates", ders(all...)},
		"roots.bundle.pem":             {"application/pem-certificate-chain", ders(ca.BundleOf(all, "").Roots().Members...)},
		"issuing.roots.bundle.p7b":     {"application/x-pkcs7-certificates", ders(ca.BundleOf(all, "issuing").Roots().Members...)},
		"issuing.bundle.pem":           {"application/pem-certificate-chain", issuing},
		"issuing.bundle.p7b":           {"application/x-pkcs7-certificates", issuing},
		"issuing.bundle.jks":           {"application/x-java-keystore", issuing},
		"issuing.bundle.p12":           {"application/x-pkcs12", issuing},
		"users-g1.chain.pem":           {"application/pem-certificate-chain", ders(all[3], all[0])},
		"users-g1.chain-reverse.pem":   {"application/pem-certificate-chain", ders(all[0], all[3])},
		"root-g1.chain.pem":            {"application/pem-certificate-chain", ders(all[0])},
		"issuing-g2.chain-no-root.pem": {"application/pem-certificate-chain", ders(all[2])},
	} {
		w := ask(h, "GET", "/pki/"+path)
		found, err := format.Read(w.Body.Bytes(), password)
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != tt.media || err != nil || !slices.EqualFunc(format.DERs(found.Certificates), tt.want, bytes.Equal) {
			t.Errorf("%s: %d %s, %v, %d certificates, want %d", path, w.Code, w.Header().Get("Content-Type"), err, len(found.Certificates), len(tt.want))
		}
		etag := w.Header().Get("ETag")
		if again := ask(h, "GET", "/pki/"+path, "If-None-Match", etag); again.Code != http.StatusNotModified {
			t.Errorf("%s: its ETag is not known again: %d", path, again.Code)
		}
		fresh := New(Options{Shelf: &shelf{all: all}, Log: slog.New(slog.DiscardHandler), Now: time.Now})
		if other := ask(fresh, "GET", "/pki/"+path); !bytes.Equal(other.Body.Bytes(), w.Body.Bytes()) {
			t.Errorf("%s: made twice, it is not the same", path)
		}
	}
	b := ca.BundleOf(all, "")
	w := ask(h, "GET", "/pki/bundle.pem")
	digits := hex.EncodeToString(b.Hash[:])
	if got, want := w.Header().Get("Chancery-Bundle"), "4 sha256="+digits; got != want {
		t.Errorf("Chancery-Bundle: %s, want %s", got, want)
	}
	if head := "# Trust bundle 4 of all lines\n# sha256 " + digits + "\n# made of root-g1, issuing-g1, issuing-g2, users-g1\n\n# root-g1: root, active, until "; !strings.HasPrefix(w.Body.String(), head) {
		t.Errorf("it begins\n%.200s", w.Body)
	}
	for _, path := range []string{
		"nobody.bundle.pem", "nobody.roots.bundle.pem", ".roots.bundle.pem", "bundle.der", "issuing.bundle.", "issuing.bundle", "bundle.", ".bundle.pem", "issuing.bundle.pem.pem", "Issuing.bundle.pem",
		"nobody.chain.pem", "users-g1.chain", ".chain.pem", "users-g1.chain-x.pem", "users-g1.chain.chain.pem", "bundle.bundle.pem", "users-g1.chain-no-root.p7b",
	} {
		if w := ask(h, "GET", "/pki/"+path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// Whoever asks costs nothing: files are made once, the book is read once in a while,
// and what is not there is not kept. A change is there after that while.
func TestStrangersMakeNoWorkByAskingForBundles(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := &shelf{all: generations(t)}
	d := &door{o: Options{Shelf: s, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }}, known: &known{}}
	h := d.handler()
	first := ask(h, "GET", "/pki/issuing.bundle.p12").Body.Bytes()
	for i := range 50 {
		ask(h, "GET", fmt.Sprintf("/pki/nobody-%d.bundle.p12", i))
		if w := ask(h, "GET", "/pki/issuing.bundle.p12"); !bytes.Equal(w.Body.Bytes(), first) {
			t.Fatal("it became another file")
		}
	}
	if s.reads != 1 || len(d.known.files) != 1 {
		t.Errorf("the book was read %d times, and %d files are kept", s.reads, len(d.known.files))
	}
	number := func() string {
		return strings.Fields(ask(h, "GET", "/pki/issuing.bundle.pem").Header().Get("Chancery-Bundle") + " ?")[0]
	}
	if n := number(); n != "3" {
		t.Errorf("bundle %s, want 3", n)
	}
	changed := slices.Clone(s.all)
	changed[1].State, changed[1].Version = ca.Retired, 2
	s.all = changed
	if n := number(); n != "3" {
		t.Errorf("at once: bundle %s", n)
	}
	now = now.Add(bookRefresh)
	if n := number(); n != "4" {
		t.Errorf("a while later: bundle %s, want 4", n)
	}
	if w := ask(h, "GET", "/pki/issuing.bundle.pem"); strings.Contains(w.Body.String(), "issuing-g1") {
		t.Errorf("a retired generation is handed out:\n%s", w.Body)
	}
	// The database is gone: what was known is still said.
	s.err, now = errors.New("gone"), now.Add(1000*time.Hour)
	if n := number(); n != "4" {
		t.Errorf("without the database: bundle %s", n)
	}
}

// A certificate that was renewed is at its address soon, not when the service is
// started again.
func TestARenewedCertificateTakesItsPlace(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := &shelf{all: []ca.Authority{{Name: "issuing-g1", Version: 1, Certificate: []byte("old")}}}
	h := New(Options{Shelf: s, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }})
	ask(h, "GET", "/pki/issuing-g1.crt")
	s.all = []ca.Authority{{Name: "issuing-g1", Version: 2, Certificate: []byte("new")}}
	now = now.Add(bookRefresh)
	if w := ask(h, "GET", "/pki/issuing-g1.crt"); w.Body.String() != "new" {
		t.Errorf("it is %q", w.Body)
	}
}

// Many who ask at once get the same, whichever of them is the first.
func TestManyAskAtOnce(t *testing.T) {
	all := generations(t)
	h := New(Options{Shelf: &shelf{all: all}, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	ask(h, "GET", "/pki/root-g1.crt")
	var wait sync.WaitGroup
	answers := make([][]byte, 32)
	for i := range answers {
		wait.Go(func() {
			ask(h, "GET", "/pki/users-g1.chain.pem")
			answers[i] = ask(h, "GET", "/pki/bundle.jks").Body.Bytes()
		})
	}
	wait.Wait()
	for _, body := range answers {
		if len(body) == 0 || !bytes.Equal(body, answers[0]) {
			t.Fatal("two got different files")
		}
	}
}
