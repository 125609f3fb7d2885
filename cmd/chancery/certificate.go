// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
	"chancery/internal/csr"
)

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
	if len(p.Draft.Subject) > 0 {
		fmt.Fprintf(&b, "  + subject %s\n", p.Draft.Subject)
	}
	for _, n := range p.Draft.Names {
		fmt.Fprintf(&b, "  + %s\n", n)
	}
	fmt.Fprintf(&b, "  + key %s, for %s\n", p.Draft.KeyType, strings.Join(p.Draft.Use, ", "))
	fmt.Fprintf(&b, "  + valid until %s\n", atTime(p.Draft.NotAfter))
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

// someDays refuses a lifetime that was given and is none: 0 means the usual one only
// where nothing is said.
func someDays(c *cobra.Command, days int) error {
	if c.Flags().Changed("days") && days < 1 {
		return usage(fmt.Sprintf("--days %d is no lifetime", days), "leave out --days for the usual one")
	}
	return nil
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
				for _, l := range s.Lines {
					if l.Problem != nil && l.Problem != s.Problem {
						l.Problem.Fix = a.pasteable(l.Problem.Fix)
					}
				}
				due := int64(0)
				if s.Counts.Expiring > 0 && s.Problem == nil {
					due, err = k.CountCertificates(ctx, ca.Filter{Status: "expiring"})
					var p *ca.Problem
					if errors.As(err, &p) && p.Code == ca.E1305 {
						due = -1 // a token for certain names counts nothing
					} else if err != nil {
						return err
					}
				}
				if i := slices.IndexFunc(s.Checks, func(c ca.Check) bool { return c.ID == "service" && c.Level == ca.Fine }); i >= 0 && a.alone {
					s.Checks[i] = ca.Check{ID: "service", Level: ca.Warned, Message: "none runs: this command started front and signer for itself, nobody else is served, and no list is kept fresh"}
				}
				return a.print(s, fitted(statusText(s, due), columnsOf(a.out)))
			})
		},
	}
}

// unsigned counts the lines for which nothing is signed.
func unsigned(all []ca.LineState) (n int) {
	for _, l := range all {
		if l.Problem != nil {
			n++
		}
	}
	return n
}

// countsText is how many certificates there are, due being how many should have been renewed,
// less than none if nobody says.
func countsText(n ca.Counts, due int64) string {
	text := fmt.Sprintf("%d valid", n.Valid)
	switch {
	case n.IssuerRevokedMore && n.IssuerRevoked > 0:
		text += fmt.Sprintf(" (%d of them or more below a revoked authority, to be replaced)", n.IssuerRevoked)
	case n.IssuerRevokedMore:
		text += " (some of them may be below a revoked authority, to be replaced)"
	case n.IssuerRevoked > 0:
		text += fmt.Sprintf(" (%d of them below a revoked authority, to be replaced)", n.IssuerRevoked)
	}
	if n.Expiring > 0 {
		text += fmt.Sprintf(", %d of them %s within 30 days", n.Expiring, agreed(n.Expiring, "ends", "end"))
		if due >= 0 {
			text += fmt.Sprintf(", and %d of these should have been renewed", due)
		}
	}
	text += fmt.Sprintf("; %d revoked", n.Revoked)
	if n.Held > 0 {
		text += fmt.Sprintf(", %d of them held", n.Held)
	}
	return text + fmt.Sprintf("; %d expired, %d void", n.Expired, n.Void)
}

// agreed is the verb for so many.
func agreed(n int64, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

// statusText is how it stands, due being how many certificates should have been renewed.
func statusText(s ca.Status, due int64) string {
	var b strings.Builder
	state := "issuing"
	switch {
	case s.Problem != nil:
		if state = "not issuing: " + s.Problem.Detail; s.Problem.Fix != "" {
			state += "\n  → " + s.Problem.Fix
		}
	case s.Sealed:
		state = "not issuing: the signing keys are locked (chancery key unlock)"
	case unsigned(s.Lines) == len(s.Lines) && len(s.Lines) > 0:
		state = "not issuing: no line of authorities can sign"
	case unsigned(s.Lines) > 0:
		state = "issuing, but not for every line of authorities"
	}
	fmt.Fprintf(&b, "%s\n  certificates  %s\n", state, countsText(s.Counts, due))
	fmt.Fprintf(&b, "  authorities   %d\n", s.Counts.Authorities)
	for _, l := range s.Lines {
		switch {
		case l.Problem == nil:
			fmt.Fprintf(&b, "  line          %s: %s signs\n", l.Line, l.Signs)
		default:
			fmt.Fprintf(&b, "! line          %s: %s  → %s\n", l.Line, l.Problem.Detail, l.Problem.Fix)
		}
	}
	for _, c := range s.Checks { // the others are told above
		if c.Level == ca.Warned && c.ID == "service" || c.Level != ca.Fine && slices.Contains([]string{"lists", "feeds", "addresses", "publication", "disk"}, c.ID) {
			fmt.Fprintf(&b, "! %-13s %s  → chancery doctor --only %s\n", c.ID, c.Message, c.ID)
		}
	}
	fmt.Fprintf(&b, "  log           %s, %d entries, settled up to %d\n", s.Log, s.Leaves, s.Mark)
	fmt.Fprintf(&b, "  database      %s %s\n  policy        version %d, assurance %s\n", s.Database, s.DatabaseID, s.BundleVersion, s.Assurance)
	if s.Unseparated {
		b.WriteString("! front and signer run under one account: a thief of the front can take the keys\n")
	}
	return b.String()
}
