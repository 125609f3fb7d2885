// SPDX-License-Identifier: Apache-2.0

package main

import "strings"

// maxCompared bounds a comparison in lines of both texts, which takes time in their
// product: a profile's document has tens.
const maxCompared = 4000

// difference shows two texts by lines, as diff -u does: those that go with -, those that
// come with +, and around them two lines that stay.
func difference(before, after string) string {
	a, b := strings.Split(strings.TrimSuffix(before, "\n"), "\n"), strings.Split(strings.TrimSuffix(after, "\n"), "\n")
	if before == "" {
		a = nil
	}
	if after == "" {
		b = nil
	}
	if len(a)+len(b) > maxCompared {
		return "the document is too long to be compared here\n"
	}
	lines := compared(a, b)
	var out strings.Builder
	for i, l := range lines {
		near := false
		for j := max(0, i-2); j <= min(len(lines)-1, i+2); j++ {
			near = near || lines[j][0] != ' '
		}
		if near {
			out.WriteString("  " + l + "\n")
		}
	}
	return out.String()
}

// compared gives the lines of both, each with what becomes of it ahead.
func compared(a, b []string) (out []string) {
	// longest[i][j] is how many lines a[i:] and b[j:] have in common, in order.
	longest := make([][]int, len(a)+1)
	for i := range longest {
		longest[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				longest[i][j] = longest[i+1][j+1] + 1
			} else {
				longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out, i, j = append(out, "  "+a[i]), i+1, j+1
		case j == len(b) || i < len(a) && longest[i+1][j] >= longest[i][j+1]:
			out, i = append(out, "- "+a[i]), i+1
		default:
			out, j = append(out, "+ "+b[j]), j+1
		}
	}
	return out
}
