// SPDX-License-Identifier: Apache-2.0

package arch

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// head makes a file sound in all but what a case is about.
const head = licence + "\n\n// Package p is here to be judged.\npackage p\n"

// A check that finds nothing proves nothing, unless it is seen to find.
func TestEachCheckFindsWhatItLooksFor(t *testing.T) {
	long := strings.Repeat("\n", maxFileLines)
	for _, c := range []struct {
		name  string
		check func(*tree) []string
		files map[string]string
		want  string // part of the one finding
	}{
		{"a rule imports a verb", checkImports,
			map[string]string{"policy/a.go": head + `import _ "chancery/lifecycle"`}, "policy may not import lifecycle"},
		{"neighbours", checkImports,
			map[string]string{"check/a.go": head + `import _ "chancery/encode"`}, "check may not import encode"},
		{"a package nobody listed", checkImports,
			map[string]string{"helpers/a.go": head}, "package helpers has no line"},
		{"the program imports what is for tests", checkImports,
			map[string]string{"cmd/chancery/a.go": head + `import _ "chancery/internal/sim"`}, "cmd/chancery may not import internal/sim"},
		{"the nouns do I/O", checkImports,
			map[string]string{"ca/a.go": head + `import _ "os"`}, "ca may not import os"},
		{"the nouns do I/O below", checkImports,
			map[string]string{"ca/a.go": head + `import _ "net/http"`}, "ca may not import net/http"},
		{"the nouns use a module", checkImports,
			map[string]string{"ca/a.go": head + `import _ "golang.org/x/mod/semver"`}, "standard library only"},
		{"whatever the build tag", checkImports,
			map[string]string{"ca/a.go": licence + "\n\n//go:build plan9\n\npackage p\n" + `import _ "os"`}, "ca may not import os"},
		{"a long file", checkSizes,
			map[string]string{"ca/a.go": head + long}, "lines, more than 600"},
		{"a long test file", checkSizes,
			map[string]string{"ca/a_test.go": head + long}, "lines, more than 600"},
		{"a long function", checkSizes,
			map[string]string{"ca/a.go": head + "func f() {" + strings.Repeat("\n", maxFuncLines) + "}"}, "function f has 101 lines"},
		{"a long method", checkSizes,
			map[string]string{"ca/a.go": head + "type t int\nfunc (t) f() {" + strings.Repeat("\n", maxFuncLines) + "}"}, "function f has 101 lines"},
		{"many parameters", checkSizes,
			map[string]string{"ca/a.go": head + "func f(a, b, c int, d, e, g string) {}"}, "6 parameters"},
		{"many parameters of a literal", checkSizes,
			map[string]string{"ca/a.go": head + "var f = func(a, b, c int, d, e, g string) {}"}, "6 parameters"},
		{"many parameters in a test", checkSizes,
			map[string]string{"ca/a_test.go": head + "func f(a, b, c int, d, e, g string) {}"}, "6 parameters"},
		{"a large interface", checkSizes,
			map[string]string{"ca/a.go": head + "type i interface{ A(); B(); C(); D(); E(); F() }"}, "interface ca.i has 6 methods"},
		{"an interface large by what it embeds", checkSizes,
			map[string]string{
				"ca/a.go": head + "type i interface{ j; A(); B(); C() }",
				"ca/b.go": head + "type j interface{ D(); E(); F() }",
			}, "interface ca.i has 6 methods"},
		{"the excuse is for one interface", checkSizes,
			map[string]string{"ca/a.go": head + "type File interface{ A(); B(); C(); D(); E(); F() }"}, "interface ca.File has 6 methods"},
		{"files that all just fit", checkDistribution,
			map[string]string{"ca/a.go": head + strings.Repeat("\n", medFileLines)}, "median"},
		{"no licence", checkHeads,
			map[string]string{"ca/a.go": "// Package p is here.\npackage p\n"}, "the first line is not"},
		{"no package comment", checkHeads,
			map[string]string{"ca/a.go": licence + "\n\npackage p\n"}, "no file has a package comment"},
		{"the licence is no package comment", checkHeads,
			map[string]string{"ca/a_test.go": head, "ca/b.go": licence + "\n\npackage p\n"}, "no file has a package comment"},
		{"the wall clock", checkClock,
			map[string]string{"ca/a.go": head + "import \"time\"\nvar t = time.Now()"}, "time.Now reads"},
		{"the wall clock as a value", checkClock,
			map[string]string{"ca/a.go": head + "import \"time\"\nvar now = time.Now"}, "time.Now reads"},
		{"the wall clock under another name", checkClock,
			map[string]string{"ca/a.go": head + "import clock \"time\"\nvar t = clock.Since(clock.Time{})"}, "time.Since reads"},
		{"the wall clock with no name", checkClock,
			map[string]string{"ca/a.go": head + "import . \"time\"\nvar t = Now()"}, "dot import"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantOne(t, c.check(grow(t, c.files)), c.want)
		})
	}
}

func TestASignerThatReachesHTTPIsFound(t *testing.T) {
	for _, c := range []struct{ name, imported, want string }{
		{"at once", "net/http", "signer/softkey reaches net/http: signer/softkey → ca → net/http"},
		{"behind the standard library", "net/rpc", "signer/softkey reaches net/http: signer/softkey → ca → net/rpc → net/http"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := grow(t, map[string]string{
				"signer/softkey/a.go":      head + `import _ "chancery/ca"`,
				"signer/softkey/a_test.go": head + `import _ "database/sql"`, // a test is not in the program
				"ca/a.go":                  head + fmt.Sprintf("import _ %q", c.imported),
				"api/a.go":                 head + `import _ "net/http"`,
			})
			findings, err := checkReach(tr)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range findings {
				if strings.HasPrefix(f, "signer/softkey reaches net/http") {
					got = append(got, f)
				}
			}
			wantOne(t, got, c.want)
			if strings.Contains(strings.Join(findings, "\n"), "database/sql") {
				t.Errorf("an import of a test was counted: %q", findings)
			}
		})
	}
}

func TestASoundTreeHasNoFindings(t *testing.T) {
	tr := grow(t, map[string]string{
		"ca/a.go":              head + "import \"net/netip\"\nfunc f(a, b, c, d, e netip.Addr) {}",
		"ca/a_test.go":         head + "import (_ \"os\"; \"time\")\nvar t = time.Now()\nvar f = func(a, b, c, d, e, g int) {}",
		"policy/a.go":          head + `import (_ "chancery/ca"; _ "chancery/internal/strict")`,
		"signer/journal/a.go":  head + "type File interface{ A(); B(); C(); D(); E(); F(); G() }",
		"cmd/chancery/a.go":    head + "import (_ \"chancery/store\"; \"time\")\nvar t = time.Now()",
		"ca/testdata/src/b.go": "not Go at all",
		"bench/own/go.mod":     "module own",
		"bench/own/deep/b.go":  "nor this",
	})
	for _, check := range []func(*tree) []string{checkImports, checkSizes, checkDistribution, checkHeads, checkClock} {
		report(t, check(tr))
	}
}

func TestAnIDThatNothingNamesIsFound(t *testing.T) {
	tr := grow(t, map[string]string{
		"ca/a_test.go": head + "func TestSG01Name(){}\nfunc TestX_KY04_Y(){}\n// LN-03: a comment; R47.\nfunc TestY(){}",
		"ca/a.go":      head + "// SN-01 in the program proves nothing.",
	})
	for _, c := range []struct{ name, list, want string }{
		{"named by no one", "SG-02\n", "SG-02 is named by no test"},
		{"a longer number", "R4\n", "R4 is named by no test"},
		{"only the program names it", "SN-01\n", "SN-01 is named by no test"},
		{"twice", "R47\nR47\n", "keep the list sorted"},
		{"unsorted", "R47\nLN-03\n", "keep the list sorted"},
		{"no id", "some words\n", "is no id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantOne(t, checkIDs(tr, c.list, "AU-06 is not done"), c.want)
		})
	}
	report(t, checkIDs(tr, "# a comment\n\nAU-06\nKY-04\nLN-03\nR47\nSG-01\n", "AU-06 is not done"))
}

// grow writes files into a folder and reads them as a tree.
func grow(t *testing.T, files map[string]string) *tree {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		p := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tr, err := readTree(root, func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func wantOne(t *testing.T, findings []string, want string) {
	t.Helper()
	if len(findings) != 1 || !strings.Contains(findings[0], want) {
		t.Errorf("findings %q; want one with %q", findings, want)
	}
}
