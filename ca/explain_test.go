// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestEachCodeHasWordsOfItsOwn(t *testing.T) {
	form := regexp.MustCompile(`^[a-z]+(-[a-z]+)*(\.[a-z]+(-[a-z]+)*)?$`)
	words := map[string]Code{}
	all := Codes()
	for _, e := range all {
		if !form.MatchString(e.Words) || e.Title == "" || e.Text == "" || strings.Count(e.Text, "\n") > 19 {
			t.Errorf("%s: words %q, title %q", e.Code, e.Words, e.Title)
		}
		if other, taken := words[e.Words]; taken {
			t.Errorf("%s and %s are both %q", other, e.Code, e.Words)
		}
		words[e.Words] = e.Code
	}
	if !slices.IsSortedFunc(all, func(a, b Explanation) int { return strings.Compare(string(a.Code), string(b.Code)) }) {
		t.Error("the registry is not in order of code")
	}
}
