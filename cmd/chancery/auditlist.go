// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
	"chancery/lifecycle"
)

// auditList says what happened and who did it, as the database has it: audit verify holds its
// rows against the log.
func (a *app) auditList() *cobra.Command {
	f := ca.EventFilter{Limit: listPage}
	var all bool
	var since when
	c := &cobra.Command{
		Use: "list", Short: "List what happened and who did it, newest first",
		Long: "Lists what happened, newest first: who asked for it, with which token or certificate if it was not the account itself, and the leaf of the log\n" +
			"that proves it. Changes of the policy are told by policy history.\nKinds: " + strings.Join(lifecycle.EventKinds(), ", "),
		Example: "  chancery audit list\n  chancery audit list --actor uid:1000 --since 7d\n  chancery audit list --kind refused --all -o csv",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("audit list takes no words", "chancery audit list --actor "+ca.Show(args[0]))
			}
			if f.Limit < 1 || f.Limit > ca.MaxPage {
				return usage("--limit "+fmt.Sprint(f.Limit)+" is no number of rows", fmt.Sprintf("chancery audit list --limit %d, 1 to %d", listPage, ca.MaxPage))
			}
			f.Since = since.ago(time.Now())
			return a.with(c.Context(), func(ctx context.Context, k *client.Client) error {
				rows, err := events(ctx, k, f, all)
				if err != nil {
					return err
				}
				if len(rows) == 0 {
					fmt.Fprintf(a.err, "none%s\n", activeFilters(c))
				}
				return a.give(answer{value: rows, text: eventsText(rows, columnsOf(a.out)), rows: rows, names: eventNames(rows)})
			})
		},
	}
	g := c.Flags()
	g.StringVar(&f.Actor, "actor", "", "only of this account, such as uid:1000, whatever it acted with")
	g.StringVar(&f.Kind, "kind", "", "only of this kind, see above")
	g.Var(&since, "since", "only since then, such as 2027-01-31, or 7d for the last seven days")
	g.IntVar(&f.Limit, "limit", listPage, fmt.Sprintf("rows, 1 to %d", ca.MaxPage))
	g.BoolVar(&all, "all", false, "every row, not a page")
	c.MarkFlagsMutuallyExclusive("all", "limit")
	_ = c.RegisterFlagCompletionFunc("kind", fixed(lifecycle.EventKinds()...)) // the flag is there
	return c
}

// events gives a page of events, or all of them as one.
func events(ctx context.Context, k *client.Client, f ca.EventFilter, all bool) ([]client.Event, error) {
	if all {
		f.Limit = ca.MaxPage
	}
	rows := []client.Event{}
	for {
		page, next, err := k.Events(ctx, f)
		if rows = append(rows, page...); err != nil || !all || next == 0 {
			return rows, err
		}
		if len(rows) > maxRows {
			return nil, usage(fmt.Sprintf("there are more than %d rows", maxRows), "narrow the list: --actor, --kind, --since")
		}
		f.After = next
	}
}

func eventNames(rows []client.Event) []string {
	names := make([]string, len(rows))
	for i, e := range rows {
		names[i] = fmt.Sprint(int64(e.ID))
	}
	return names
}

func eventsText(rows []client.Event, columns int) string {
	if len(rows) == 0 {
		return ""
	}
	g := newGrid("WHEN", "WHAT", "WHO", "ABOUT", "LEAF")
	for _, e := range rows {
		g.row(atTime(e.At), e.Kind, e.Actor, e.About, e.ID.Index())
	}
	return g.text(columns)
}
