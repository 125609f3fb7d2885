// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
	"chancery/signer"
	"chancery/signer/wire"
)

// A recovery is what recover was asked for.
type recovery struct {
	reset   bool
	void    int64
	adopt   string
	confirm string
	dry     bool
}

func (a *app) recoverCommand() *cobra.Command {
	var r recovery
	c := &cobra.Command{
		Use: "recover", Short: "Decide what the service cannot decide by itself",
		Long: "Without a flag: lists the log's entries of which nobody here can say whether a certificate was handed out,\n" +
			"because the database went back (docs/recovery.md).\n\n" +
			"--adopt FILE: this certificate was handed out; it is taken into the database.\n" +
			"--void ENTRY: none was handed out; its serial number is reported revoked for good.\n" +
			"--time-reset: the signer refuses to sign while the clock is behind its log, or came apart from the\n" +
			"  machine's own count. If the clock is right now, this takes it for right, and puts that on the log.",
		Example: "  chancery recover\n  chancery recover --adopt nas.pem\n  chancery recover --void 4711 --confirm 4711\n  chancery recover --time-reset --confirm 2026-11-21",
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case r.reset:
				return a.resetTime(c.Context(), r)
			case r.adopt != "":
				return a.adopt(c.Context(), r)
			case c.Flags().Changed("void"):
				return a.void(c.Context(), r)
			}
			return a.with(c.Context(), func(ctx context.Context, k *client.Client) error {
				all, err := k.Unknown(ctx)
				if err != nil {
					return err
				}
				if len(all) == 0 {
					fmt.Fprintln(a.err, "nothing has to be decided")
				}
				return a.give(answer{value: all, text: unknownText(all, columnsOf(a.out)), rows: all, columns: []string{"index", "serial", "common_name", "names", "owner", "at"}})
			})
		},
	}
	c.Flags().BoolVar(&r.reset, "time-reset", false, "take the clock of this machine for right")
	c.Flags().StringVar(&r.adopt, "adopt", "", "file of a certificate that was handed out")
	c.Flags().Int64Var(&r.void, "void", 0, "log entry whose certificate was not handed out")
	c.Flags().StringVar(&r.confirm, "confirm", "", "the entry, or today's date, instead of typing it when asked")
	dryFlag(c, &r.dry)
	c.MarkFlagsMutuallyExclusive("time-reset", "adopt", "void")
	return c
}

func unknownText(all []ca.Unknown, columns int) string {
	if len(all) == 0 {
		return ""
	}
	g := newGrid("ENTRY", "NAMES", "PROFILE", "ASKED BY", "AT", "SERIAL")
	for _, u := range all {
		g.row(u.Index, joined(u.Names), u.Profile, u.Owner, atTime(u.At), "…"+u.Serial.Tail())
	}
	return g.text(columns)
}

// adopt brings a certificate to the intent of its serial number.
func (a *app) adopt(ctx context.Context, r recovery) error {
	if err := a.canGive(answer{value: ca.Unknown{}}); err != nil {
		return err
	}
	text, err := a.readInput(r.adopt)
	if err != nil {
		return err
	}
	der := text
	if block, _ := pem.Decode(text); block != nil {
		der = block.Bytes
	}
	x, err := x509.ParseCertificate(der)
	if err != nil {
		return ca.Invalid(ca.E2203, r.adopt+" holds no certificate", "name a file with one certificate, in PEM or DER").Because(err.Error())
	}
	serial, err := ca.SerialFromBytes(x.SerialNumber.Bytes())
	if err != nil {
		return err
	}
	return a.with(ctx, func(ctx context.Context, k *client.Client) error {
		all, err := k.Unknown(ctx)
		if err != nil {
			return err
		}
		for _, u := range all {
			if u.Serial != serial {
				continue
			}
			if r.dry {
				if err := k.PlanDecide(ctx, u.Index, ca.Decision{DER: der}); err != nil {
					return err
				}
				return a.print(u, fmt.Sprintf("  ~ entry %d: the certificate …%s would be in the database\nnothing was changed\n", u.Index, serial.Tail()))
			}
			if err := k.Decide(ctx, u.Index, ca.Decision{DER: der}); err != nil {
				return err
			}
			return a.print(u, fmt.Sprintf("%s entry %d: the certificate …%s is in the database\n", a.mark(fine), u.Index, serial.Tail()))
		}
		return ca.NotFound(ca.E2101, "no entry with the serial number of this certificate has to be decided", "chancery recover")
	})
}

// void says that no certificate was handed out for an intent.
func (a *app) void(ctx context.Context, r recovery) error {
	if err := a.canGive(answer{value: struct{}{}}); err != nil {
		return err
	}
	if r.dry {
		return a.wouldVoid(ctx, r.void)
	}
	typed := r.confirm
	if typed == "" {
		if err := a.unanswered("this cannot be undone", byConfirm.with(fmt.Sprint(r.void))); err != nil {
			return err
		}
		var err error
		if typed, err = a.answer(ctx, byConfirm, prompt{text: "Type the number of the entry to void"}); err != nil {
			return err
		}
	}
	if typed != fmt.Sprint(r.void) {
		return usage(fmt.Sprintf("%s is not the entry %d, so nothing was changed", ca.Show(typed), r.void), "chancery recover")
	}
	return a.with(ctx, func(ctx context.Context, k *client.Client) error {
		if err := k.Decide(ctx, r.void, ca.Decision{Void: true}); err != nil {
			return err
		}
		return a.print(struct{}{}, fmt.Sprintf("%s entry %d is void, and its serial number is reported revoked\n", a.mark(fine), r.void))
	})
}

// wouldVoid says what would be void.
func (a *app) wouldVoid(ctx context.Context, entry int64) error {
	return a.with(ctx, func(ctx context.Context, k *client.Client) error {
		all, err := k.Unknown(ctx)
		if err != nil {
			return err
		}
		for _, u := range all {
			if u.Index == entry {
				return a.print(struct{}{}, fmt.Sprintf("  ~ entry %d: void, and the serial number …%s reported revoked\nnothing was changed\n", entry, u.Serial.Tail()))
			}
		}
		return ca.NotFound(ca.E2101, fmt.Sprintf("leaf %d is not an intent that has to be decided", entry), "chancery recover")
	})
}

// resetTime has the signer take the clock for right.
func (a *app) resetTime(ctx context.Context, r recovery) error {
	if err := a.canGive(answer{value: signer.TimeBody{}}); err != nil {
		return err
	}
	l, err := a.founded()
	if err != nil {
		return err
	}
	at := wire.Dial(dialPath(l.socket("ceremony")))
	if r.dry {
		if _, err := at.Keys(ctx); err != nil {
			return l.silent(err)
		}
		now := wallClock()()
		return a.print(signer.TimeBody{After: now}, fmt.Sprintf("  ~ the clock, which says %s, would be taken for right\nnothing was changed\n", atTime(now)))
	}
	if err := a.today(ctx, r.confirm); err != nil {
		return err
	}
	t, err := at.ResetTime(ctx)
	if err != nil {
		return l.silent(err)
	}
	return a.print(t, fmt.Sprintf("%s the clock is taken for right: %s; the log's last time was %s\n", a.mark(fine), atTime(t.After), atTime(t.Before)))
}

// today has the date typed: who sets a clock by hand should have looked at another.
func (a *app) today(ctx context.Context, typed string) error {
	now := onDay(wallClock()())
	if typed == "" {
		if err := a.unanswered("this cannot be undone", byConfirm.with("YYYY-MM-DD")); err != nil {
			return err
		}
		var err error
		if typed, err = a.answer(ctx, byConfirm, prompt{text: "Today's date, by another clock"}); err != nil {
			return err
		}
	}
	if typed != now {
		return usage(fmt.Sprintf("the clock of this machine says %s, not %s, so nothing was changed", now, ca.Show(typed)), "set the clock first (timedatectl)")
	}
	return nil
}
