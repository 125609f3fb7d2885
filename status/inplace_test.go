// SPDX-License-Identifier: Apache-2.0

package status

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chancery/ca"
)

// RV-04: what somebody put in the place of a list or a feed is noticed, and new ones are made.
func TestRV04_AListThatSomebodyPutBackIsReplaced(t *testing.T) {
	m, dir := newMaker(t), t.TempDir()
	p := m.publisher(dir)
	p.round(t.Context(), true)
	path := listPath(dir, "issuing-g1.delta")
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p.Revoked("issuing-g1", ca.KeyCompromise)
	p.round(t.Context(), false)
	for name, spoil := range map[string]func() error{
		"an older one": func() error { return os.WriteFile(path, old, 0o600) },
		"an older one, by name and with its time": func() error {
			other := filepath.Join(t.TempDir(), "old")
			if err := os.WriteFile(other, old, 0o600); err != nil {
				return err
			}
			if err := os.Chtimes(other, time.Now(), time.Now().Add(-time.Hour)); err != nil {
				return err
			}
			return os.Rename(other, path)
		},
		"the same with a bit turned": func() error {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			b[len(b)-3] ^= 1
			if err := os.WriteFile(path, b, 0o600); err != nil {
				return err
			}
			return os.Chtimes(path, time.Now(), time.Now().Add(time.Second)) // the test may be faster than the file's clock
		},
		"nothing": func() error { return os.Remove(path) },
	} {
		made := m.count()
		p.round(t.Context(), false)
		if m.count() != made {
			t.Errorf("before %s: %d lists are made unasked", name, m.count()-made)
		}
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		p.round(t.Context(), false)
		if h, err := p.head("issuing-g1.delta"); err != nil || h.number != m.number || m.count() != made+1 {
			t.Errorf("%s: list %d is there, %v, and %d were made, the newest %d", name, h.number, err, m.count()-made, m.number)
		}
	}
}

func TestAFeedThatSomebodyPutBackIsReplaced(t *testing.T) {
	for _, delta := range []bool{false, true} {
		s := newStall(t)
		s.of.NotAfter = time.Now().AddDate(1, 0, 0)
		s.issues(10)
		f := s.feeder()
		f.round(t.Context(), true)
		path := feedPath(s.dir, s.of.Name, delta)
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, made := f.round(t.Context(), false); made {
			t.Error("feeds are made unasked")
		}
		turned := bytes.Clone(file)
		turned[len(turned)-3] ^= 1
		if err := os.WriteFile(path, turned, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Now(), time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, made := f.round(t.Context(), false); !made {
			t.Error("nobody notices")
		}
		s.reads()
		if _, made := f.round(t.Context(), false); made {
			t.Error("feeds are made again and again")
		}
	}
}

// RV-04: what was exchanged while no service ran is replaced at the next start, whatever number
// it gives itself; while the keys are locked a list of nobody's is not served.
func TestRV04_AListThatWasExchangedWhileNobodyServedIsReplaced(t *testing.T) {
	m, dir := newMaker(t), t.TempDir()
	m.publisher(dir).round(t.Context(), true)
	stranger := newMaker(t)
	stranger.number = 1 << 50
	forged := stranger.list(time.Now(), 7)
	path := listPath(dir, "issuing-g1")
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	turned := bytes.Clone(old)
	turned[len(turned)-3] ^= 1
	for _, tt := range []struct {
		name  string
		put   []byte
		taken bool
	}{
		{"an older one", old, false},
		{"one of nobody's", forged, true},
		{"one with a bit turned", turned, true},
		{"no list", []byte("It works!"), true},
	} {
		if err := os.WriteFile(path, tt.put, 0o600); err != nil {
			t.Fatal(err)
		}
		p := m.publisher(dir)
		m.fails(ca.Locked(ca.E3001, "locked", "unlock"))
		p.round(t.Context(), true)
		if _, err := os.Stat(path); (err != nil) != tt.taken {
			t.Errorf("%s, while the keys are locked: %v", tt.name, err)
		}
		m.fails(nil)
		p.round(t.Context(), false)
		if _, err := p.judge(ca.Authority{Name: "issuing-g1", SPKI: m.issuer.RawSubjectPublicKeyInfo}, "issuing-g1"); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if h, err := p.head("issuing-g1"); err != nil || h.number != m.number {
			t.Errorf("%s: list %d is there, %v, and the newest is %d", tt.name, h.number, err, m.number)
		}
		made := m.count()
		p.round(t.Context(), false)
		if m.count() != made {
			t.Errorf("%s: lists are made again and again", tt.name)
		}
	}
}

// RV-04: a list of a root that is not the one made last is told, once, for as long as it lies
// there; nobody can make it again without its words, so it stays.
func TestRV04_ARootsListThatSomebodyPutBackIsTold(t *testing.T) {
	m, dir := newMaker(t), t.TempDir()
	root := ca.Authority{Name: "root-g1", Kind: ca.Root, State: ca.Active, SPKI: m.issuer.RawSubjectPublicKeyInfo, NotAfter: time.Now().AddDate(1, 0, 0)}
	made := func(number int64) []byte {
		m.number = number
		return m.list(time.Now(), 7)
	}
	first, second, later := made(1001), made(1002), made(1003)
	forged := newMaker(t)
	forged.number = 1 << 50
	for _, tt := range []struct {
		name   string
		lies   []byte // when the service starts; nil is none
		newest int64  // as the signer tells
		put    []byte // while it runs; nil leaves it, an empty one takes it away
		want   string
	}{
		{"as it was made", second, 1002, nil, ""},
		{"none was made", nil, 0, nil, ""},
		{"exchanged while the service was down", first, 1002, nil, "root-g1: list 1001 is there, and list 1002 was made"},
		{"made in a ceremony meanwhile", second, 1002, later, ""},
		{"an older one", second, 1002, first, "root-g1: list 1001 is there, and list 1002 was made"},
		{"an older one, of a signer that tells nothing", second, 0, first, "root-g1: list 1001 is there, and list 1002 was made"},
		{"one of nobody's", second, 1002, forged.list(time.Now(), 7), "root-g1: its signature is wrong"},
		{"one of nobody's while the service was down", forged.list(time.Now(), 7), 1002, nil, "root-g1: its signature is wrong"},
		{"no list", second, 1002, []byte("It works!"), "root-g1: read a revocation list: not a whole revocation list in DER"},
		{"nothing", second, 1002, []byte{}, "root-g1: list 1002 was made, and cannot be read: no such file or directory"},
		{"lost while the service was down", nil, 1002, nil, "root-g1: list 1002 was made, and cannot be read: no such file or directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := listPath(dir, "root-g1")
			put := func(list []byte) {
				t.Helper()
				if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Fatal(err)
				}
				if len(list) > 0 {
					if err := os.WriteFile(path, list, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			m.newest = tt.newest
			var told bytes.Buffer
			p := NewPublisher(Options{Shelf: &shelf{all: []ca.Authority{root}}, Lists: dir, Log: slog.New(slog.NewTextHandler(&told, nil)), Now: time.Now}, rootMaker{m})
			put(tt.lies)
			p.round(t.Context(), true)
			if tt.put != nil {
				put(tt.put)
			}
			p.round(t.Context(), false)
			p.round(t.Context(), false)
			got, lines := "", strings.Count(told.String(), "\n")
			if err := p.Spoilt(root); err != nil {
				got = err.Error()
			}
			if got != tt.want || (lines == 1) != (tt.want != "") {
				t.Errorf("%q, want %q; told %s", got, tt.want, &told)
			}
			put(later)
			p.round(t.Context(), false)
			if err := p.Spoilt(root); err != nil || strings.Count(told.String(), "level=ERROR") > 1 {
				t.Errorf("after it was made again: %v, told %s", err, &told)
			}
			if m.count() != 0 {
				t.Error("the service makes lists of a root")
			}
		})
	}
}

// A rootMaker knows of complete lists alone.
type rootMaker struct{ *maker }

func (m rootMaker) Newest(name string) int64 {
	if name != "root-g1" {
		return 0
	}
	return m.maker.Newest(name)
}

// A feed that was exchanged while no service ran is replaced at the next start, whatever number
// it gives itself, and no delta is put upon it.
func TestAFeedThatWasExchangedWhileNobodyServedIsReplaced(t *testing.T) {
	for _, delta := range []bool{false, true} {
		s := newStall(t)
		s.issues(10)
		s.feeder().round(t.Context(), true)
		path := feedPath(s.dir, s.of.Name, delta)
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		turned, high := bytes.Clone(file), bytes.Clone(file)
		turned[len(turned)-3] ^= 1
		at := bytes.Index(high, binary.BigEndian.AppendUint64(nil, uint64(s.made[len(s.made)-1].Number)))
		if !delta {
			at = bytes.Index(high, binary.BigEndian.AppendUint64(nil, uint64(s.made[0].Number)))
		}
		high[at] = 0x10
		for name, put := range map[string][]byte{"a bit turned": turned, "a high number": high, "no feed": []byte("It works!"), "nothing": {}} {
			if err := os.WriteFile(path, put, 0o600); err != nil {
				t.Fatal(err)
			}
			f := s.feeder()
			if _, made := f.round(t.Context(), true); !made {
				t.Errorf("%s: nothing is made at the start", name)
			}
			s.reads()
			if _, err := GenuineFeed(s.dir, s.of, delta); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if _, made := f.round(t.Context(), false); made {
				t.Errorf("%s: feeds are made again and again", name)
			}
		}
	}
}
