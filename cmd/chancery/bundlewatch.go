// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"chancery/ca"
	"chancery/client"
)

// watchBundle writes the bundle's file after each change until ctx ends.
func (a *app) watchBundle(ctx context.Context, q bundling) error {
	w := &watcher{app: a, file: q.handing, command: q.command, every: watchEvery}
	return w.watch(ctx, func(ctx context.Context) error {
		return a.running(ctx, func(ctx context.Context, k *client.Client) error {
			_, settled := k.Profiles(ctx) // which waits for the end of a start
			all, err := k.Authorities(ctx)
			if err := errors.Join(err, settled); err != nil {
				return err
			}
			mark, err := q.mark(ctx, k, all)
			if err != nil {
				return err
			}
			return w.sees(ctx, mark, func() ([]byte, string, error) {
				b, body, err := a.bundle(ctx, k, all, q)
				return body, told(b), err
			})
		})
	})
}

// mark names a state of the bundle, and of the lists, if they are in the file.
func (q bundling) mark(ctx context.Context, k *client.Client, all []ca.Authority) (string, error) {
	b := q.of(all)
	mark := fmt.Sprint(b.Number) + " " + b.Hash.String()
	if !q.lists {
		return mark, nil
	}
	heads, err := headMark(ctx, k)
	return mark + " " + heads, err
}

// headMark names a state of all published complete lists.
func headMark(ctx context.Context, k *client.Client) (string, error) {
	heads, err := k.Lists(ctx, ca.CompleteList)
	var mark []string
	for _, h := range heads {
		mark = append(mark, fmt.Sprintf("%s:%d", h.Authority, h.Number))
	}
	return strings.Join(mark, " "), err
}
