// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/signer/wire"
)

func (a *app) recoverCommand() *cobra.Command {
	var reset bool
	var confirm string
	c := &cobra.Command{
		Use: "recover", Short: "Decide what the service cannot decide by itself", Args: cobra.NoArgs,
		Long: "Decides what only a person can know.\n\n--time-reset: the signer refuses to sign while the clock is behind its log, or came apart from the\n" +
			"machine's own count. If the clock is right now, this takes it for right, and puts that on the log.",
		Example: "  chancery recover --time-reset\n  chancery recover --time-reset --confirm 2026-11-21",
		RunE: func(c *cobra.Command, _ []string) error {
			if !reset {
				return usage("recover takes what to decide", "chancery recover --time-reset")
			}
			l, err := a.founded()
			if err != nil {
				return err
			}
			if err := a.today(confirm); err != nil {
				return err
			}
			t, err := wire.Dial(dialPath(l.socket("ceremony"))).ResetTime(c.Context())
			if errors.Is(err, wire.ErrUnknown) {
				return ca.Unavailable(ca.E1201, "the signer does not answer", "chancery serve --dir "+l.dir).Because(err.Error())
			}
			if err != nil {
				return err
			}
			return a.print(t, fmt.Sprintf("%s the clock is taken for right: %s; the log's last time was %s\n", a.mark(fine), t.After.Format(time.RFC3339), t.Before.Format(time.RFC3339)))
		},
	}
	c.Flags().BoolVar(&reset, "time-reset", false, "take the clock of this machine for right")
	c.Flags().StringVar(&confirm, "confirm", "", "today's date, instead of typing it when asked")
	return c
}

// today has the date typed: who sets a clock by hand should have looked at another.
func (a *app) today(typed string) error {
	now := wallClock()().Format(time.DateOnly)
	if typed == "" {
		if !a.interactive() {
			return usage("this cannot be undone, and there is no terminal to ask at", "chancery recover --time-reset --confirm YYYY-MM-DD")
		}
		var err error
		if typed, err = a.answer("Today's date, by another clock", ""); err != nil {
			return err
		}
	}
	if typed != now {
		return usage(fmt.Sprintf("the clock of this machine says %s, not %s, so nothing was changed", now, ca.Show(typed)), "set the clock first (timedatectl)")
	}
	return nil
}
