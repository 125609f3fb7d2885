// SPDX-License-Identifier: Apache-2.0

// Package nearest guesses which known word somebody meant who typed another: a key of a
// document, a member of a body, a command, a flag. It decides nothing: a guess is shown and
// never taken. Start at Of.
package nearest

import "strings"

// maxKey bounds the comparison of keys, which takes time in the square of it.
const maxKey = 64

// Of is the known key that a misspelt one most likely means: the same word
// in another table, or at most a third of its letters away. It is "" if none is.
func Of(key string, known []string) string {
	if len(key) > maxKey {
		return ""
	}
	last := key[strings.LastIndexByte(key, '.')+1:]
	best, least := "", max(1, len(last)/3)+1
	for _, k := range known {
		d := distance(key, k)
		if k[strings.LastIndexByte(k, '.')+1:] == last {
			d = min(d, 1)
		}
		if d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is how many letters must be put in, taken out, replaced or swapped
// with their neighbour to make b of a; capitals count as equal.
func distance(a, b string) int {
	a, b = strings.ToLower(a), strings.ToLower(b)
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
