// SPDX-License-Identifier: Apache-2.0

package status

import (
	"bytes"
	"os"
	"path/filepath"
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
