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

// An annotating is what annotate was asked.
type annotating struct {
	contact     string
	named       bool // whether a contact was given, which may be empty
	tags, untag []string
	dry         bool
}

func (a *app) annotateCommand() *cobra.Command {
	var q annotating
	c := &cobra.Command{
		Use: "annotate SERIAL|NAME|FILE", Short: "Say whom to ask about a certificate, and tag it",
		Long: "Changes what lists and show say beside a certificate: whom to ask about it, and words to find it by (list --tag). The certificate,\n" +
			"its owner and what it may be used for stay. Its owner may, and every ca-admin.",
		Example:           "  chancery annotate nas.lab.example --contact hana@lab.example --tag web,prod\n  chancery annotate nas.lab.example --untag prod --contact ''\n  chancery list --tag web",
		ValidArgsFunction: a.first(completeCertificates, cobra.ShellCompDirectiveDefault),
		RunE: func(c *cobra.Command, args []string) error {
			q.named = c.Flags().Changed("contact")
			if len(args) != 1 || !q.named && len(q.tags)+len(q.untag) == 0 {
				return usage("annotate takes one certificate, and --contact, --tag or --untag", "chancery annotate nas.lab.example --contact hana@lab.example")
			}
			if err := a.canGive(answer{value: ca.Certificate{}}); err != nil {
				return err
			}
			return a.with(c.Context(), func(ctx context.Context, k *client.Client) error { return a.annotate(ctx, k, args[0], q) })
		},
	}
	f := c.Flags()
	f.StringVar(&q.contact, "contact", "", "whom to ask about it, such as an address; '' for nobody")
	f.StringSliceVar(&q.tags, "tag", nil, "words to add: lower-case letters, digits and -_.:/=")
	f.StringSliceVar(&q.untag, "untag", nil, "words to take away")
	dryFlag(c, &q.dry)
	return c
}

// change is what becomes otherwise of a certificate.
func (q annotating) change(c ca.Certificate) (out ca.AnnotationChange) {
	if q.named {
		out.Contact = &q.contact
	}
	if len(q.tags)+len(q.untag) > 0 {
		tags := slices.DeleteFunc(slices.Concat(c.Tags, q.tags), func(t string) bool { return slices.Contains(q.untag, t) })
		out.Tags = &tags
	}
	return out
}

func (a *app) annotate(ctx context.Context, k *client.Client, ref string, q annotating) error {
	one, err := theOne(ctx, k, ref, "chancery ca show")
	if err != nil {
		return err
	}
	do, end := k.Annotate, ""
	if q.dry {
		do, end = k.PlanAnnotate, "nothing was changed\n"
	}
	i, err := do(ctx, one.PublicName(), q.change)
	if err != nil {
		return err
	}
	c := i.Certificate
	c.DER = nil
	text := fmt.Sprintf("%s %s   contact %s   tags %s\n", a.mark(fine), c.Title(), orNone(c.Contact), orNone(strings.Join(c.Tags, ", ")))
	if q.dry {
		text = fmt.Sprintf("  ~ %s   contact %s → %s   tags %s → %s\n", c.Title(), orNone(one.Contact), orNone(c.Contact), orNone(strings.Join(one.Tags, ", ")), orNone(strings.Join(c.Tags, ", ")))
	}
	return a.give(answer{value: c, text: text + end, names: []string{c.PublicName()}})
}

// orNone is a text, or what stands for none.
func orNone(text string) string {
	switch {
	case text == "":
		return "none"
	case !ca.PlainText(text): // an address may have any letters, and no tricks
		return ca.Show(text)
	}
	return text
}
