// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
)

func (a *app) policyHistory() *cobra.Command {
	return &cobra.Command{
		Use: "history", Short: "List the policies that were put in force, newest first, and what each changed",
		Long:    "Lists every policy that was put in force, newest first: who signed it, the leaf of the log that holds its document, and what it changed of the one before.",
		Example: "  chancery policy history\n  chancery policy history -o json",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("policy history takes no words", "chancery policy history")
			}
			return a.with(c.Context(), func(ctx context.Context, k *client.Client) error {
				rows := []ca.PolicyVersion{}
				for below := int64(0); ; {
					page, next, err := k.Policies(ctx, below, ca.MaxPage)
					if err != nil {
						return err
					}
					if rows = append(rows, page...); next == 0 {
						break
					}
					below = next
				}
				x := answer{value: rows, text: historyText(rows, columnsOf(a.out)), rows: rows}
				for _, v := range rows {
					x.names = append(x.names, fmt.Sprint(v.Version))
				}
				return a.give(x)
			})
		},
	}
}

func historyText(rows []ca.PolicyVersion, columns int) string {
	g := newGrid("VERSION", "WHEN", "WHO", "LEAF", "CHANGES")
	for _, v := range rows {
		changes := v.Changes
		if len(changes) == 0 {
			changes = []string{map[bool]string{true: "the first", false: "nothing but its time"}[v.Version == 1]}
		}
		g.row(v.Version, atTime(v.At), v.By, v.Leaf, strings.Join(changes, "; "))
	}
	return g.text(columns)
}
