// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
)

func (a *app) tokenCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "token", Short: "Make, list and revoke the secrets that programs sign in with",
		Example: "  chancery token create --name ci --role requester --profile server --names '*.ci.lab.example' --days 90\n  chancery token list\n  chancery token revoke ci",
	}
	c.AddCommand(a.tokenCreate(), a.tokenList(), a.tokenRevoke())
	return c
}

func (a *app) tokenCreate() *cobra.Command {
	o := client.TokenOrder{}
	var roles []string
	c := &cobra.Command{
		Use: "create", Short: "Make a token, and print its secret once",
		Long: "Makes a token in your name that does at most what you may, and of that what the flags leave: roles, and, where they\n" +
			"are given, only these profiles and names. Its secret goes to standard output and is nowhere else.",
		Example: "  chancery token create --name ci --role requester --profile server --names '*.ci.lab.example' > ci.token\n  chancery token create --name sensor --role requester --days 30 --json",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 || o.Name == "" || len(roles) == 0 {
				return usage("token create needs a name and a role", "chancery token create --name ci --role requester")
			}
			for flag, given := range map[string][]string{"profile": o.Profiles, "names": o.Names} {
				if c.Flags().Changed(flag) && len(given) == 0 { // such as a variable that is not set
					return usage("--"+flag+" is empty, and would bound nothing", "leave it out, or say for which")
				}
			}
			for _, r := range roles {
				o.Roles = append(o.Roles, ca.Role(r))
			}
			if err := a.canGive(answer{value: ca.TokenView{}}); err != nil {
				return err
			}
			return a.with(c.Context(), func(ctx context.Context, k *client.Client) error {
				t, err := k.MakeToken(ctx, o)
				if err != nil {
					return err
				}
				all, err := k.Profiles(ctx)
				for _, name := range o.Profiles {
					if err == nil && !slices.ContainsFunc(all, func(p ca.Profile) bool { return p.Name == name }) {
						a.note("there is no profile %s: the token is good for it once there is one", ca.Show(name))
					}
				}
				if o.DryRun {
					return a.give(answer{value: t, text: "would make\n" + scopeText(t)})
				}
				fmt.Fprintf(a.err, "%s token %s (%s), until %s; shown once:\n", a.mark(fine), t.Name, t.ID, onDay(t.Expires))
				return a.give(answer{value: t, text: t.Token + "\n", names: []string{t.Token}})
			})
		},
	}
	f := c.Flags()
	f.StringVar(&o.Name, "name", "", "what it is called, such as the program that uses it")
	f.StringSliceVar(&roles, "role", nil, "what it may do: requester, ca-admin, security-admin, system-admin, auditor")
	f.StringSliceVar(&o.Profiles, "profile", nil, "only under these profiles")
	f.StringSliceVar(&o.Names, "names", nil, "only for names that these patterns take, such as *.ci.lab.example")
	f.IntVar(&o.Days, "days", ca.TokenDays, "how long it lives, at most 365")
	dryFlag(c, &o.DryRun)
	_ = c.RegisterFlagCompletionFunc("role", fixed("requester", "ca-admin", "security-admin", "system-admin", "auditor")) // the flag is there
	return c
}

func (a *app) tokenList() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use: "list", Short: "List your tokens, newest first", Example: "  chancery token list\n  chancery token list --all -o csv",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("token list takes no words", "chancery token list --all")
			}
			return a.with(c.Context(), func(ctx context.Context, k *client.Client) error {
				var rows []ca.TokenView
				for after := ca.ID(0); ; {
					page, next, err := k.Tokens(ctx, all, after)
					if err != nil {
						return err
					}
					rows = append(rows, page...)
					if next == 0 || next == after {
						break
					}
					after = next
				}
				return a.give(answer{value: rows, text: tokenTable(rows, columnsOf(a.out)), rows: rows, names: tokenNames(rows)})
			})
		},
	}
	c.Flags().BoolVar(&all, "all", false, "those of everybody")
	return c
}

func tokenNames(rows []ca.TokenView) []string {
	names := make([]string, len(rows))
	for i, t := range rows {
		names[i] = t.ID
	}
	return names
}

func tokenTable(rows []ca.TokenView, columns int) string {
	g := newGrid("ID", "STATUS", "NAME", "OWNER", "UNTIL", "USED", "MAY")
	for _, t := range rows {
		used := "never"
		if !t.Used.IsZero() {
			used = onDay(t.Used)
		}
		g.row(t.ID, t.Status, t.Name, orNone(t.Owner), onDay(t.Expires), used, mayText(t))
	}
	return g.text(columns)
}

// mayText is what a token may do, in a line.
func mayText(t ca.TokenView) string {
	words := make([]string, len(t.Roles))
	for i, r := range t.Roles {
		words[i] = string(r)
	}
	text := strings.Join(words, ",")
	if len(t.Profiles) > 0 {
		text += " under " + strings.Join(t.Profiles, ",")
	}
	if len(t.Names) > 0 {
		text += " for " + strings.Join(t.Names, ",")
	}
	return text
}

// tokenTitle is a token's name, and its id if it has one yet.
func tokenTitle(t ca.TokenView) string {
	if t.ID == "" {
		return t.Name
	}
	return t.Name + " (" + t.ID + ")"
}

// scopeText says what a token is for, in lines.
func scopeText(t ca.TokenView) string {
	return fmt.Sprintf("  token %s, until %s: %s\n", tokenTitle(t), onDay(t.Expires), mayText(t))
}

func (a *app) tokenRevoke() *cobra.Command {
	var dry bool
	c := &cobra.Command{
		Use: "revoke TOKEN", Short: "Revoke a token, by its id or the name you gave it", Example: "  chancery token revoke ci\n  chancery token revoke 3f9a1c2074be5d10",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("token revoke takes one token", "chancery token list")
			}
			return a.with(c.Context(), func(ctx context.Context, k *client.Client) error {
				t, err := k.RevokeToken(ctx, args[0], dry)
				if err != nil {
					return err
				}
				if dry {
					return a.give(answer{value: t, text: fmt.Sprintf("  ~ token %s (%s)   %s → revoked\nnothing was changed\n", t.Name, t.ID, t.Status), names: []string{t.ID}})
				}
				return a.give(answer{value: t, text: fmt.Sprintf("%s token %s (%s) is %s\n", a.mark(fine), t.Name, t.ID, t.Status), names: []string{t.ID}})
			})
		},
	}
	dryFlag(c, &dry)
	return c
}
