// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var (
	// typed finds what looks like a command line of ours in any text.
	typed = regexp.MustCompile("(?m)(?:^|[ (\"`])chancery ([^\n`]+)")
	// nested finds a command whose answer is part of another.
	nested = regexp.MustCompile(`\$\(([^)\n]*)\)`)
	// separator finds what else begins with the program's name: names of formats, and
	// what is put together at run time.
	separator = regexp.MustCompile(`^(annotation|challenge|envelope|key wrap|profile|policy bundle|request|revocation feed|revoke|signer snapshot|token) v1|^(revocation feed salt|sole$)|^%`)
	// flagOf finds a flag in a hint that names no command.
	flagOf = regexp.MustCompile(`(?:^|[ (])--([a-z][a-z-]+)`)
	// route finds a path of the API, method a call of the signer's sockets.
	route  = regexp.MustCompile(`"/api/v1/([a-z{}/]+)"`)
	method = regexp.MustCompile(`handle\(mux, s, "([a-z-]+)"`)
	pageOf = regexp.MustCompile(`docs/[a-z0-9/-]+\.md`)
)

// What a hint, an example or a page tells to type exists: the command, and each of
// its flags. A hint that cannot be followed is worse than none.
func TestEachHintNamesWhatExists(t *testing.T) {
	t.Parallel()
	root := (&app{env: os.Getenv}).root()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	top, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	look := func(where, text string) {
		for _, m := range nested.FindAllStringSubmatch(text, -1) {
			text += "\n" + m[1] // apart from the line that it stands in
		}
		for _, m := range typed.FindAllStringSubmatch(nested.ReplaceAllString(text, "…"), -1) {
			if separator.MatchString(m[1]) {
				continue
			}
			lines++
			if wrong := mistyped(root, m[1]); wrong != "" {
				t.Errorf("%s: chancery %s\n\t%s", where, m[1], wrong)
			}
		}
	}
	everyCommand(root, func(c *cobra.Command) {
		if words := strings.Fields(c.CommandPath() + " - -"); slices.Contains([]string{"completion", "help", "run"}, words[1]) {
			return // cobra's own, and what only a service manager types
		}
		look("help of "+c.CommandPath(), c.Example+"\n"+c.Long)
		if c.Runnable() && c.Example == "" {
			t.Errorf("%s has no example", c.CommandPath())
		}
	})
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/adr/*.md"} {
		pages, err := filepath.Glob(filepath.Join(top, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, page := range pages {
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			look(filepath.Base(page), string(text))
		}
	}
	known := flagsOfAll(root)
	literals(t, top, func(where, text string) {
		look(where, text)
		for _, page := range pageOf.FindAllString(text, -1) {
			if _, err := os.Stat(filepath.Join(top, page)); err != nil {
				t.Errorf("%s: there is no %s", where, page)
			}
		}
		for _, m := range flagOf.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(known, m[1]) {
				t.Errorf("%s: no command has a flag --%s: %q", where, m[1], text)
			}
		}
	})
	if lines < 100 {
		t.Errorf("only %d lines were found, so this test looks at the wrong places", lines)
	}
}

// mistyped says what is wrong with a command line, as far as it is one.
func mistyped(root *cobra.Command, line string) string {
	c, flags := root, []string{}
	named := false // an argument came, so no further command may follow
	skip := false
	quoted := false // what another program is told
	for _, word := range strings.Fields(line) {
		opens, closes := strings.HasPrefix(word, "'"), len(word) > 1 && strings.HasSuffix(word, "'")
		if quoted || opens && !closes {
			quoted = !closes
			continue
		}
		end := strings.ContainsAny(word[len(word)-1:], ".,;:)\"'") || strings.HasPrefix(word, "#")
		word = strings.TrimRight(word, ".,;:)\"'")
		switch {
		case slices.Contains([]string{"|", ">", "&&", "<", "#", "and", "or", "again", ""}, word):
			end = true
		case skip:
			skip = false
		case strings.HasPrefix(word, "--"):
			name, _, with := strings.Cut(word[2:], "=")
			flags = append(flags, name)
			skip = name == "dir" && !with
		case strings.HasPrefix(word, "-") && word != "-":
			flags = append(flags, word[1:])
		case named:
		default:
			sub := slices.IndexFunc(c.Commands(), func(s *cobra.Command) bool { return s.Name() == word })
			switch {
			case sub >= 0:
				c = c.Commands()[sub]
			case c.HasSubCommands() && word == strings.ToLower(word) && word != "…" && word != "help":
				return "there is no command " + strconv.Quote(c.CommandPath()+" "+word)
			default:
				named = true
			}
		}
		if end {
			break
		}
	}
	c.InitDefaultHelpFlag()
	for _, name := range flags {
		if c.Flags().Lookup(name) == nil && c.InheritedFlags().Lookup(name) == nil && c.PersistentFlags().Lookup(name) == nil &&
			(len(name) != 1 || c.Flags().ShorthandLookup(name) == nil && c.InheritedFlags().ShorthandLookup(name) == nil) {
			return strconv.Quote(c.CommandPath()) + " has no flag " + name
		}
	}
	return ""
}

func everyCommand(c *cobra.Command, do func(*cobra.Command)) {
	do(c)
	for _, sub := range c.Commands() {
		everyCommand(sub, do)
	}
}

func flagsOfAll(root *cobra.Command) (names []string) {
	everyCommand(root, func(c *cobra.Command) {
		c.InitDefaultHelpFlag()
		c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		c.PersistentFlags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	})
	return names
}

// literals gives every string in the program's sources, tests apart; the command
// that a.says makes a line of is given as that line.
func literals(t *testing.T, top string, do func(where, text string)) {
	t.Helper()
	files := token.NewFileSet()
	// What git does not know yet is somebody's work in progress.
	list, err := exec.CommandContext(t.Context(), "git", "-C", top, "ls-files", "--", "*.go").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.Lines(string(list)) {
		name = strings.TrimSpace(name)
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "bench/") || strings.HasPrefix(name, "tools/") || strings.HasPrefix(name, "internal/pgtest/") || strings.HasPrefix(name, "internal/fronts/") {
			continue
		}
		f, err := parser.ParseFile(files, filepath.Join(top, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Error(err) // moved or removed, and not committed
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if s, ok := call.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "says" && len(call.Args) == 1 {
					do(name+": says", "chancery "+first(call.Args[0]))
				}
			}
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				text, err := strconv.Unquote(l.Value)
				if err != nil {
					t.Error(err)
				}
				do(fmt.Sprintf("%s:%d", name, files.Position(l.Pos()).Line), text)
			}
			return true
		})
	}
}

// first is the string that an expression begins with.
func first(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BinaryExpr:
		return first(e.X)
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		if err == nil {
			return text
		}
	}
	return "…"
}

// Who writes a client of his own finds every call in docs/sockets.md.
func TestEachCallStandsInThePage(t *testing.T) {
	t.Parallel()
	read := func(parts ...string) string {
		text, err := os.ReadFile(filepath.Join(append([]string{"..", ".."}, parts...)...))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	page, found := read("docs", "sockets.md"), 0
	for pattern, text := range map[*regexp.Regexp]string{route: read("api", "api.go"), method: read("signer", "wire", "server.go")} {
		for _, m := range pattern.FindAllStringSubmatch(text, -1) {
			found++
			if !strings.Contains(page, " "+m[1]+"`") && !strings.Contains(page, "`"+m[1]+"`") {
				t.Errorf("docs/sockets.md does not know %s", m[1])
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d calls were found", found)
	}
}
