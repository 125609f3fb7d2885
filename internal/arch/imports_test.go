// SPDX-License-Identifier: Apache-2.0

package arch

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestEachPackageImportsOnlyWhatTheRuleAllows(t *testing.T) {
	report(t, checkImports(here(t)))
}

func TestTheSignerReachesNoHTTPNoSQLNoPages(t *testing.T) {
	findings, err := checkReach(here(t))
	if err != nil {
		t.Fatal(err)
	}
	report(t, findings)
}

func report(t *testing.T, findings []string) {
	t.Helper()
	for _, f := range findings {
		t.Error(f)
	}
}

// checkImports holds what files import by name against the rule. Tests may import
// what they like: an encoder is an oracle of a checker, and the other way round.
func checkImports(t *tree) []string {
	var findings []string
	for _, s := range t.program() {
		rule, listed := may[s.pkg]
		if !listed {
			findings = append(findings, fmt.Sprintf("%s: package %s has no line in the import rule", s.path, s.pkg))
			continue
		}
		allowed := append(strings.Fields(rule), everybodys...)
		for _, imp := range s.imports() {
			if folder, ok := own(imp); ok {
				if rule != anything && !slices.Contains(allowed, folder) || slices.Contains(testsOnly, folder) && !slices.Contains(testsOnly, s.pkg) {
					findings = append(findings, fmt.Sprintf("%s: %s may not import %s", s.path, s.pkg, folder))
				}
				continue
			}
			if ban := notDirectly[s.pkg]; within(imp, ban.paths) && !within(imp, ban.but) {
				findings = append(findings, fmt.Sprintf("%s: %s may not import %s", s.path, s.pkg, imp))
			}
			if slices.Contains(standardOnly, s.pkg) && strings.Contains(strings.Split(imp, "/")[0], ".") {
				findings = append(findings, fmt.Sprintf("%s: %s may import the standard library only, not %s", s.path, s.pkg, imp))
			}
		}
	}
	return findings
}

// within says whether an import path is one of those, or below one.
func within(imp string, paths []string) bool {
	return slices.ContainsFunc(paths, func(p string) bool {
		return imp == p || strings.HasPrefix(imp, p+"/")
	})
}

// checkReach follows imports to their end. Ours are known from the sources, so
// that a package which does not build at the moment is no obstacle; what lies
// behind the others is asked of the go command.
func checkReach(t *tree) ([]string, error) {
	graph := make(map[string][]string)
	foreign := make(map[string]bool)
	for _, s := range t.program() {
		for _, imp := range s.imports() {
			if folder, ok := own(imp); ok {
				imp = folder
			} else if imp != "C" && imp != "unsafe" {
				foreign[imp] = true
			}
			graph[s.pkg] = append(graph[s.pkg], imp)
		}
	}
	guarded := make(map[string]bool) // the foreign imports behind guarded packages
	for pkg := range notEvenThroughOthers {
		for _, p := range reach(graph, pkg) {
			if foreign[p] {
				guarded[p] = true
			}
		}
	}
	if err := addForeign(graph, t.root, guarded); err != nil {
		return nil, err
	}
	var findings []string
	for pkg, banned := range notEvenThroughOthers {
		for _, p := range reach(graph, pkg) {
			if slices.Contains(banned, p) {
				findings = append(findings, fmt.Sprintf("%s reaches %s: %s", pkg, p, strings.Join(road(graph, pkg, p), " → ")))
			}
		}
	}
	slices.Sort(findings)
	return findings, nil
}

// addForeign adds what packages that are not ours import, to their ends.
func addForeign(graph map[string][]string, root string, packages map[string]bool) error {
	if len(packages) == 0 {
		return nil
	}
	args := []string{"list", "-deps", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "--"}
	for p := range packages {
		args = append(args, p)
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go list -deps: %w\n%s", err, stderr(err))
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		graph[words[0]] = words[1:]
	}
	return nil
}

func stderr(err error) string {
	if e, ok := err.(*exec.ExitError); ok {
		return string(e.Stderr)
	}
	return ""
}

// reach lists everything a package imports directly or through others, sorted.
func reach(graph map[string][]string, from string) []string {
	seen := make(map[string]bool)
	queue := []string{from}
	for len(queue) > 0 {
		p := queue[0]
		queue = queue[1:]
		for _, next := range graph[p] {
			if !seen[next] {
				seen[next] = true
				queue = append(queue, next)
			}
		}
	}
	var out []string
	for p := range seen {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

// road is a shortest chain of imports between two packages, for the message.
func road(graph map[string][]string, from, to string) []string {
	before := map[string]string{from: ""}
	queue := []string{from}
	for len(queue) > 0 && before[to] == "" {
		p := queue[0]
		queue = queue[1:]
		for _, next := range graph[p] {
			if _, seen := before[next]; !seen {
				before[next] = p
				queue = append(queue, next)
			}
		}
	}
	var out []string
	for p := to; p != ""; p = before[p] {
		out = append(out, p)
	}
	slices.Reverse(out)
	return out
}
