// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"chancery/ca"
)

// What falls with a key is counted whole, whether it is named to who asks or not.
func TestWhatFallsIsCountedWhole(t *testing.T) {
	t.Parallel()
	named := func(n int) (all []ca.Certificate) {
		for range n {
			all = append(all, ca.Certificate{Authority: "issuing-g1", Serial: "41", Common: "nas.lab.example"})
		}
		return all
	}
	for _, c := range []struct {
		fall fall
		want []string
		rows int
	}{
		{fall{}, nil, 0},
		{fall{unnamed: 2}, []string{"2 other certificates of the same key, named only to who may read them\n"}, 0},
		{fall{named(1), 0}, []string{"1 other certificate of the same key:\n"}, 1},
		{fall{named(12), 3}, []string{"15 other certificates", "and 2 more\n", "3 of them are named only"}, shownFirst},
		{fall{named(ca.MaxAlso), 3}, []string{"10003 other certificates", "and 9993 more\n"}, shownFirst},
	} {
		text := c.fall.String()
		saysAll(t, "it", text, c.want...)
		if strings.Count(text, "issuing-g1-41") != c.rows || len(c.want) < 3 && strings.Contains(text, "3 of them") {
			t.Errorf("%d named and %d not:\n%s", len(c.fall.named), c.fall.unnamed, text)
		}
	}
}
