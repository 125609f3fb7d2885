// SPDX-License-Identifier: Apache-2.0

package arch

import (
	"fmt"
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestEachListedRequirementIsNamedByATestOrALimit(t *testing.T) {
	list, err := os.ReadFile("ids.txt")
	if err != nil {
		t.Fatal(err)
	}
	limits, err := os.ReadFile(filepath.Join("..", "..", "docs", "limits.md"))
	if err != nil {
		t.Fatal(err)
	}
	report(t, checkIDs(here(t), string(list), string(limits)))
}

// anID is a security rule (SG-01), a requirement (R47), a scenario (T12) or a rule that
// every command keeps (T-03).
var anID = regexp.MustCompile(`^(?:[A-Z]{2}-[0-9]{2}|T-[01][0-9]|[RT][1-9][0-9]{0,2})$`)

// inName and inText find ids in names of tests, where a rule loses its hyphen and
// begins the name or follows an underscore, and in comments.
var (
	inName = regexp.MustCompile(`^(?:[A-Z]{2}[0-9]{2}|T0[1-9]|[RT][1-9][0-9]{0,2})`)
	inText = regexp.MustCompile(`\b(?:[A-Z]{2}-[0-9]{2}|T-[01][0-9]|[RT][1-9][0-9]{0,2})\b`)
)

// checkIDs holds the list against the names and comments of tests, and against
// the limits, which say what is not done and why.
func checkIDs(t *tree, list, limits string) []string {
	named := make(map[string]bool)
	for _, id := range inText.FindAllString(limits, -1) {
		named[id] = true
	}
	for _, s := range t.sources {
		// This package speaks about ids in general; only the names of its tests count.
		if s.test {
			s.idsOfNames(named)
		}
		if s.test && s.pkg != "internal/arch" {
			s.idsOfComments(named)
		}
	}
	var findings []string
	var before string
	for i, id := range ids(list) {
		switch {
		case !anID.MatchString(id):
			findings = append(findings, fmt.Sprintf("ids.txt: %q is no id", id))
		case i > 0 && id <= before:
			findings = append(findings, fmt.Sprintf("ids.txt: %s stands after %s; keep the list sorted and each id once", id, before))
		case !named[id]:
			findings = append(findings, fmt.Sprintf("ids.txt: %s is named by no test and by no limit", id))
		}
		before = id
	}
	return findings
}

// ids are the lines of the list; an empty line and one that begins with # count for nothing.
func ids(list string) []string {
	lines := strings.Split(list, "\n")
	return slices.DeleteFunc(lines, func(l string) bool { return l == "" || l[0] == '#' })
}

// idsOfNames adds what tests, benchmarks and fuzz targets are named after.
func (s *source) idsOfNames(named map[string]bool) {
	for _, d := range s.syntax.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv != nil {
			continue
		}
		for _, prefix := range []string{"Test", "Fuzz", "Benchmark"} {
			rest, ok := strings.CutPrefix(f.Name.Name, prefix)
			if !ok {
				continue
			}
			for part := range strings.SplitSeq(rest, "_") {
				named[hyphen(inName.FindString(part))] = true
			}
		}
	}
}

// idsOfComments adds what the comments of a file name.
func (s *source) idsOfComments(named map[string]bool) {
	for _, group := range s.syntax.Comments {
		for _, id := range inText.FindAllString(group.Text(), -1) {
			named[id] = true
		}
	}
}

// hyphen turns SG01 into SG-01, T03 into T-03, and leaves R47 alone. T16 in a name may be
// a rule or a scenario: a comment says T-16.
func hyphen(word string) string {
	if strings.HasPrefix(word, "T0") {
		return "T-" + word[1:]
	}
	if len(word) == 4 && word[1] >= 'A' {
		return word[:2] + "-" + word[2:]
	}
	return word
}
