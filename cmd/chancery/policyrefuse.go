// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"chancery/ca"
	"chancery/policy"
)

// A refusal is what policy refuse-key was asked.
type refusal struct {
	consent
	file   string
	remove bool
}

func (a *app) policyRefuseKey() *cobra.Command {
	var q refusal
	c := &cobra.Command{
		Use: "refuse-key [SHA256...]", Short: "Refuse keys that are known to be compromised",
		Long: "Puts keys on the policy's list: no request with one is signed any more, under whatever profile. A key is named by the SHA-256\n" +
			"of its SubjectPublicKeyInfo, as `chancery show` prints it and public lists have it. Certificates of the key stay valid:\n" +
			"revoke them for keyCompromise.",
		Example: "  chancery policy refuse-key --file stolen.txt\n  chancery policy refuse-key --remove 3b0c…",
		RunE: func(c *cobra.Command, args []string) error {
			keys, err := a.digests(args, q.file)
			if err != nil {
				return err
			}
			return a.ceremonialAs(c.Context(), answer{value: []ca.Digest{}}, func(ctx context.Context, t *ceremony) error { return t.refuseKeys(ctx, q, keys) })
		},
	}
	f := c.Flags()
	f.StringVar(&q.file, "file", "", "file with a SHA-256 in each line, - for standard input")
	f.BoolVar(&q.remove, "remove", false, "take the keys off the list")
	planFlags(c, &q.dry, &q.yes)
	return c
}

// digests reads those of arguments and of a file's lines; empty lines and those that
// begin with # are skipped.
func (a *app) digests(args []string, file string) (all []ca.Digest, err error) {
	words := args
	if file != "" {
		text, err := a.readInput(file)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				words = append(words, line)
			}
		}
	}
	if len(words) == 0 || len(words) > policy.MaxRefusedKeys {
		return nil, usage(fmt.Sprintf("policy refuse-key takes 1 to %d keys", policy.MaxRefusedKeys), "chancery policy refuse-key --file stolen.txt")
	}
	all = make([]ca.Digest, len(words))
	for i, w := range words {
		if err := all[i].UnmarshalText([]byte(strings.ReplaceAll(strings.ToLower(w), ":", ""))); err != nil {
			return nil, usage(ca.Show(w)+" is not the SHA-256 of a key", "write 64 hex digits, as chancery show prints them")
		}
	}
	return all, nil
}

func (c *ceremony) refuseKeys(ctx context.Context, q refusal, keys []ca.Digest) error {
	b, err := c.bundle(ctx)
	if err != nil {
		return err
	}
	had, what := len(b.RefusedKeys), "refused"
	if q.remove {
		b, what = b.RefuseKeys(nil, keys), "no longer refused"
	} else {
		b = b.RefuseKeys(keys, nil)
	}
	changed := max(len(b.RefusedKeys)-had, had-len(b.RefusedKeys))
	if changed == 0 {
		return ca.NotFound(ca.E2101, "nothing of this changes the list of refused keys", "chancery policy show")
	}
	fmt.Fprintf(c.err, "  ~ refused keys   %d → %d\n", had, len(b.RefusedKeys))
	x := answer{value: b.RefusedKeys, text: fmt.Sprintf("%s now %s, %d in all", counted(changed, "key"), what, len(b.RefusedKeys))}
	for _, k := range b.RefusedKeys {
		x.names = append(x.names, k.String())
	}
	return c.putInForce(ctx, b, q.consent, x)
}
