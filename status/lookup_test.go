// SPDX-License-Identifier: Apache-2.0

package status

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"chancery/ca"
)

// A list of any length has what is on it and nothing else, whichever page it is on.
func TestAListHasWhatIsOnIt(t *testing.T) {
	m := newMaker(t)
	for _, n := range []int{0, 1, 2, pageEntries - 1, pageEntries, pageEntries + 1, 3 * pageEntries, 1000} {
		dir := t.TempDir()
		m.revoked = n
		der := m.list(time.Now(), 7)
		if err := Place(dir, "issuing-g1", bytes.NewReader(der)); err != nil {
			t.Fatal(err)
		}
		l, err := Open(dir, "issuing-g1")
		if err != nil {
			t.Fatal(err)
		}
		want, err := x509.ParseRevocationList(der)
		if err != nil {
			t.Fatal(err)
		}
		tbs, err := l.TBS()
		if err != nil || tbs != sha256.Sum256(want.RawTBSRevocationList) || l.Number != want.Number.Int64() || !l.NextUpdate.Equal(want.NextUpdate) {
			t.Errorf("%d entries: %v, %+v", n, err, l)
		}
		for i := range n + 3 {
			serial, err := ca.SerialFromBytes(big.NewInt(int64(i + 1)).Bytes())
			if err != nil {
				t.Fatal(err)
			}
			if has, err := l.Has(serial); err != nil || has != (i < n) {
				t.Errorf("serial %s of %d entries: %v, %v", serial, n, has, err)
			}
		}
		// What was opened stays what it was.
		m.number++
		if err := Place(dir, "issuing-g1", bytes.NewReader(m.list(time.Now(), 7))); err != nil {
			t.Fatal(err)
		}
		if again, err := l.TBS(); err != nil || again != tbs {
			t.Errorf("it became another list: %v", err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAListWhoseEntriesAreDamagedIsNotSearched(t *testing.T) {
	m := newMaker(t)
	m.revoked = 3
	der := m.list(time.Now(), 7)
	l, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	first, third := bytes.Index(der, l.RevokedCertificateEntries[0].Raw), bytes.Index(der, l.RevokedCertificateEntries[2].Raw)
	for name, spoil := range map[string]func(b []byte){
		"no entry":             func(b []byte) { b[first] = 0x31 },
		"a wrong length":       func(b []byte) { b[first+1] = 0x7f },
		"serials that descend": func(b []byte) { b[first+4] = 9 },
		"a last one cut":       func(b []byte) { b[third+1]++ },
	} {
		dir := t.TempDir()
		spoilt := bytes.Clone(der)
		spoil(spoilt)
		if err := os.WriteFile(listPath(dir, "x"), spoilt, 0o600); err != nil {
			t.Fatal(err)
		}
		one, err := Open(dir, "x")
		if err != nil {
			t.Fatal(err)
		}
		if has, err := one.Has("02"); !errors.Is(err, errNoList) {
			t.Errorf("%s: %v, %v", name, has, err)
		}
		if err := one.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestPublishedNamesTheListsAlone(t *testing.T) {
	dir := t.TempDir()
	if _, err := Published(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a directory: %v", err)
	}
	for _, name := range []string{"b-g1.crl", "a-g1.crl", "a-g1.delta.crl", "a-g1.s3.crl", "a-g1.more.crl", ".new-1.crl", "A.crl", "notes", ".crl"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := Published(dir); err != nil || !slices.Equal(names, []string{"a-g1", "a-g1.delta", "a-g1.s3", "b-g1"}) {
		t.Errorf("%q, %v", names, err)
	}
	if l, err := Open(dir, "a-g1"); err == nil {
		t.Errorf("an empty file was opened: %+v", l)
	}
}
