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
	"chancery/signer"
	"chancery/signer/wire"
)

func (a *app) crlCommand() *cobra.Command {
	c := &cobra.Command{Use: "crl", Short: "The lists of revoked certificates", Example: "  chancery crl show\n  chancery crl publish\n  chancery crl fetch --chain --out /etc/nginx/crls.pem"}
	c.AddCommand(a.crlShow(), a.crlPublish(), a.crlFetch())
	return c
}

func (a *app) crlPublish() *cobra.Command {
	var name, words string
	var days int
	var dry bool
	c := &cobra.Command{
		Use: "publish", Short: "Make and publish a new list now",
		Long:    "Makes and publishes new lists now, of every issuing authority: the complete one, the delta and the shards. The service does\nso by itself: after each revocation and once a day. The list of a root or an intermediate is made with its recovery words, for a year: name it with --ca.",
		Example: "  chancery crl publish\n  chancery crl publish --ca issuing-g1 --days 10\n  chancery crl publish --ca root-g1",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := someDays(c, days); err != nil {
				return err
			}
			if err := a.canGive(answer{value: []ca.List{}, rows: []ca.List{}}); err != nil {
				return err
			}
			return a.with(c.Context(), func(ctx context.Context, k *client.Client) error {
				if dry {
					return a.wouldPublish(ctx, k, name, days)
				}
				if of, err := k.Authority(ctx, name); name != "" && err == nil && of.Kind != ca.Issuing {
					return a.publishRoot(ctx, of, words, days)
				}
				return a.publish(ctx, k, name, days)
			})
		},
	}
	c.Flags().StringVar(&name, "ca", "", "only of this authority")
	c.Flags().IntVar(&days, "days", 0, "how long the list is valid (default: 7, those of sealed keys 365)")
	c.Flags().StringVar(&words, "recovery-file", "", "file with the recovery words, for a root or an intermediate (CHANCERY_PASSWORD_FILE)")
	dryFlag(c, &dry)
	a.completeFlag(c, "ca", completeAuthorities)
	return c
}

// publish publishes the list of one authority, or of all that can sign one.
func (a *app) publish(ctx context.Context, k *client.Client, name string, days int) error {
	names, err := publishing(ctx, k, name)
	if err != nil {
		return err
	}
	var lists []ca.List
	var b strings.Builder
	p := a.progress(task{what: "publish", of: "lists were published", total: int64(len(names))})
	for _, name := range names {
		l, err := k.PublishList(ctx, name, days)
		if err != nil {
			p.end(ctx)
			return err
		}
		p.add(1)
		lists = append(lists, l)
		fmt.Fprintf(&b, "%s list %d of %s is published: %s, next by %s\n", a.mark(fine), l.Number, l.Authority, counted(int(l.Entries), "entry"), atTime(l.NextUpdate))
	}
	p.end(ctx)
	return a.give(answer{value: lists, text: b.String(), rows: lists, names: names})
}

// publishing are the authorities whose lists are meant by a name, or by none.
func publishing(ctx context.Context, k *client.Client, name string) (names []string, err error) {
	if name != "" {
		return []string{name}, nil
	}
	_, settled := k.Profiles(ctx) // which waits for the end of a start
	all, err := k.Authorities(ctx)
	if err := errors.Join(err, settled); err != nil {
		return nil, err
	}
	for _, one := range all {
		if one.Kind == ca.Issuing && one.Lists(time.Now()) {
			names = append(names, one.Name)
		}
	}
	return names, nil
}

// wouldPublish says which lists would be made, and refuses what could not be.
func (a *app) wouldPublish(ctx context.Context, k *client.Client, name string, days int) error {
	names, err := publishing(ctx, k, name)
	if err != nil {
		return err
	}
	heads, err := k.Lists(ctx, ca.CompleteList)
	if err != nil {
		return err
	}
	var b strings.Builder
	rows := []ca.List{}
	for _, name := range names {
		of, err := k.Authority(ctx, name)
		one, before := ca.List{Authority: name}, "none"
		if at := slices.IndexFunc(heads, func(h ca.ListHead) bool { return h.Authority == name }); at >= 0 {
			one.Number, before = heads[at].Number, fmt.Sprint(heads[at].Number)
		}
		switch {
		case err != nil:
		case of.External:
			err = ca.Refused(ca.E2111, "the key of "+name+" is elsewhere, and so are its lists", "make the list where the key is")
		case of.Kind == ca.Issuing:
			one, err = k.PlanList(ctx, name, days)
		default: // its words open the key, and whoever has them may make one
			one.Number++
		}
		if err != nil {
			return err
		}
		rows = append(rows, one)
		fmt.Fprintf(&b, "  ~ list of %s   %s → %d\n", name, before, one.Number)
	}
	return a.give(answer{value: rows, text: b.String() + "nothing was published\n", rows: rows, names: names})
}

// publishRoot has the list of a root, or of an intermediate, made at the ceremony
// socket: its words open the key for that one signature.
func (a *app) publishRoot(ctx context.Context, of ca.Authority, file string, days int) error {
	l, err := a.founded()
	if err != nil {
		return err
	}
	words, err := a.secret(ctx, byRecoveryFile, file, true)
	if err != nil {
		return err
	}
	var made ca.List
	err = a.during(ctx, "publish", func() (err error) {
		made, err = l.listByWords(ctx, signer.RootListing{Authority: of.Name, Words: words, Days: days})
		return err
	})
	if err != nil {
		return l.whereWords(err)
	}
	lists := []ca.List{made}
	return a.give(answer{value: lists, rows: lists, names: []string{of.Name},
		text: fmt.Sprintf("%s list %d of %s is published: %s, next by %s\n", a.mark(fine), made.Number, of.Name, counted(int(made.Entries), "entry"), onDay(made.NextUpdate))})
}

// listByWords has the lists of a sealed key made, and publishes them.
func (l layout) listByWords(ctx context.Context, q signer.RootListing) (ca.List, error) {
	made, err := wire.Dial(dialPath(l.socket("ceremony"))).ListRoot(ctx, q)
	if err != nil {
		return ca.List{}, err
	}
	return made.List, l.place(made.Lists)
}
