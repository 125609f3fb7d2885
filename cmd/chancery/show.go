// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
	"chancery/format"
)

func (a *app) showCommand() *cobra.Command {
	var request bool
	var password string
	c := &cobra.Command{
		Use: "show NAME|SERIAL|FINGERPRINT|FILE|-", Short: "Show a certificate of ours, or what a file holds",
		Example:           "  chancery show nas.lab.example\n  chancery show nas.csr\n  chancery show fullchain.pem -o text\n  chancery show 1e77a0c3 -o pem\n  chancery show AB:CD:…\n  chancery show 1e77a0c3 --csr > again.csr",
		ValidArgsFunction: a.first(completeCertificates, cobra.ShellCompDirectiveDefault),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("show takes one name, serial, fingerprint or file", "chancery list")
			}
			if isFile(args[0]) {
				if request {
					return usage("--csr is for certificates of ours, and "+args[0]+" is a file", "chancery show "+args[0])
				}
				return a.showFile(c.Context(), args[0], password)
			}
			return a.with(c.Context(), func(ctx context.Context, k *client.Client) error {
				i, err := k.Certificate(ctx, args[0])
				if err != nil {
					return meant(ctx, k, args[0], "chancery ca show", err)
				}
				if request {
					return a.giveRequest(i)
				}
				older, err := olderOnes(ctx, k, args[0], i.Certificate)
				if err != nil {
					return err
				}
				text := showText(i.Certificate) + a.planned(ctx, k, i.Certificate)
				if older > 0 {
					text += fmt.Sprintf("\n%d more with this name, older or ended: chancery list --name %s\n", older, args[0])
				}
				x := answer{value: i, text: fitted(text, columnsOf(a.out)), names: []string{i.Certificate.PublicName()}}
				if len(i.Certificate.DER) > 0 {
					x.der, x.label = served(i), certificateLabel
					x.long = texts(x.der[:1], format.CertificateText)
				}
				return a.give(x)
			})
		},
	}
	c.Flags().StringVar(&password, "password-file", "", "file with the password of FILE, if it needs one")
	c.Flags().BoolVar(&request, "csr", false, "print the request that it came of, as it was sent")
	return c
}

// planned says when a certificate that was renewed is to be revoked, if that is so. Only
// people are told, and nothing else waits for it: chancery explain says it to programs.
func (a *app) planned(ctx context.Context, k *client.Client, c ca.Certificate) string {
	if c.Kind != ca.EndEntity || c.Revoked != nil || a.quiet || a.form() != "" {
		return ""
	}
	p, err := k.Explain(ctx, c.PublicName())
	if err != nil {
		return ""
	}
	for _, e := range slices.Backward(p.Events) {
		if e.What == ca.HappensPlanned {
			return fmt.Sprintf("\nit will be revoked as superseded on %s, since it was renewed\n", atTime(e.Due))
		}
	}
	return ""
}

// fileSuffixes are names that nobody certifies.
var fileSuffixes = []string{".crl", ".csr", ".req", ".p10", ".pem", ".crt", ".cer", ".der", ".key", ".p7b", ".p7c", ".p12", ".pfx", ".jks"}

func looksLikeFile(arg string) bool {
	return slices.Contains(fileSuffixes, strings.ToLower(filepath.Ext(arg)))
}

// isFile tells a file from a name: names of certificates are no paths, and one
// that is both is rather the file, because who has it lists the directory.
func isFile(arg string) bool {
	if arg == "-" || looksLikeFile(arg) {
		return true
	}
	info, err := os.Stat(arg)
	return err == nil && (info.Mode().IsRegular() || info.Mode().Type() == fs.ModeNamedPipe)
}

// giveRequest prints the request of a certificate (R48).
func (a *app) giveRequest(i ca.Issued) error {
	if len(i.CSR) == 0 {
		return ca.NotFound(ca.E2101, i.Certificate.PublicName()+" came of no request", "certificates of authorities have none")
	}
	return a.give(answer{
		value: struct {
			CSR []byte `json:"csr"`
		}{i.CSR},
		text: pemText(requestLabel, [][]byte{i.CSR}), der: [][]byte{i.CSR}, label: requestLabel, names: []string{string(i.Certificate.Request)},
	})
}

// olderOnes counts the other certificates with the name that was asked for; it
// is 0 if a serial was. At ca.MaxPage it stops counting.
func olderOnes(ctx context.Context, k *client.Client, ref string, shown ca.Certificate) (int, error) {
	ref = strings.TrimSpace(ref)
	if !bears(shown, ref) {
		return 0, nil
	}
	page, err := k.Certificates(ctx, ca.Filter{Name: ref, Limit: ca.MaxPage})
	return max(len(page.Items)-1, 0), err
}

// bears tells whether a certificate is called what was asked for, and whether a list
// can be asked for it: *.suffix means all names below, and quotes are the shell's.
func bears(c ca.Certificate, ref string) bool {
	ref = strings.TrimSpace(ref)
	named := strings.EqualFold(c.Common, ref)
	for _, n := range c.Names {
		named = named || strings.EqualFold(n.Value, ref)
	}
	return named && !strings.HasPrefix(ref, "*.") && !strings.ContainsAny(ref, " '\"$`\\")
}

func showText(c ca.Certificate) string {
	revoked, held, subject, print, fell := "", "", "", "", ""
	if c.IssuerRevoked != "" && c.Revoked == nil {
		fell = c.IssuerRevoked + " is revoked: whoever checks the whole chain does not take this certificate"
	}
	if c.Revoked != nil {
		revoked = fmt.Sprintf("since %s, for %s", atTime(c.Revoked.At), c.Revoked.Reason)
		if !c.Revoked.InvalidSince.IsZero() {
			revoked += ", invalid since " + atTime(c.Revoked.InvalidSince)
		}
		if c.Revoked.Reason == ca.CertificateHold { // the word that list has
			revoked, held = "", revoked
		}
	}
	if x, err := x509.ParseCertificate(c.DER); err == nil {
		subject, print = ca.EncodedName(x.RawSubject), fingerprint(c.DER)+" (SHA-256)"
	}
	return table([][2]string{
		{"certificate", c.PublicName()}, {"kind", string(c.Kind)}, {"subject", subject}, {"names", joined(c.Names)}, {"serial", string(c.Serial)},
		{"profile", c.Profile}, {"key", c.KeyType}, {"key SHA-256", c.Key.String()}, {"fingerprint", print}, {"asked by", c.Owner + " through " + string(c.Door)},
		{"contact", c.Contact}, {"tags", strings.Join(c.Tags, ", ")},
		{"valid", span(c.NotBefore, c.NotAfter)}, {"revoked", revoked}, {"held", held}, {"issuer", fell}, {"log entry", fmt.Sprint(c.ID.Index())},
	})
}

func joined(names []ca.Name) string {
	all := make([]string, len(names))
	for i, n := range names {
		all[i] = n.String()
	}
	return strings.Join(all, ", ")
}

func span(from, to time.Time) string {
	return atTime(from) + " to " + atTime(to)
}

// table is table as the terminal has room for it.
func (a *app) table(rows [][2]string) string { return fitted(table(rows), columnsOf(a.out)) }

// table is a list of properties. Rows without a value are left out; texts of
// strangers are quoted where they would play tricks on a terminal.
func table(rows [][2]string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		if row[1] == "" {
			continue
		}
		if !ca.PlainText(row[1]) {
			row[1] = ca.Show(row[1])
		}
		fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
	}
	_ = w.Flush() // a builder takes everything
	return b.String()
}
