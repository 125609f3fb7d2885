// SPDX-License-Identifier: Apache-2.0

package arch

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A source is one Go file.
type source struct {
	path   string // from the root of the tree, with slashes
	pkg    string // its folder
	test   bool
	text   string
	syntax *ast.File
}

// A tree is all Go files of a repository, parsed. Files are read whatever their
// build tags say: a rule does not depend on the platform.
type tree struct {
	root    string
	fset    *token.FileSet
	sources []*source
}

// readTree reads the files below root for which keep is true.
func readTree(root string, keep func(name string) bool) (*tree, error) {
	t := &tree{root: root, fset: token.NewFileSet()}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if d.IsDir() {
			base := path.Base(name)
			if name != "." && (base == "testdata" || base[0] == '.' || base[0] == '_' || isModule(p)) {
				return fs.SkipDir // as the go command does
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || !keep(name) {
			return nil
		}
		return t.add(name)
	})
	if err != nil {
		return nil, fmt.Errorf("read the tree %s: %w", root, err)
	}
	return t, nil
}

// isModule says whether a folder has a go.mod of its own, as the workshop's tools
// and the peers of the benchmarks do: what they import is not in the program.
func isModule(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	return err == nil
}

func (t *tree) add(name string) error {
	text, err := os.ReadFile(filepath.Join(t.root, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	syntax, err := parser.ParseFile(t.fset, name, text, parser.ParseComments)
	if err != nil {
		return err
	}
	t.sources = append(t.sources, &source{
		path: name, pkg: path.Dir(name), test: strings.HasSuffix(name, "_test.go"),
		text: string(text), syntax: syntax,
	})
	return nil
}

// program is the sources that are no tests.
func (t *tree) program() []*source {
	return slices.DeleteFunc(slices.Clone(t.sources), func(s *source) bool { return s.test })
}

// packages lists the folders that hold Go files, sorted.
func (t *tree) packages() []string {
	var out []string
	for _, s := range t.sources {
		out = append(out, s.pkg)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (t *tree) line(p token.Pos) int { return t.fset.Position(p).Line }

// imports lists the import paths of a file.
func (s *source) imports() []string {
	var out []string
	for _, spec := range s.syntax.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			p = spec.Path.Value // cannot be: the parser has checked it
		}
		out = append(out, p)
	}
	return out
}

// own turns an import path of ours into a folder.
func own(importPath string) (string, bool) {
	return strings.CutPrefix(importPath, module+"/")
}

// here reads the tree this test stands in: the files that git tracks, because a
// file that is being written is nobody's business yet; where there is no git, as
// in an unpacked archive, all.
func here(t *testing.T) *tree {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	keep := func(string) bool { return true }
	// A cached result of this test must not outlive a change of what is tracked.
	if _, err := os.Stat(filepath.Join(root, ".git", "index")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Log(err)
	}
	cmd := exec.Command("git", "ls-files", "-z")
	cmd.Dir = root
	if out, err := cmd.Output(); err == nil {
		tracked := make(map[string]bool)
		for name := range bytes.SplitSeq(out, []byte{0}) {
			tracked[string(name)] = true
		}
		keep = func(name string) bool { return tracked[name] }
	}
	tr, err := readTree(root, keep)
	if err != nil {
		t.Fatal(err)
	}
	if len(tr.sources) < 20 {
		t.Fatalf("%d Go files found in %s: the checks would look at nothing", len(tr.sources), root)
	}
	return tr
}
