// SPDX-License-Identifier: Apache-2.0

package arch

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
	"testing"
)

func TestFilesFunctionsAndInterfacesStayWithinBudget(t *testing.T) {
	report(t, checkSizes(here(t)))
}

func TestTheUsualFileIsShort(t *testing.T) {
	report(t, checkDistribution(here(t)))
}

func TestEachFileNamesItsLicenceAndEachPackageItsPurpose(t *testing.T) {
	report(t, checkHeads(here(t)))
}

// TI-04: one clock, handed in.
func TestTI04_TheWallClockIsReadInOnePlace(t *testing.T) {
	report(t, checkClock(here(t)))
}

func checkSizes(t *tree) []string {
	var findings []string
	for _, s := range t.sources {
		if n := strings.Count(s.text, "\n"); n > maxFileLines {
			findings = append(findings, fmt.Sprintf("%s: %d lines, more than %d", s.path, n, maxFileLines))
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if lines := t.length(n); !s.test && lines > maxFuncLines {
					findings = append(findings, fmt.Sprintf("%s:%d: function %s has %d lines, more than %d",
						s.path, t.line(n.Pos()), n.Name.Name, lines, maxFuncLines))
				}
				if c := n.Type.Params.NumFields(); s.test && c > maxParams {
					findings = append(findings, fmt.Sprintf("%s:%d: function %s has %d parameters, more than %d",
						s.path, t.line(n.Pos()), n.Name.Name, c, maxParams))
				}
			case *ast.FuncType:
				// In tests literals are free: a fuzz target has one for each field it varies.
				if c := n.Params.NumFields(); !s.test && c > maxParams && !slices.Contains(foreignSignatures, s.path) {
					findings = append(findings, fmt.Sprintf("%s:%d: a function of %d parameters, more than %d",
						s.path, t.line(n.Pos()), c, maxParams))
				}
			case *ast.TypeSpec:
				name := s.pkg + "." + n.Name.Name
				if c := t.methods(s.pkg, n.Type); c > maxMethods && !slices.Contains(largeInterfaces, name) {
					findings = append(findings, fmt.Sprintf("%s:%d: interface %s has %d methods, more than %d",
						s.path, t.line(n.Pos()), name, c, maxMethods))
				}
			}
			return true
		})
	}
	return findings
}

// length is the number of lines from the word func to the last brace.
func (t *tree) length(f *ast.FuncDecl) int {
	return t.line(f.End()) - t.line(f.Pos()) + 1
}

// methods counts the methods of an interface type, and gives 0 for other types.
// Interfaces of the same package that it embeds count with theirs; one from
// elsewhere counts as one method.
func (t *tree) methods(pkg string, typ ast.Expr) int {
	i, ok := typ.(*ast.InterfaceType)
	if !ok {
		return 0
	}
	n := 0
	for _, f := range i.Methods.List {
		if len(f.Names) > 0 {
			n += len(f.Names)
			continue
		}
		inner := 0
		if id, ok := f.Type.(*ast.Ident); ok {
			inner = t.methods(pkg, t.declared(pkg, id.Name))
		}
		n += max(inner, 1)
	}
	return n
}

// declared finds the type a package declares under a name, or nil.
func (t *tree) declared(pkg, name string) ast.Expr {
	for _, s := range t.sources {
		if s.pkg != pkg {
			continue
		}
		for _, d := range s.syntax.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range g.Specs {
				if ts, ok := spec.(*ast.TypeSpec); ok && ts.Name.Name == name {
					return ts.Type
				}
			}
		}
	}
	return nil
}

// checkDistribution looks at the whole: a tree in which each file just fits under
// the ceiling has the shape that the ceiling was to prevent.
func checkDistribution(t *tree) []string {
	var files, funcs []int
	for _, s := range t.program() {
		files = append(files, strings.Count(s.text, "\n"))
		for _, d := range s.syntax.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				funcs = append(funcs, t.length(f))
			}
		}
	}
	var findings []string
	for _, b := range []struct {
		what    string
		of      []int
		percent int
		budget  int
	}{
		{"lines of a file, median", files, 50, medFileLines},
		{"lines of a file, 95th percentile", files, 95, p95FileLines},
		{"lines of a function, 99th percentile", funcs, 99, p99FuncLines},
	} {
		if got := percentile(b.of, b.percent); got > b.budget {
			findings = append(findings, fmt.Sprintf("%s: %d, more than %d", b.what, got, b.budget))
		}
	}
	return findings
}

func percentile(of []int, percent int) int {
	if len(of) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(of))
	return sorted[(len(sorted)-1)*percent/100]
}

func checkHeads(t *tree) []string {
	var findings []string
	commented := make(map[string]bool)
	for _, s := range t.sources {
		if first, _, _ := strings.Cut(s.text, "\n"); first != licence {
			findings = append(findings, fmt.Sprintf("%s: the first line is not %q", s.path, licence))
		}
		if !s.test && s.syntax.Doc != nil && strings.TrimSpace(s.syntax.Doc.Text()) != "" {
			commented[s.pkg] = true
		}
	}
	for _, pkg := range t.packages() {
		if !commented[pkg] {
			findings = append(findings, fmt.Sprintf("%s: no file has a package comment", pkg))
		}
	}
	return findings
}

func checkClock(t *tree) []string {
	var findings []string
	for _, s := range t.program() {
		if slices.Contains(clockOwners, s.pkg) {
			continue
		}
		name := s.nameOf("time")
		if name == "." {
			findings = append(findings, fmt.Sprintf("%s: a dot import of package time hides who reads the clock", s.path))
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok || !slices.Contains(wallClock, sel.Sel.Name) {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == name {
				findings = append(findings, fmt.Sprintf("%s:%d: time.%s reads the wall clock; take a time or a func() time.Time",
					s.path, t.line(sel.Pos()), sel.Sel.Name))
			}
			return true
		})
	}
	return findings
}

// nameOf is the name a file calls a package by, or "" if it does not import it.
// The package's last path element must be its name.
func (s *source) nameOf(importPath string) string {
	for i, p := range s.imports() {
		if p != importPath {
			continue
		}
		if name := s.syntax.Imports[i].Name; name != nil {
			return name.Name
		}
		return importPath[strings.LastIndex(importPath, "/")+1:]
	}
	return ""
}
