// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// A grid is a table for people: as wide as it takes, or, where the terminal is narrower,
// each row in lines of its own.
type grid struct {
	head []string
	rows [][]string
}

func newGrid(head ...string) *grid { return &grid{head: head} }

func (g *grid) row(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = fmt.Sprint(c)
	}
	g.rows = append(g.rows, row)
}

// text is the table for so many columns, 0 for any number.
func (g *grid) text(columns int) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{g.head}, g.rows...) {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush() // a builder takes everything
	if columns == 0 || widest(b.String()) <= columns {
		return b.String()
	}
	return g.stacked()
}

// stacked has a row under its first cell: name and value of each other that says anything.
func (g *grid) stacked() string {
	var b strings.Builder
	names := 0
	for _, name := range g.head[1:] {
		names = max(names, utf8.RuneCountInString(name))
	}
	for _, row := range g.rows {
		fmt.Fprintln(&b, row[0])
		for i, cell := range row[1:] {
			if cell != "" {
				fmt.Fprintf(&b, "  %-*s  %s\n", names, strings.ToLower(g.head[i+1]), cell)
			}
		}
	}
	return b.String()
}

// widest is how many columns the longest line takes.
func widest(text string) (n int) {
	for line := range strings.Lines(text) {
		n = max(n, utf8.RuneCountInString(strings.TrimRight(line, " \n")))
	}
	return n
}
