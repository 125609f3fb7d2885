// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/rand"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"chancery/signer/softkey"
)

// A source is the program as it is written: what each of its functions uses of it.
type source struct {
	info  *types.Info
	decls map[types.Object]ast.Node
	// uses is the one literal of each verb, by the first line of its help.
	literals map[string]ast.Node
}

// nothing imports no package: what others export is not asked here.
type nothing struct{}

func (nothing) Import(path string) (*types.Package, error) {
	p := types.NewPackage(path, filepath.Base(path))
	p.MarkComplete()
	return p, nil
}

// newSource reads this package without its tests.
func newSource(t *testing.T) source {
	t.Helper()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	s := source{&types.Info{Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{}}, map[types.Object]ast.Node{}, map[string]ast.Node{}}
	c := types.Config{Importer: nothing{}, Error: func(error) {}} // what is imported is unknown
	_, _ = c.Check("main", set, files, s.info)
	for _, f := range files {
		for _, d := range f.Decls {
			fn, is := d.(*ast.FuncDecl)
			if !is || fn.Body == nil {
				continue
			}
			s.decls[s.info.Defs[fn.Name]] = fn.Body
			s.commands(fn.Body)
		}
	}
	return s
}

// commands finds the literals of commands in a function. One that makes a single command
// is that command's as a whole; of several, each is its literal.
func (s source) commands(body ast.Node) {
	found := map[string]ast.Node{}
	ast.Inspect(body, func(n ast.Node) bool {
		lit, is := n.(*ast.CompositeLit)
		if !is {
			return true
		}
		if sel, is := lit.Type.(*ast.SelectorExpr); !is || sel.Sel.Name != "Command" {
			return true
		}
		for _, e := range lit.Elts {
			if kv, is := e.(*ast.KeyValueExpr); is && kv.Key.(*ast.Ident).Name == "Short" {
				if text, is := kv.Value.(*ast.BasicLit); is {
					found[constant.StringVal(constant.MakeFromLiteral(text.Value, token.STRING, 0))] = lit
				}
			}
		}
		return true
	})
	for short, lit := range found {
		if len(found) == 1 {
			lit = body
		}
		s.literals[short] = lit
	}
}

// reached are the objects of this package that a node leads to.
func (s source) reached(from ast.Node) map[types.Object]bool {
	seen := map[types.Object]bool{}
	var walk func(ast.Node)
	walk = func(n ast.Node) {
		ast.Inspect(n, func(n ast.Node) bool {
			id, is := n.(*ast.Ident)
			if !is {
				return true
			}
			o := s.info.Uses[id]
			if o == nil || seen[o] {
				return true
			}
			seen[o] = true
			if body := s.decls[o]; body != nil {
				walk(body)
			}
			return true
		})
	}
	walk(from)
	return seen
}

// T-02: each prompt has a flag. Nothing is read from a terminal but for one (byFlag), and
// every verb that can come to a prompt has the flag which answers it.
func TestT02_EachPromptOfAVerbIsAFlagOfIt(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	asking, prompts := 0, map[string]bool{}
	for name, c := range verbs(t) {
		from := s.literals[c.Short]
		if strings.HasPrefix(name, "completion ") || changes[name] == runs {
			continue // cobra's own, and what ends with Ctrl-C alone
		}
		if from == nil {
			t.Errorf("the source of %s is not found by %q", name, c.Short)
			continue
		}
		flags, listens := s.prompts(from)
		for _, flag := range flags {
			prompts[flag] = true
			if flag == string(byYes) && changes[name] == reads {
				continue // the way is shared with a verb that changes something
			}
			if c.Flags().Lookup(flag) == nil {
				t.Errorf("%s can ask for what --%s says, and has no such flag", name, flag)
			}
		}
		if listens && len(flags) == 0 {
			t.Errorf("%s reads from the terminal, and no flag says it", name)
		}
		if listens {
			asking++
		}
	}
	if asking < 15 || len(prompts) < 10 {
		t.Errorf("only %d verbs with %d prompts were found", asking, len(prompts))
	}
	// Whatever reads a line goes by typed, which takes the flag.
	for o, body := range s.decls {
		for used := range usedIn(s, body) {
			if used.Name() == "readLine" && o.Name() != "typed" {
				t.Errorf("%s reads a line without a flag", o.Name())
			}
		}
	}
}

// prompts are the flags that answer what a node can come to ask; listens tells whether it
// can read from a terminal at all.
func (s source) prompts(from ast.Node) (flags []string, listens bool) {
	for o := range s.reached(from) {
		listens = listens || o.Name() == "typed" && s.decls[o] != nil
		if c, is := o.(*types.Const); is && strings.HasSuffix(c.Type().String(), ".byFlag") {
			flags = append(flags, constant.StringVal(c.Val()))
		}
	}
	return flags, listens
}

// usedIn are the objects that one function names itself.
func usedIn(s source, body ast.Node) map[types.Object]bool {
	all := map[types.Object]bool{}
	ast.Inspect(body, func(n ast.Node) bool {
		if id, is := n.(*ast.Ident); is && s.info.Uses[id] != nil {
			all[s.info.Uses[id]] = true
		}
		return true
	})
	return all
}

// T-02: without a terminal one refusal names all that is missing: with the flags that it
// names the same line is not refused for its form any more. Every verb that changes
// something is typed with its arguments and without its flags.
func TestT02_OneRefusalNamesAllThatIsMissing(t *testing.T) {
	t.Parallel()
	d, variables := stage(t)
	closed, _ := d.inputs()
	foreign, err := softkey.NewWords(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d.write("foreign", foreign.Reveal()) // the form is right, and they open nothing: that is quicker
	d.write("pass", "a passphrase of seven words for the test")
	lines := map[string]string{
		"ca rollover root":  "ca rollover root-g1 --recovery-file words --own-recovery-file FRESH",
		"ca create root":    "ca create lab3-g1 --root --org Lab --own-recovery-file FRESH",
		"crl publish root":  "crl publish --ca root-g1 --recovery-file words",
		"export-csr sealed": "ca export-csr pol-g1 --intermediate --recovery-file words",
		"issue p12":         "issue p12.lab.example --p12 new.p12 --password-file pass",
		"issue sealed":      "issue sealed.lab.example --encrypt-key --password-file pass",
		"key unlock words":  "key unlock --words --password-file words",
		"recover void":      "recover --void 7 --confirm 7",
		"revoke":            "revoke app.lab.example --confirm app.lab.example",
		"revoke many":       "revoke --profile server --confirm 9",
		"init prompt":       "init --names other.example --dir other2 --unlock prompt --password-file pass --recovery-file FRESH",
	}
	program, all := newSource(t), verbs(t)
	for name, line := range changes {
		if line == reads || line == runs {
			continue
		}
		flags, _ := program.prompts(program.literals[all[name].Short])
		if lines[name] != "" {
			continue
		}
		if len(flags) > 0 && name != "sign" { // which signs what it was given, and says so
			lines[name] = name + " " + line
		}
	}
	many := 0
	for i, name := range slices.Sorted(maps.Keys(lines)) {
		fresh := fmt.Sprint("fresh", i)
		full := strings.Fields(strings.NewReplacer("API", d.api, "FRESH", fresh).Replace(lines[name]))
		bare := without(full, answering...)
		s := d.within(closed, variables, bare...)
		if s.code != exitUsage {
			continue // nothing was missing, or it is refused for something else
		}
		values := map[string]string{"recovery-file": "foreign", "own-recovery-file": fresh, "password-file": "pass"}
		switch {
		case bare[0] == "init":
			values["recovery-file"] = fresh
		case slices.Contains(bare, "--words"):
			values["password-file"] = "foreign"
		}
		_, hint, _ := strings.Cut(s.err, "  hint: ")
		named := flagIn.FindAllStringSubmatch(hint, -1)
		again := slices.Clone(bare)
		for _, m := range named {
			value := m[2]
			switch value {
			case "FILE":
				value = values[m[1]]
			case "YYYY-MM-DD":
				value = time.Now().Format(time.DateOnly)
			}
			again = append(again, "--"+m[1])
			if value != "" {
				again = append(again, value)
			}
		}
		if len(named) > 1 {
			many++
		}
		if s := d.within(closed, variables, again...); s.code == exitUsage {
			t.Errorf("%s is refused for its form: %s\nand then %s too: %s", bare, hint, again, s.err)
		}
	}
	if many < 3 {
		t.Errorf("only %d of these lack more than one flag", many)
	}
}

// answering are the flags that answer what would be asked.
var answering = []string{"--yes", "--confirm", "--password-file", "--recovery-file", "--own-recovery-file", "--names"}

var flagIn = regexp.MustCompile(`--([a-z-]+)(?: ([^ \n-][^ \n]*))?`)

// without leaves flags out of a line, with their values.
func without(line []string, flags ...string) (out []string) {
	for i := 0; i < len(line); i++ {
		if !slices.Contains(flags, line[i]) {
			out = append(out, line[i])
		} else if line[i] != "--yes" {
			i++
		}
	}
	return out
}

// What a hint gives to type is one word for a shell: bare, or in quotes.
func TestAHintsWordIsOneWord(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{"nas.lab.example": "nas.lab.example", "/srv/all.pem": "/srv/all.pem", "-": "-", "": `""`, "a b": `"a b"`, "x;rm": `"x;rm"`, "*.lab.example": `"*.lab.example"`, "a\nb": `"a\nb"`} {
		if got := typeable(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}
