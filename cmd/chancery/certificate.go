// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
)

// listPage is how many rows a list shows without --limit.
const listPage = 50

func (a *app) signCommand() *cobra.Command {
	var profile string
	var days int
	var dry bool
	c := &cobra.Command{
		Use: "sign REQUEST", Short: "Sign a certification request (PKCS#10)",
		Example: "  chancery sign nas.csr > nas.pem\n  openssl req -new ... | chancery sign - --profile client",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("sign takes one file with a request, or - for standard input", "chancery sign nas.csr")
			}
			csr, err := a.readRequest(args[0])
			if err != nil {
				return err
			}
			o := client.Order{CSR: csr, Profile: profile, Days: days, Key: idempotency()}
			return a.with(c.Context(), func(ctx context.Context, k *client.Client) error {
				if dry {
					p, err := k.Plan(ctx, o)
					if err != nil {
						return err
					}
					return a.print(p, planText(p))
				}
				i, err := k.Issue(ctx, o)
				if err != nil {
					return err
				}
				for _, n := range i.Notices {
					fmt.Fprintf(a.err, "note: %s\n", n)
				}
				return a.print(i, chainText(i))
			})
		},
	}
	c.Flags().StringVar(&profile, "profile", "server", "profile to sign under")
	c.Flags().IntVar(&days, "days", 0, "lifetime in days (default: the profile's)")
	c.Flags().BoolVar(&dry, "dry-run", false, "ask what would be signed, and sign nothing")
	return c
}

// readRequest reads a request of at most four times ca.MaxCSR: PEM has comments.
func (a *app) readRequest(path string) ([]byte, error) {
	in := a.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, ca.Invalid(ca.E1102, "the request cannot be read", "chancery sign FILE").Because(err.Error())
		}
		defer f.Close()
		in = f
	}
	csr, err := io.ReadAll(io.LimitReader(in, 4*ca.MaxCSR+1))
	if err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	if len(csr) > 4*ca.MaxCSR {
		return nil, ca.Invalid(ca.E2203, fmt.Sprintf("the request is larger than %d octets", 4*ca.MaxCSR), "this is not a certification request")
	}
	return csr, nil
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
func chainText(i ca.Issued) string {
	var b bytes.Buffer
	all := [][]byte{i.Certificate.DER}
	if len(i.Chain) > 1 {
		all = append(all, i.Chain[:len(i.Chain)-1]...)
	}
	for _, der := range all {
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: der}) // a buffer takes everything
	}
	return b.String()
}

func (a *app) listCommand() *cobra.Command {
	f := ca.Filter{Limit: listPage}
	c := &cobra.Command{
		Use: "list", Short: "List certificates, newest first", Args: cobra.NoArgs,
		Example: "  chancery list\n  chancery list --name '*.lab.example' --status valid",
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(ctx context.Context, k *client.Client) error {
				page, err := k.Certificates(ctx, f)
				if err != nil {
					return err
				}
				return a.print(page, listText(page.Items))
			})
		},
	}
	c.Flags().StringVar(&f.Name, "name", "", "a name, or *.suffix for all below it")
	c.Flags().StringVar(&f.Profile, "profile", "", "only of this profile")
	c.Flags().StringVar(&f.Authority, "ca", "", "only of this authority")
	c.Flags().StringVar(&f.Status, "status", "", "valid, expired or void")
	c.Flags().IntVar(&f.Limit, "limit", listPage, fmt.Sprintf("rows, 1 to %d", ca.MaxPage))
	return c
}

func listText(rows []ca.Certificate) string {
	if len(rows) == 0 {
		return "no certificates\n"
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tPROFILE\tUNTIL\tSERIAL")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t…%s\n", r.Title(), r.Profile, r.NotAfter.Local().Format("2006-01-02"), r.Serial.Tail())
	}
	_ = w.Flush() // a builder takes everything
	return b.String()
}

func (a *app) showCommand() *cobra.Command {
	var asPEM bool
	c := &cobra.Command{
		Use: "show NAME|SERIAL", Short: "Show one certificate", Example: "  chancery show nas.lab.example\n  chancery show 1e77a0c3 --pem",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("show takes one name or serial", "chancery list")
			}
			return a.with(c.Context(), func(ctx context.Context, k *client.Client) error {
				i, err := k.Certificate(ctx, args[0])
				if err != nil {
					return err
				}
				if asPEM {
					_, err := io.WriteString(a.out, chainText(i))
					return err
				}
				return a.print(i, showText(i.Certificate))
			})
		},
	}
	c.Flags().BoolVar(&asPEM, "pem", false, "print the certificate and its chain in PEM")
	return c
}

func showText(c ca.Certificate) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	names := make([]string, len(c.Names))
	for i, n := range c.Names {
		names[i] = n.String()
	}
	for _, row := range [][2]string{
		{"certificate", c.PublicName()}, {"kind", string(c.Kind)}, {"names", strings.Join(names, ", ")}, {"serial", string(c.Serial)},
		{"profile", c.Profile}, {"key", c.KeyType}, {"asked by", c.Owner + " through " + string(c.Door)},
		{"valid", c.NotBefore.Format(time.RFC3339) + " to " + c.NotAfter.Format(time.RFC3339)}, {"log entry", fmt.Sprint(c.ID.Index())},
	} {
		fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
	}
	_ = w.Flush() // a builder takes everything
	return b.String()
}

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Say how the installation is doing", Args: cobra.NoArgs, Example: "  chancery status\n  chancery status --json",
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(ctx context.Context, k *client.Client) error {
				s, err := k.Status(ctx)
				if err != nil {
					return err
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
		state = "not issuing: " + s.Problem.Detail
	case s.Sealed:
		state = "not issuing: the signing keys are locked (chancery key unlock)"
	}
	fmt.Fprintf(&b, "%s\n  certificates  %d valid, %d of them end within 30 days; %d expired, %d void\n", state,
		s.Counts.Valid, s.Counts.Expiring, s.Counts.Expired, s.Counts.Void)
	fmt.Fprintf(&b, "  log           %s, %d entries, settled up to %d\n", s.Log, s.Leaves, s.Mark)
	fmt.Fprintf(&b, "  database      %s %s\n  policy        version %d, assurance %s\n", s.Database, s.DatabaseID, s.BundleVersion, s.Assurance)
	if s.Unseparated {
		b.WriteString("! front and signer run under one account: a thief of the front can take the keys\n")
	}
	return b.String()
}

func (a *app) caCommand() *cobra.Command {
	c := &cobra.Command{Use: "ca", Short: "The authorities and their certificates", Example: "  chancery ca list\n  chancery ca bundle > ca.pem"}
	c.AddCommand(&cobra.Command{
		Use: "list", Short: "List the authorities", Args: cobra.NoArgs, Example: "  chancery ca list\n  chancery ca list --json",
		RunE: func(c *cobra.Command, _ []string) error {
			return a.authorities(c.Context(), func(all []ca.Authority) error { return a.print(all, authorityTable(all)) })
		},
	}, &cobra.Command{
		Use: "bundle", Short: "Print the roots in PEM: what others must trust", Args: cobra.NoArgs, Example: "  chancery ca bundle > ca.pem\n  chancery ca bundle | openssl x509 -noout -fingerprint -sha256",
		RunE: func(c *cobra.Command, _ []string) error {
			return a.authorities(c.Context(), func(all []ca.Authority) error {
				for _, one := range all {
					if one.Kind != ca.Root {
						continue
					}
					if err := pem.Encode(a.out, &pem.Block{Type: "CERTIFICATE", Bytes: one.Certificate}); err != nil {
						return err
					}
				}
				return nil
			})
		},
	})
	return c
}

// authorities asks for all generations; before the first settling there are none
// in the book, which is over within a moment of a start.
func (a *app) authorities(ctx context.Context, do func([]ca.Authority) error) error {
	return a.with(ctx, func(ctx context.Context, k *client.Client) error {
		// The profiles are known once log and book have been settled.
		_, settled := k.Profiles(ctx)
		all, err := k.Authorities(ctx)
		if err != nil || len(all) == 0 {
			return errors.Join(err, settled)
		}
		return do(all)
	})
}

func authorityTable(all []ca.Authority) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tKIND\tSTATE\tKEY\tUNTIL\tSIGNED BY")
	for _, one := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", one.Name, one.Kind, one.State, one.KeyType, one.NotAfter.Local().Format("2006-01-02"), one.Parent)
	}
	_ = w.Flush() // a builder takes everything
	return b.String()
}
