// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
	"chancery/internal/csr"
)

// listPage is how many rows a list shows without --limit.
const listPage = 50

// readInput reads a file, or standard input for -, of at most csr.MaxFile octets.
func (a *app) readInput(path string) ([]byte, error) {
	in, err := a.opened(path)
	if err != nil {
		return nil, err
	}
	defer in.Close() //nolint:errcheck // it was only read
	content, err := io.ReadAll(io.LimitReader(in, csr.MaxFile+1))
	if err != nil { // a directory, for one
		return nil, unreadable(path, err)
	}
	if len(content) > csr.MaxFile {
		return nil, ca.Invalid(ca.E2203, fmt.Sprintf("%s has more than %d octets: it is neither request nor certificate", path, csr.MaxFile), "name the file with the request")
	}
	return content, nil
}

// opened opens a file, or standard input for -.
func (a *app) opened(path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(a.in), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	return f, nil
}

// unreadable is about a file that was named.
func unreadable(path string, err error) *ca.Problem {
	return ca.Invalid(ca.E1102, path+" cannot be read: "+reason(err).Error(), "name a file that this account may read, or - for standard input")
}

func planText(p ca.Plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "would sign, under profile %s by %s:\n", p.Draft.Profile, p.Draft.Authority)
	for _, n := range p.Draft.Names {
		fmt.Fprintf(&b, "  + %s\n", n)
	}
	fmt.Fprintf(&b, "  + valid until %s\n", p.Draft.NotAfter.Format(time.RFC3339))
	for _, n := range p.Notices {
		fmt.Fprintf(&b, "  note: %s\n", n)
	}
	return b.String()
}

// chainText is the certificate with the issuing authorities below the root:
// what a server sends.
func chainText(i ca.Issued) string { return pemText(certificateLabel, served(i)) }

// served is the chain without its root, which whoever trusts it has.
func served(i ca.Issued) [][]byte {
	return append([][]byte{i.Certificate.DER}, i.Chain[:max(len(i.Chain)-1, 0)]...)
}

func chainAnswer(i ca.Issued) answer {
	return answer{value: i, text: chainText(i), der: served(i), label: certificateLabel, names: []string{i.Certificate.PublicName()}}
}

// The labels of RFC 7468 §5 and §7.
const (
	certificateLabel = "CERTIFICATE"
	requestLabel     = "CERTIFICATE REQUEST"
)

func pemText(label string, all [][]byte) string {
	var b strings.Builder
	for _, der := range all {
		_ = pem.Encode(&b, &pem.Block{Type: label, Bytes: der}) // a builder takes everything
	}
	return b.String()
}

func (a *app) listCommand() *cobra.Command {
	f := ca.Filter{Limit: listPage}
	var all bool
	c := &cobra.Command{
		Use: "list", Short: "List certificates, newest first",
		Example: "  chancery list\n  chancery list --name '*.lab.example' --status valid\n  chancery list --ca issuing-g1 --status valid --all -o csv",
		RunE: func(c *cobra.Command, _ []string) error {
			if f.Limit < 1 || f.Limit > ca.MaxPage {
				return usage("--limit "+fmt.Sprint(f.Limit)+" is no number of rows", fmt.Sprintf("chancery list --limit %d, 1 to %d", listPage, ca.MaxPage))
			}
			return a.with(c.Context(), func(ctx context.Context, k *client.Client) error {
				page, err := pages(ctx, k, f, all)
				if err != nil {
					return err
				}
				if len(page.Items) == 0 {
					if err := exist(ctx, k, f); err != nil {
						return err
					}
					fmt.Fprintf(a.err, "none%s\n", activeFilters(c))
				}
				return a.give(answer{value: page, text: listText(page.Items, time.Now()), rows: page.Items, columns: listColumns, names: publicNames(page.Items)})
			})
		},
	}
	c.Flags().StringVar(&f.Name, "name", "", "a name, or *.suffix for all below it")
	c.Flags().StringVar(&f.Profile, "profile", "", "only of this profile")
	c.Flags().StringVar(&f.Authority, "ca", "", "only of this authority")
	c.Flags().StringVar(&f.Status, "status", "", "valid, revoked, expired or void")
	c.Flags().IntVar(&f.Limit, "limit", listPage, fmt.Sprintf("rows, 1 to %d", ca.MaxPage))
	c.Flags().BoolVar(&all, "all", false, "every row, not a page")
	c.MarkFlagsMutuallyExclusive("all", "limit")
	a.completeFlag(c, "profile", completeProfiles)
	a.completeFlag(c, "ca", completeAuthorities)
	a.completeFlag(c, "name", completeCertificates)
	_ = c.RegisterFlagCompletionFunc("status", fixed("valid", "revoked", "expired", "void")) // the flag is there
	return c
}

// maxRows is how many rows a list holds at most: they are kept until all are there, and
// some hundred megabytes are what a small machine can spare for them.
const maxRows = 250_000

// pages gives a page of a list, or all of them as one.
func pages(ctx context.Context, k *client.Client, f ca.Filter, all bool) (client.Page, error) {
	if !all {
		return k.Certificates(ctx, f)
	}
	var whole client.Page
	for f.Limit = ca.MaxPage; ; f.After = whole.Next {
		page, err := k.Certificates(ctx, f)
		if err != nil {
			return whole, err
		}
		whole.Items, whole.Next = append(whole.Items, page.Items...), page.Next
		switch {
		case page.Next == 0:
			return whole, nil
		case len(whole.Items) > maxRows:
			return whole, usage(fmt.Sprintf("there are more than %d rows", maxRows), "narrow the list: --ca, --profile, --status, --name")
		}
	}
}

// exist tells a filter that nothing passes from one that names what is not there.
// Certificates outlive their profile, so only an empty list asks.
func exist(ctx context.Context, k *client.Client, f ca.Filter) error {
	if f.Authority != "" {
		if _, err := k.Authority(ctx, f.Authority); err != nil {
			return err
		}
	}
	if f.Profile == "" {
		return nil
	}
	known, err := k.Profiles(ctx)
	if err != nil || slices.ContainsFunc(known, func(p ca.Profile) bool { return p.Name == f.Profile }) {
		return err
	}
	names := make([]string, len(known))
	for i, p := range known {
		names[i] = p.Name
	}
	return ca.NotFound(ca.E2118, "there is no profile "+ca.Show(f.Profile), "use one of "+strings.Join(names, ", "))
}

// someDays refuses a lifetime that was given and is none: 0 means the usual one only
// where nothing is said.
func someDays(c *cobra.Command, days int) error {
	if c.Flags().Changed("days") && days < 1 {
		return usage(fmt.Sprintf("--days %d is no lifetime", days), "leave out --days for the usual one")
	}
	return nil
}

// listColumns are what -o csv has of a certificate.
var listColumns = []string{"common_name", "names", "profile", "owner", "authority", "not_before", "not_after", "serial", "status"}

// activeFilters names the flags that narrowed a list.
func activeFilters(c *cobra.Command) string {
	var b strings.Builder
	for _, name := range []string{"name", "profile", "ca", "status"} {
		if f := c.Flags().Lookup(name); f.Changed {
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

func listText(rows []ca.Certificate, now time.Time) string {
	if len(rows) == 0 {
		return ""
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "STATUS\tNAME\tPROFILE\tUNTIL\tSERIAL")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t…%s\n", r.Standing(now), r.Title(), r.Profile, r.NotAfter.Local().Format("2006-01-02"), r.Serial.Tail())
	}
	_ = w.Flush() // a builder takes everything
	return b.String()
}

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Say how the installation is doing", Example: "  chancery status\n  chancery status --json",
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(ctx context.Context, k *client.Client) error {
				s, err := k.Status(ctx)
				if err != nil {
					return err
				}
				if s.Problem != nil {
					s.Problem.Fix = a.pasteable(s.Problem.Fix)
				}
				return a.print(s, statusText(s))
			})
		},
	}
}

func statusText(s ca.Status) string {
	var b strings.Builder
	state := "issuing"
	switch {
	case s.Problem != nil:
		if state = "not issuing: " + s.Problem.Detail; s.Problem.Fix != "" {
			state += "\n  → " + s.Problem.Fix
		}
	case s.Sealed:
		state = "not issuing: the signing keys are locked (chancery key unlock)"
	}
	fmt.Fprintf(&b, "%s\n  certificates  %d valid, %d of them end within 30 days; %d revoked, %d expired, %d void\n", state,
		s.Counts.Valid, s.Counts.Expiring, s.Counts.Revoked, s.Counts.Expired, s.Counts.Void)
	fmt.Fprintf(&b, "  authorities   %d\n", s.Counts.Authorities)
	fmt.Fprintf(&b, "  log           %s, %d entries, settled up to %d\n", s.Log, s.Leaves, s.Mark)
	fmt.Fprintf(&b, "  database      %s %s\n  policy        version %d, assurance %s\n", s.Database, s.DatabaseID, s.BundleVersion, s.Assurance)
	if s.Unseparated {
		b.WriteString("! front and signer run under one account: a thief of the front can take the keys\n")
	}
	return b.String()
}
