// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
	"chancery/format"
)

// reachWait bounds the look whether somebody answers at a list's address.
const reachWait = 3 * time.Second

// A published is a list as it lies at its address.
type published struct {
	ca.List
	// Kind is complete, delta, arl or shard:N.
	Kind string `json:"kind"`
	// Address is where it is for everybody.
	Address string `json:"address"`
	// Reach says what is wrong with the address; empty where it answers, or was not asked.
	Reach string `json:"reach,omitempty"`
	Size  int    `json:"size"`
	// Reasons counts the entries by reason.
	Reasons map[string]int `json:"reasons"`
	der     []byte
	asked   bool // whether the address was
}

// A listing is which published lists are meant.
type listing struct {
	authority string
	kind      string
}

func (a *app) crlShow() *cobra.Command {
	var q listing
	c := &cobra.Command{
		Use: "show", Short: "Show the published lists: numbers, dates, entries",
		Long: "Shows the newest list of each authority as it is published, and whether it can be had at its address. Beside the complete\n" +
			"list, which every program understands, there is a delta of what changed since the day before (--kind delta), the shards of\n" +
			"an authority that has some (--kind shard:0), and of a root or intermediate the list of CA certificates alone (--kind arl).",
		Example: "  chancery crl show\n  chancery crl show --ca issuing-g1 -o pem > issuing.crl.pem\n  chancery crl show --kind delta",
		RunE: func(c *cobra.Command, _ []string) error {
			return a.lists(c.Context(), q, func(ctx context.Context, _ *client.Client, all []published) error {
				if a.form() == asDER && len(all) > 1 && !a.quiet {
					return usage(fmt.Sprintf("DER holds one list, and there are %d", len(all)), "chancery crl show --ca "+all[len(all)-1].Authority+" -o der > FILE, or -o pem for all of them")
				}
				if form := a.form(); form != asPEM && form != asDER {
					reach(ctx, all)
				}
				x := answer{value: all, text: fitted(crlText(all, wallClock()()), columnsOf(a.out)), rows: all, columns: []string{"authority", "kind", "number", "this_update", "next_update", "entries", "size", "reasons"}, label: crlLabel}
				x.long = func(w io.Writer) error {
					for _, one := range all {
						if err := format.ListText(w, one.der); err != nil {
							return err
						}
					}
					return nil
				}
				for _, one := range all {
					x.names, x.der = append(x.names, one.Authority), append(x.der, one.der)
				}
				return a.give(x)
			})
		},
	}
	c.Flags().StringVar(&q.authority, "ca", "", "only of this authority")
	c.Flags().StringVar(&q.kind, "kind", ca.CompleteList.String(), "complete, delta, arl or shard:N")
	a.completeFlag(c, "ca", completeAuthorities)
	_ = c.RegisterFlagCompletionFunc("kind", fixed("complete", "delta", "arl", "shard:0")) // the flag is there
	return c
}

// crlLabel is that of RFC 7468 §6.
const crlLabel = "X509 CRL"

// lists gets the published lists of a kind, of all authorities or of one.
func (a *app) lists(ctx context.Context, q listing, do func(context.Context, *client.Client, []published) error) error {
	scope, err := ca.ParseListScope(q.kind)
	if err != nil {
		return err
	}
	return a.with(ctx, func(ctx context.Context, k *client.Client) error {
		_, settled := k.Profiles(ctx) // which waits for the end of a start
		authorities, err := k.Authorities(ctx)
		if err != nil {
			return err
		} else if len(authorities) == 0 {
			return settled
		}
		if q.authority != "" {
			authorities = slices.DeleteFunc(authorities, func(one ca.Authority) bool { return one.Name != q.authority })
			if len(authorities) == 0 {
				return ca.NotFound(ca.E2101, "there is no authority "+ca.Show(q.authority), "chancery ca list")
			}
		}
		if err := ca.HaveList(authorities, scope); err != nil {
			return err
		}
		var all []published
		for _, one := range authorities {
			if !slices.Contains(one.ListScopes(), scope) && q.authority == "" {
				continue
			}
			l, err := fetchList(ctx, k, one, scope)
			var none *ca.Problem
			if q.authority == "" && errors.As(err, &none) && none.Kind == ca.NotFoundKind {
				continue // it was just made, or its key is elsewhere
			}
			if err != nil {
				return err
			}
			all = append(all, l)
		}
		return do(ctx, k, all)
	})
}

func fetchList(ctx context.Context, k *client.Client, of ca.Authority, scope ca.ListScope) (published, error) {
	der, err := k.CRL(ctx, ca.ListName(of.Name, scope))
	if err != nil {
		return published{}, err
	}
	l, err := x509.ParseRevocationList(der)
	if err != nil {
		return published{}, fmt.Errorf("read the list of %s: %w", of.Name, err)
	}
	p := published{
		List: ca.List{Authority: of.Name, Scope: scope, Number: l.Number.Int64(), Base: baseOf(l), ThisUpdate: l.ThisUpdate, NextUpdate: l.NextUpdate, Entries: len(l.RevokedCertificateEntries)},
		Kind: scope.String(), Size: len(der), Address: of.ListAddress(scope), Reasons: map[string]int{}, der: der,
	}
	for _, e := range l.RevokedCertificateEntries {
		p.Reasons[ca.Reason(e.ReasonCode).String()]++
	}
	return p, nil
}

// baseOf is the number of a delta's base (RFC 5280 §5.2.4), 0 of any other list.
func baseOf(l *x509.RevocationList) int64 {
	for _, e := range l.Extensions {
		n := new(big.Int)
		if _, err := asn1.Unmarshal(e.Value, &n); e.Id.String() == "2.5.29.27" && err == nil && n.IsInt64() {
			return n.Int64()
		}
	}
	return 0
}

// reach asks at the lists' addresses for the first octet, of one host once if it is silent.
func reach(ctx context.Context, all []published) {
	silent := map[string]string{}
	for i := range all {
		l := &all[i]
		if l.Address == "" {
			continue
		}
		l.asked = true
		host := hostAt(l.Address)
		if l.Reach = silent[host]; l.Reach != "" {
			continue
		}
		if err := answers(ctx, l.Address); err != nil {
			l.Reach = manner(err)
			silent[host] = l.Reach
		}
	}
}

func answers(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, reachWait)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Range", "bytes=0-0")
	got, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r) // neither proxies nor redirections: see fetchAddress
	if err != nil {
		return err
	}
	if got.StatusCode != http.StatusOK && got.StatusCode != http.StatusPartialContent {
		err = errors.New(got.Status)
	}
	return errors.Join(err, got.Body.Close())
}

func crlText(all []published, now time.Time) string {
	var b strings.Builder
	for i, l := range all {
		if i > 0 {
			b.WriteByte('\n')
		}
		var reasons []string
		for _, r := range append(ca.Reasons(), ca.RemoveFromCRL.String()) {
			if n := l.Reasons[r]; n > 0 {
				reasons = append(reasons, fmt.Sprintf("%d %s", n, r))
			}
		}
		entries := fmt.Sprint(l.Entries)
		if len(reasons) > 0 {
			entries += ": " + strings.Join(reasons, ", ")
		}
		kind, at := l.Scope.String(), l.Address
		if l.Base > 0 {
			kind += fmt.Sprintf(", upon list %d and later ones", l.Base)
		}
		switch {
		case l.Reach != "":
			at += "   (not to be had there: " + l.Reach + ")"
		case l.asked:
			at += "   (answers)"
		}
		b.WriteString(table([][2]string{
			{"list of", l.Authority}, {"kind", kind}, {"number", fmt.Sprint(l.Number)}, {"issued", atTime(l.ThisUpdate) + "   (" + aged(now.Sub(l.ThisUpdate)) + " old)"},
			{"next by", atTime(l.NextUpdate)}, {"entries", entries}, {"octets", fmt.Sprint(l.Size)}, {"address", at},
		}))
	}
	return b.String()
}

// aged is an age in the largest unit that fits.
func aged(d time.Duration) string {
	switch d = max(d, 0); {
	case d < 2*time.Minute:
		return counted(int(d.Seconds()), "second")
	case d < 2*time.Hour:
		return counted(int(d.Minutes()), "minute")
	case d < 48*time.Hour:
		return counted(int(d.Hours()), "hour")
	}
	return counted(int(d.Hours()/24), "day")
}
