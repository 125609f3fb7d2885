// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"

	"chancery/ca"
	"chancery/client"
)

// A fall is what falls, or fell, with a certificate whose key is compromised, as the service
// says it.
type fall struct {
	// named are those that the account may read; unnamed is how many more they are.
	named   []ca.Certificate
	unnamed int
}

// fallen gives what falls with a certificate, the first of them as the book has them.
func (a *app) fallen(ctx context.Context, k *client.Client, after ca.Aftermath) (f fall, err error) {
	f.named, err = a.lookedUp(ctx, k, after.Also, shownFirst)
	f.unnamed = after.AlsoUnnamed
	return f, err
}

// lookedUp gives certificates by their public names, the first n of them as the book has them,
// and of the rest what their names say.
func (a *app) lookedUp(ctx context.Context, k *client.Client, names []string, n int) ([]ca.Certificate, error) {
	all, errs := make([]ca.Certificate, len(names)), make([]error, len(names))
	for i, name := range names {
		all[i].Authority, all[i].Serial, errs[i] = ca.ParsePublicName(name)
	}
	n = min(n, len(names))
	p := a.progress(task{what: "look up", of: "certificates of compromised keys were looked up", total: int64(n)})
	err := each(ctx, n, func(i int) {
		defer p.add(1)
		var issued ca.Issued
		if issued, errs[i] = k.Certificate(ctx, names[i]); errs[i] == nil {
			all[i] = issued.Certificate
			all[i].DER = nil
		}
	})
	p.end(ctx)
	for i := range errs {
		if err == nil {
			err = errs[i]
		}
	}
	return all, err
}

// String names what falls, for people.
func (f fall) String() string {
	n := len(f.named) + f.unnamed
	if n == 0 {
		return ""
	}
	text := fmt.Sprintf("  With it: %s of the same key", counted(n, "other certificate"))
	if len(f.named) == 0 {
		return text + ", named only to who may read them\n"
	}
	shown := f.named[:min(len(f.named), shownFirst)]
	text += ":\n"
	for _, c := range shown {
		text += fmt.Sprintf("    %s   %s\n", c.Title(), c.PublicName())
	}
	more, hidden := len(f.named)-len(shown), f.unnamed
	if len(f.named) == ca.MaxAlso { // the service names no more
		more, hidden = more+hidden, 0
	}
	if more > 0 {
		text += fmt.Sprintf("    and %d more\n", more)
	}
	if hidden > 0 {
		text += fmt.Sprintf("    %d of them are named only to who may read them\n", hidden)
	}
	return text
}

// issuersOf are the authorities of some certificates, each once.
func issuersOf(all []ca.Certificate) (names []string) {
	for _, c := range all {
		if !slices.Contains(names, c.Authority) {
			names = append(names, c.Authority)
		}
	}
	return names
}
