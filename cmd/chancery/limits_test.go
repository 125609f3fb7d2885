// SPDX-License-Identifier: Apache-2.0

package main

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	// ceiling is a row of the page with numbers and the constants they are of.
	ceiling = regexp.MustCompile("(?m)^\\| (.+) \\| ([^|]+) \\| (`.+`) \\|$")
	amount  = regexp.MustCompile(`(\d+(?: \d{3})*)(?: (KiB|MiB|GiB|seconds|minutes|hours|ms))?`)
	quoted  = regexp.MustCompile("`([^`]+)`")
)

// What docs/limits.md says stands in the code: each number is that of its constant.
func TestTheCeilingsOfThePageAreThoseOfTheCode(t *testing.T) {
	t.Parallel()
	top, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(top, "docs", "limits.md"))
	if err != nil {
		t.Fatal(err)
	}
	known := constantsOf(t, top)
	rows := ceiling.FindAllStringSubmatch(string(page), -1)
	if len(rows) < 30 {
		t.Errorf("only %d rows were found", len(rows))
	}
	for _, row := range rows {
		// "7, 10, 365 days" gives all three the unit, which for days is none.
		numbers := amount.FindAllStringSubmatch(row[2], -1)
		names := quoted.FindAllStringSubmatch(row[3], -1)
		if len(numbers) != len(names) {
			t.Errorf("%s: %d numbers for %d constants", row[1], len(numbers), len(names))
			continue
		}
		for i, n := range names {
			at := strings.LastIndex(n[1], ".")
			have := known.value(n[1][:at], n[1][at+1:])
			want := constant.BinaryOp(constant.MakeFromLiteral(strings.ReplaceAll(numbers[i][1], " ", ""), token.INT, 0), token.MUL, unit(numbers[i][2]))
			if have.Kind() != constant.Int || !constant.Compare(have, token.EQL, want) {
				t.Errorf("%s: %s is %s in the code, and %s on the page", row[1], n[1], have, want)
			}
		}
	}
}

func unit(name string) constant.Value {
	return constant.MakeInt64(map[string]int64{
		"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "ms": 1e6, "seconds": 1e9, "minutes": 60e9, "hours": 3600e9,
	}[name])
}

// constants are those of the program, by folder and name.
type constants map[string]ast.Expr

func constantsOf(t *testing.T, top string) constants {
	t.Helper()
	list, err := exec.CommandContext(t.Context(), "git", "-C", top, "ls-files", "--", "*.go").Output()
	if err != nil {
		t.Fatal(err)
	}
	known := constants{}
	for name := range strings.Lines(string(list)) {
		name = strings.TrimSpace(name)
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(top, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, s := range g.Specs {
				v := s.(*ast.ValueSpec)
				for i, id := range v.Names {
					if i < len(v.Values) {
						known[path.Dir(name)+"."+id.Name] = v.Values[i]
					}
				}
			}
		}
	}
	return known
}

// value works out a constant; it is unknown if there is none, or it is not of the
// plain kind.
func (k constants) value(folder, name string) constant.Value {
	e, ok := k[folder+"."+name]
	if !ok {
		return constant.MakeUnknown()
	}
	return k.work(folder, e)
}

func (k constants) work(folder string, e ast.Expr) constant.Value {
	switch e := e.(type) {
	case *ast.BasicLit:
		return constant.ToInt(constant.MakeFromLiteral(e.Value, e.Kind, 0))
	case *ast.Ident:
		return k.value(folder, e.Name)
	case *ast.ParenExpr:
		return k.work(folder, e.X)
	case *ast.SelectorExpr:
		of, ok := e.X.(*ast.Ident)
		if !ok {
			break
		}
		if of.Name == "time" {
			return unit(map[string]string{"Millisecond": "ms", "Second": "seconds", "Minute": "minutes", "Hour": "hours"}[e.Sel.Name])
		}
		return k.value(of.Name, e.Sel.Name)
	case *ast.BinaryExpr:
		x, y := k.work(folder, e.X), k.work(folder, e.Y)
		if x.Kind() != constant.Int || y.Kind() != constant.Int {
			break
		}
		if by, ok := constant.Uint64Val(y); ok && e.Op == token.SHL {
			return constant.Shift(x, e.Op, uint(by))
		}
		return constant.BinaryOp(x, e.Op, y)
	}
	return constant.MakeUnknown()
}
