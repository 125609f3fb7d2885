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

func (a *app) profileCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "profile", Short: "The rules that requests are judged by",
		Example: "  chancery profile list\n  chancery profile set server --allow-dns '*.other.example'",
	}
	c.AddCommand(a.profileList(), a.profileShow(), a.profileSet(), a.profileTest())
	return c
}

func (a *app) profileList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the profiles in force", Example: "  chancery profile list\n  chancery profile list -q",
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(ctx context.Context, k *client.Client) error {
				all, err := k.Profiles(ctx)
				if err != nil {
					return err
				}
				x := answer{value: all, text: profilesText(all, columnsOf(a.out)), rows: all, columns: []string{"name", "line", "use", "days", "max_days"}}
				for _, p := range all {
					x.names = append(x.names, p.Name)
				}
				return a.give(x)
			})
		},
	}
}

func profilesText(all []ca.Profile, columns int) string {
	g := newGrid("NAME", "FOR", "DAYS", "SIGNED BY LINE", "NAMES")
	for _, p := range all {
		g.row(p.Name, strings.Join(p.Use, ", "), fmt.Sprintf("%d, at most %d", p.Days, p.MaxDays), strings.Join(append([]string{p.Line}, p.Lines...), ", "), allowed(p.Names))
	}
	return g.text(columns)
}

// allowed is what names a profile takes, in one cell.
func allowed(r ca.NameRules) string {
	const most = 3
	all := slices.Concat(r.DNS, r.IP, r.Email, r.URI)
	if len(all) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:most], ", "), len(all)-most)
	}
	return strings.Join(all, ", ")
}

func (a *app) profileShow() *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Print a profile's document, as profile set --file takes it",
		Example:           "  chancery profile show server > server.toml\n  chancery profile show server --json",
		ValidArgsFunction: a.first(completeProfiles, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("profile show takes the name of one profile", "chancery profile list")
			}
			return a.with(c.Context(), func(ctx context.Context, k *client.Client) error {
				p, err := profileNamed(ctx, k, args[0])
				if err != nil {
					return err
				}
				return a.give(answer{value: p, text: p.Document, names: []string{p.Name}})
			})
		},
	}
}

// profileNamed is the profile in force of a name; E2118 names those there are.
func profileNamed(ctx context.Context, k *client.Client, name string) (ca.Profile, error) {
	all, err := k.Profiles(ctx)
	if err != nil {
		return ca.Profile{}, err
	}
	if at := slices.IndexFunc(all, func(p ca.Profile) bool { return p.Name == name }); at >= 0 {
		return all[at], nil
	}
	names := make([]string, len(all))
	for i, p := range all {
		names[i] = p.Name
	}
	return ca.Profile{}, ca.NotFound(ca.E2118, "there is no profile "+ca.Show(name), "use one of "+strings.Join(names, ", "))
}

// A tryout is what profile test was asked.
type tryout struct {
	client.Order
	names []string
	dn    string
	file  string
	csr   string
}

func (a *app) profileTest() *cobra.Command {
	var q tryout
	c := &cobra.Command{
		Use: "test PROFILE [NAME...]", Short: "Say what a profile makes of names, or of a request",
		Long: "Judges names, or a certification request, as if they were asked for now, and signs nothing: what would be certified, what\n" +
			"would be dropped or changed, and the rule of each no. With --file it is judged by a document that is not in force yet.",
		Example:           "  chancery profile test server nas.lab.example 10.0.0.7\n  chancery profile test server --csr nas.csr\n  chancery profile test server --file server.toml nas.lab.example",
		ValidArgsFunction: a.first(completeProfiles, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 || (len(args) > 1) == (q.csr != "") {
				return usage("profile test takes a profile, and either names or --csr FILE", "chancery profile test server nas.lab.example")
			}
			q.Profile, q.names = args[0], args[1:]
			for _, refused := range []error{someDays(c, q.Days), a.canGive(answer{value: ca.Plan{}}), judged(q.names)} {
				if refused != nil {
					return refused
				}
			}
			return a.test(c.Context(), q)
		},
	}
	f := c.Flags()
	f.StringVar(&q.csr, "csr", "", "file with a certification request (PKCS#10), - for standard input")
	f.StringVar(&q.dn, "subject", "", "fields of the subject beside the common name, such as O=Lab,OU=Printers")
	f.StringVar(&q.file, "file", "", "document of the profile, in place of the one in force")
	f.StringVar(&q.Authority, "ca", "", "line of authorities that shall sign (default: the profile's)")
	f.IntVar(&q.Days, "days", 0, "lifetime in days (default: the profile's)")
	a.completeFlag(c, "ca", completeIssuing)
	return c
}

// test asks the service what a profile would make of a request. For names it makes one,
// with a key that is thrown away.
func (a *app) test(ctx context.Context, q tryout) (err error) {
	if q.file != "" {
		document, err := a.readInput(q.file)
		if err != nil {
			return err
		}
		if _, err = profileOf(string(document)); err != nil {
			return err
		}
		q.Document = string(document)
	}
	if q.csr != "" {
		if q.CSR, err = a.readInput(q.csr); err != nil {
			return err
		}
	}
	return a.with(ctx, func(ctx context.Context, k *client.Client) error {
		if q.csr == "" {
			key, err := thrownAway()
			if err != nil {
				return err
			}
			common := ""
			if q.file == "" {
				if common, err = commonFor(ctx, k, q.Profile, q.names); err != nil {
					return err
				}
			}
			fields, err := named(q.dn, nil)
			if err != nil {
				return err
			}
			if q.CSR, err = requestFor(key, common, q.names, fields...); err != nil {
				return err
			}
		}
		p, err := k.Plan(ctx, q.Order)
		if err != nil {
			return err
		}
		return a.print(p, fitted(planText(p), columnsOf(a.out)))
	})
}
