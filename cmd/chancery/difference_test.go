// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

func TestDifference(t *testing.T) {
	for _, c := range []struct{ what, before, after, want string }{
		{"nothing", "a\nb\n", "a\nb\n", ""},
		{"one line", "a\nb\nc\nd\ne\nf\n", "a\nb\nc\nX\ne\nf\n", "    b|    c|  - d|  + X|    e|    f"},
		{"a new text", "", "a\nb\n", "  + a|  + b"},
		{"no text any more", "a\n", "", "  - a"},
		{"an insertion between equal lines", "x\nx\n", "x\ny\nx\n", "    x|  + y|    x"},
		{"far apart", "1\n2\n3\n4\n5\n6\n7\n8\n", "1\n2\n3\n4\n5\n6\n7\n9\n", "    6|    7|  - 8|  + 9"},
	} {
		if got := strings.ReplaceAll(strings.TrimSuffix(difference(c.before, c.after), "\n"), "\n", "|"); got != c.want {
			t.Errorf("%s:\n%s\nwanted\n%s", c.what, got, c.want)
		}
	}
	if long := strings.Repeat("a\n", maxCompared); difference(long, "b") != "the document is too long to be compared here\n" {
		t.Error("a text without bound is compared")
	}
}
