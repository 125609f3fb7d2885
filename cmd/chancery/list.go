// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
)

// listPage is how many rows a list shows without --limit.
const listPage = 50

func (a *app) listCommand() *cobra.Command {
	f := ca.Filter{Limit: listPage}
	var all, failing bool
	var since, expiring when
	c := &cobra.Command{
		Use: "list", Short: "List certificates, newest first",
		Long: "Lists certificates, newest first or as --sort says. A line under the table says how many there are.\n" +
			"What stands below a revoked authority is shown as issuer revoked, and found by --status valid: it was not revoked itself, and is to be replaced.\n" +
			"--status expiring is for cron: what ends within 30 days and should have been renewed, as two thirds of its life are over and its\n" +
			"owner has no newer one of that name and profile. What the service renews by itself is not among it. --expiring 30d is all that ends within 30 days.",
		Example: "  chancery list\n  chancery list --name '*.lab.example' --status valid\n  chancery list --status expiring --fail-if-any\n" +
			"  chancery list --search nas --owner uid:1000\n  chancery list --ca issuing-g1 --status valid --all -o csv",
		RunE: func(c *cobra.Command, _ []string) error {
			if f.Limit < 1 || f.Limit > ca.MaxPage {
				return usage("--limit "+fmt.Sprint(f.Limit)+" is no number of rows", fmt.Sprintf("chancery list --limit %d, 1 to %d", listPage, ca.MaxPage))
			}
			now := time.Now()
			f.IssuedSince, f.ExpiringBefore = since.ago(now), expiring.ahead(now)
			if err := a.with(c.Context(), func(ctx context.Context, k *client.Client) error { return a.list(ctx, k, c, f, all) }); err != nil {
				return err
			}
			if failing && a.listed > 0 {
				return errFaults
			}
			return nil
		},
	}
	g := c.Flags()
	g.StringVar(&f.Name, "name", "", "a name, *.suffix for all below it, or prefix*")
	g.StringVar(&f.Search, "search", "", "a part of a name or e-mail address")
	g.StringVar(&f.Profile, "profile", "", "only of this profile")
	g.StringVar(&f.Owner, "owner", "", "only of this account, such as uid:1000")
	g.StringVar(&f.Authority, "ca", "", "only of this authority")
	g.StringVar(&f.Line, "line", "", "only of this line of authorities")
	g.StringVar((*string)(&f.Door), "source", "", "only of those that came in this way, such as cli or api")
	g.StringVar(&f.Tag, "tag", "", "only of those with this tag")
	g.StringVar(&f.Status, "status", "", strings.Join(ca.Statuses(), ", "))
	g.Var(&since, "issued-since", "only of those issued since then, such as 2027-01-31, or 7d for the last seven days")
	g.Var(&expiring, "expiring", "only of those valid now that end before then, such as 30d or 2027-06-30")
	g.StringVar(&f.Sort, "sort", "", strings.Join(ca.Sorts(), ", "))
	g.BoolVar(&failing, "fail-if-any", false, "exit with 9 if there is any, for cron")
	g.IntVar(&f.Limit, "limit", listPage, fmt.Sprintf("rows, 1 to %d", ca.MaxPage))
	g.BoolVar(&all, "all", false, "every row, not a page")
	c.MarkFlagsMutuallyExclusive("all", "limit")
	a.completeFlag(c, "profile", completeProfiles)
	a.completeFlag(c, "ca", completeAuthorities)
	a.completeFlag(c, "name", completeCertificates)
	_ = c.RegisterFlagCompletionFunc("status", fixed(ca.Statuses()...)) // the flags are there
	_ = c.RegisterFlagCompletionFunc("sort", fixed(ca.Sorts()...))
	return c
}

// list gives the rows of a filter, and says how many there are.
func (a *app) list(ctx context.Context, k *client.Client, c *cobra.Command, f ca.Filter, all bool) error {
	page, err := a.pages(ctx, k, f, all)
	if err != nil {
		return err
	}
	if a.listed = len(page.Items); a.listed == 0 {
		fmt.Fprintf(a.err, "none%s\n", activeFilters(c))
	}
	err = a.give(answer{value: page, text: listText(page.Items, time.Now(), columnsOf(a.out)), rows: page.Items, columns: listColumns, names: publicNames(page.Items)})
	if err != nil || a.listed == 0 || a.quiet || a.form() != "" {
		return err
	}
	return a.counts(ctx, k, f, page)
}

// counts says below a table how much of all it shows.
func (a *app) counts(ctx context.Context, k *client.Client, f ca.Filter, page client.Page) error {
	found, err := k.CountCertificates(ctx, f)
	var p *ca.Problem
	if errors.As(err, &p) && p.Code == ca.E1305 { // a token for certain names counts nothing
		fmt.Fprintf(a.err, "%s shown\n", thousands(int64(len(page.Items))))
		return nil
	}
	if err != nil {
		return err
	}
	valid, err := k.CountCertificates(ctx, ca.Filter{Status: "valid"})
	if err != nil {
		return err
	}
	fmt.Fprintf(a.err, "%s shown, %s found, %s valid in all, those of authorities included\n", thousands(int64(len(page.Items))), thousands(found), thousands(valid))
	return nil
}

// thousands writes a number in groups of three digits: 1 284.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

// maxRows is how many rows a list holds at most: they are kept until all are there, and
// some hundred megabytes are what a small machine can spare for them.
const maxRows = 250_000

// pages gives a page of a list, or all of them as one.
func (a *app) pages(ctx context.Context, k *client.Client, f ca.Filter, all bool) (whole client.Page, err error) {
	if !all {
		return k.Certificates(ctx, f)
	}
	n, err := k.CountCertificates(ctx, f) // for the time that is left
	if err != nil {
		return whole, err
	}
	p := a.progress(task{what: "list", of: "rows were read, and nothing was changed", total: n})
	defer func() { p.end(ctx) }()
	for f.Limit = ca.MaxPage; ; f.After = whole.Next.ID {
		page, err := k.Certificates(ctx, f)
		if err != nil {
			return whole, err
		}
		p.add(int64(len(page.Items)))
		whole.Items, whole.Next = append(whole.Items, page.Items...), page.Next
		switch {
		case page.Next.ID == 0:
			return whole, nil
		case len(whole.Items) > maxRows:
			return whole, usage(fmt.Sprintf("there are more than %d rows", maxRows), "narrow the list: --ca, --profile, --status, --name")
		}
	}
}

// listColumns are what -o csv has of a certificate.
var listColumns = []string{"common_name", "names", "profile", "owner", "authority", "not_before", "not_after", "serial", "status", "issuer_revoked"}

// activeFilters names the flags that narrowed a list.
func activeFilters(c *cobra.Command) string {
	var b strings.Builder
	for _, name := range []string{"name", "search", "profile", "owner", "tag", "ca", "line", "source", "status", "issued-since", "expiring", "actor", "kind", "since"} {
		if f := c.Flags().Lookup(name); f != nil && f.Changed {
			fmt.Fprintf(&b, "  --%s %s", name, ca.Show(f.Value.String()))
		}
	}
	return b.String()
}

func publicNames(rows []ca.Certificate) []string {
	names := make([]string, len(rows))
	for i, r := range rows {
		names[i] = r.PublicName()
	}
	return names
}

// listText is the table of certificates. Where a terminal has no room for it, the owner
// goes first; then each row becomes two lines, as on a telephone.
func listText(rows []ca.Certificate, now time.Time, columns int) string {
	if len(rows) == 0 {
		return ""
	}
	whole, narrow := newGrid("STATUS", "NAME", "PROFILE", "OWNER", "EXPIRES", "SERIAL"), newGrid("STATUS", "NAME", "PROFILE", "EXPIRES", "SERIAL")
	var phone strings.Builder
	for _, r := range rows {
		status, ends, serial := statusOf(r, now), onDay(r.NotAfter), "…"+r.Serial.Tail()
		if left := r.NotAfter.Sub(now); status == "valid" && left < ca.ExpiringWithin {
			if ends = fmt.Sprintf("%s (%d d)", ends, int(left.Hours()/24)); !now.Before(r.RenewFrom()) {
				status = "! " + status
			}
		}
		whole.row(status, r.Title(), r.Profile, r.Owner, ends, serial)
		narrow.row(status, r.Title(), r.Profile, ends, serial)
		fmt.Fprintf(&phone, "%s  %s\n    %s   %s\n", status, r.Title(), ends, serial)
	}
	for _, g := range []*grid{whole, narrow} {
		if text := g.text(0); columns == 0 || widest(text) <= columns {
			return text
		}
	}
	return phone.String()
}

// statusOf is how a certificate stands, for people: what is good by itself is not, while what
// signed it is revoked.
func statusOf(c ca.Certificate, now time.Time) string {
	status := c.Standing(now)
	if status == "valid" && c.IssuerRevoked != "" {
		return "issuer revoked"
	}
	return status
}
