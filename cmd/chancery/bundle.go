// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/client"
)

func (a *app) caBundle() *cobra.Command {
	return &cobra.Command{
		Use: "bundle", Short: "Print the roots in PEM: what others must trust", Example: "  chancery ca bundle > ca.pem\n  chancery ca bundle | openssl x509 -noout -fingerprint -sha256",
		RunE: func(c *cobra.Command, _ []string) error {
			return a.authorities(c.Context(), func(_ context.Context, _ *client.Client, all []ca.Authority) error {
				var roots [][]byte
				var kept []ca.Authority
				for _, one := range all {
					if one.Kind == ca.Root {
						roots, kept = append(roots, one.Certificate), append(kept, one)
					}
				}
				return a.give(answer{value: kept, text: pemText(certificateLabel, roots), der: roots, label: certificateLabel})
			})
		},
	}
}
