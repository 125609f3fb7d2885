// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"
)

// runCommand is how the parent starts its children, and systemd its units.
func (a *app) runCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "run", Short: "Run one process of the service: for service managers",
		Example: "  chancery run signer --dir /var/lib/chancery\n  chancery run front --dir /var/lib/chancery",
	}
	c.AddCommand(a.processCommand("signer", "Run the process that holds the keys", runSigner),
		a.processCommand("front", "Run the process that listens and owns the database", runFront))
	return c
}

// processCommand runs one process with the descriptors it inherited.
func (a *app) processCommand(role, short string, run func(context.Context, layout, inherited, *slog.Logger) error) *cobra.Command {
	return &cobra.Command{
		Use: role, Short: short,
		Example: "  chancery run " + role + " --dir /var/lib/chancery\n  chancery run " + role + " --help",
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := a.layout()
			if err != nil {
				return err
			}
			tuneMemory()
			fds, err := inherit(a.env)
			if err != nil {
				return fmt.Errorf("take the inherited descriptors: %w", err)
			}
			return run(c.Context(), l, fds, slog.New(slog.NewTextHandler(bare(a.err), nil)).With("role", role))
		},
	}
}
