// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chancery/ca"
)

// faulted demands what Inspect says of a book; an empty code is no fault.
func faulted(t *testing.T, o Options, code ca.Code) {
	t.Helper()
	_, err := Inspect(t.Context(), o)
	var p *ca.Problem
	if code == "" && err != nil || code != "" && (!errors.As(err, &p) || p.Code != code || p.Fix == "") {
		t.Errorf("Inspect of %+v says %v, want code %q", o, err, code)
	}
}

func TestABookInUseIsInspectedAndLeftAlone(t *testing.T) {
	onEngines(t, func(t *testing.T, dsn string) {
		s := openBook(t, dsn)
		commit(t, s, 5, change(4, "a.example"))
		faulted(t, Options{DSN: dsn, LogID: testLog}, "")
		faulted(t, Options{DSN: dsn}, "")
		faulted(t, Options{DSN: dsn, LogID: "ff"}, ca.E1405)
		commit(t, s, 6, change(5, "b.example"))
		if engine, _ := Inspect(t.Context(), Options{DSN: dsn}); engine != s.Engine() {
			t.Errorf("the engine is called %q", engine)
		}
		raw(t, s, `UPDATE `+schemaTable+` SET version_id = 999`)
		faulted(t, Options{DSN: dsn, LogID: testLog}, ca.E1405)
	})
}

func TestFilesThatAreNoWholeBookAreToldApart(t *testing.T) {
	dir := t.TempDir()
	text, empty, missing := filepath.Join(dir, "text"), filepath.Join(dir, "empty"), filepath.Join(dir, "missing")
	if err := errors.Join(os.WriteFile(text, []byte(strings.Repeat("no database ", 200)), 0o600), os.WriteFile(empty, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	faulted(t, Options{DSN: text}, ca.E1405)
	faulted(t, Options{DSN: empty}, ca.E1405)
	if _, err := Inspect(t.Context(), Options{DSN: missing}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("inspecting made a database")
	}
	dsn := filepath.Join(dir, "book.db")
	s := openBook(t, dsn)
	for n := range int64(50) {
		commit(t, s, n+2, change(n+1, strings.Repeat("a", 60)+".example"))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(dsn, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	// All but the first pages, which hold the header and the schema.
	_, err = f.WriteAt([]byte(strings.Repeat("\xa5", int(info.Size()-1<<16))), 1<<16)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	faulted(t, Options{DSN: dsn, LogID: testLog}, ca.E1409)
}
