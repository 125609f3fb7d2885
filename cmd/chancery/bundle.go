// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
	"chancery/format"
	"chancery/status"
)

// A bundling is what ca bundle was asked.
type bundling struct {
	handing
	line    string
	secret  string // file with the password of jks and p12
	lists   bool
	roots   bool // and nothing below them
	watch   bool
	command string // of --exec
}

func (a *app) caBundle() *cobra.Command {
	q := bundling{}
	c := &cobra.Command{
		Use: "bundle", Short: "Print what others must trust: the authorities, old and new",
		Long: "Prints each authority that is to be trusted, the oldest first: during a rollover old and new together. What is\n" +
			"retired is left out, which takes nothing from who trusts the root above it. --crls adds the newest list of each to the\n" +
			"same file, as openssl takes them; servers mostly want the lists in a file of their own: chancery crl show -o pem.\n" +
			"Who has no list is named. --roots leaves out all but the roots: it is what to trust where name constraints between\n" +
			"root and leaf must hold (docs/name-constraints.md). --watch keeps a file up to date while the service runs, and runs a\n" +
			"command after each change and once at its start.\n\n" +
			"jks and p12 are trust stores for Java; their password is " + status.StorePassword + " unless --password-file names another.",
		Example: "  chancery ca bundle > ca.pem\n  chancery ca bundle --line issuing --format p12 --out trust.p12\n  chancery ca bundle --out /etc/nginx/clients.pem --watch --exec 'systemctl reload nginx'",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := q.judge(); err != nil {
				return err
			}
			if form := a.form(); form == asPEM || form == asDER {
				q.form = form
			}
			if err := a.canHand(q.handing, bundleAnswer(ca.Bundle{}, nil, "")); err != nil {
				return err
			}
			if err := q.readPassword(); err != nil {
				return err
			}
			if q.watch {
				return a.watchBundle(c.Context(), q)
			}
			return a.authorities(c.Context(), func(ctx context.Context, k *client.Client, all []ca.Authority) error {
				b, body, err := a.bundle(ctx, k, all, q)
				if err != nil {
					return err
				}
				return a.hand(q.handing, body, bundleAnswer(b, body, q.form))
			})
		},
	}
	f := c.Flags()
	f.StringVar(&q.line, "line", "", "only of this line, such as issuing")
	f.StringVar(&q.form, "format", asPEM, "pem, der (of one certificate), p7b, jks or p12")
	f.StringVar(&q.out, "out", "", "file to write, or to replace with the bundle of today; - is standard output")
	f.StringVar(&q.secret, "password-file", "", "file with the password of jks and p12")
	f.BoolVar(&q.roots, "roots", false, "only the roots: for who checks a chain that comes with its intermediates")
	f.BoolVar(&q.lists, "crls", false, "add the newest list of each authority, the root's included (pem, p7b)")
	f.BoolVar(&q.watch, "watch", false, "stay, and write --out anew after each change")
	f.StringVar(&q.command, "exec", "", "with --watch: what a shell runs after each change, and at the start")
	_ = c.RegisterFlagCompletionFunc("format", fixed(append(slices.Clone(status.Forms), asDER)...)) // the flag is there
	a.completeFlag(c, "line", completeLines)
	return c
}

// of is the bundle that was asked for.
func (q bundling) of(all []ca.Authority) ca.Bundle {
	b := ca.BundleOf(all, q.line)
	if q.roots {
		return b.Roots()
	}
	return b
}

// judge refuses what does not go together.
func (q bundling) judge() error {
	switch {
	case q.form != asDER && !slices.Contains(status.Forms, q.form):
		return usage("--format "+ca.Show(q.form)+" is no form of a bundle", "use pem, der, p7b, jks or p12")
	case q.lists && q.form != asPEM && q.form != asP7B:
		return usage("--crls is for pem and p7b: the other forms hold no lists", "chancery ca bundle --crls --out ca.pem")
	case q.secret != "" && q.form != asJKS && q.form != asP12:
		return usage("--password-file is for jks and p12: the other forms have no password", "leave it out")
	}
	return watching(q.watch, q.handing, q.command, "chancery ca bundle --watch --out ca.pem")
}

func (q *bundling) readPassword() (err error) {
	if q.password = status.StorePassword; q.secret != "" {
		q.password, err = readSecret(q.secret, byPasswordFile)
	}
	return err
}

func completeLines(ctx context.Context, k *client.Client) ([]string, error) {
	all, err := k.Authorities(ctx)
	var words []string
	for _, one := range all {
		if !slices.Contains(words, one.Line) {
			words = append(words, one.Line)
		}
	}
	return words, err
}

// bundle makes the bundle that was asked for, and its file.
func (a *app) bundle(ctx context.Context, k *client.Client, all []ca.Authority, q bundling) (b ca.Bundle, body []byte, err error) {
	b = q.of(all)
	if len(b.Members) == 0 {
		return b, nil, ca.NotFound(ca.E2101, "there is no authority of the line "+ca.Show(q.line)+" to trust", "chancery ca list")
	}
	if q.form == asDER {
		if len(b.Members) > 1 {
			return b, nil, usage(fmt.Sprintf("DER holds one certificate, and the bundle has %d", len(b.Members)), "chancery ca bundle --format p7b, or chancery ca show NAME -o der")
		}
		return b, b.Members[0].Certificate, nil
	}
	var lists [][]byte
	if q.lists {
		if lists, err = a.listsOf(ctx, k, q.listed(all, b.Members)); err != nil {
			return b, nil, err
		}
	}
	if q.form == asP7B {
		body, err = format.P7B(b.Certificates(), lists)
		return b, body, err
	}
	body, err = status.BundleFile(b, q.form, q.password)
	return b, append(body, pemText(crlLabel, lists)...), err
}

// listed are those whose lists belong into the file: the members, and the retired of their
// lines, whose certificates are good for whoever trusts the root, and can be revoked.
func (q bundling) listed(all, members []ca.Authority) []ca.Authority {
	out := slices.Clone(members)
	for _, one := range all {
		if one.State == ca.Retired && one.Lists(time.Now()) && (q.line == "" || one.Line == q.line) {
			out = append(out, one)
		}
	}
	return out
}

// listsOf gets the published list of each authority. Who has none is named and left out: the
// lists of the others, and what left the bundle, must not wait for it. Servers refuse what
// is below that one until its list is there, and nothing that was revoked is let in.
func (a *app) listsOf(ctx context.Context, k *client.Client, members []ca.Authority) (lists [][]byte, err error) {
	for _, one := range members {
		der, err := k.CRL(ctx, one.Name)
		var p *ca.Problem
		if missing := errors.As(err, &p) && p.Kind == ca.NotFoundKind; missing && one.External {
			where := "at an address that its certificates do not say"
			if one.CRL != "" {
				where = one.CRL
			}
			a.note("the list of %s is not in this file, since its key is elsewhere: %s", one.Name, where)
			continue
		} else if missing {
			fmt.Fprintf(a.err, "%s there is no list of %s: servers that read lists from this file refuse what is below it   → %s\n", a.mark(warned), one.Name, a.says("crl publish --ca "+one.Name))
			continue
		}
		if err != nil {
			return nil, err
		}
		lists = append(lists, der)
	}
	return lists, nil
}

func bundleAnswer(b ca.Bundle, body []byte, form string) answer {
	x := answer{value: b, der: b.Certificates(), label: certificateLabel, names: []string{fmt.Sprint(b.Number)}}
	if form == asPEM {
		x.text = string(body)
	}
	return x
}

// told says what a bundle is in a line.
func told(b ca.Bundle) string {
	names := make([]string, len(b.Members))
	for i, one := range b.Members {
		names[i] = one.Name
	}
	return fmt.Sprintf("bundle %d: %s", b.Number, strings.Join(names, ", "))
}
