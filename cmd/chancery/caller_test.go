// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"path/filepath"
	"slices"
	"sync/atomic"

	"chancery/ca"
	"chancery/client"
)

// A truth is what one caller was told, and what it asked and was not told. No list
// of the service's own has a part in it.
type truth struct {
	// told are certificates that were handed out, and what they are revoked by.
	told []held
	// keyed are the wishes of the current round that went with an idempotency key,
	// before those of earlier rounds.
	keyed, before []wanted
	// revoked are certificates whose revocation was acknowledged; unsure are those
	// of which that was asked and never answered.
	revoked, unsure []held
}

// A held is a certificate as its holder has it.
type held struct {
	name   string // its public name
	serial ca.Serial
	der    []byte
	chain  string // in PEM, as it was served
}

// A wanted is a wish with a key, and the certificate that it gave, if it was told.
type wanted struct {
	order client.Order
	der   []byte
}

// A caller is a client with a truth of its own. It is of one goroutine.
type caller struct {
	truth
	name     string
	coins    *mathrand.Rand
	requests [][]byte
	n        int
	// open are certificates that it may still revoke.
	open []held
}

// requests makes n requests of one key, for names of their own: what they cost is
// not the load's.
func requests(n int) ([][]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	all := make([][]byte, n)
	for i := range all {
		if all[i], err = requestFor(key, "", []string{fmt.Sprintf("n%d.lab.example", i)}); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// A load is what callers share while a process is killed under them.
type load struct {
	// served is closed by the first answer.
	served chan struct{}
	first  atomic.Bool
	// killed says that somebody has died; each caller ends with the first answer it
	// gets after that.
	killed atomic.Bool
	// stays says that the service comes up again by itself, so that what failed is
	// asked again, blindly and with the same key.
	stays bool
}

// calls issues and revokes until the service is gone, or is back after a death. It
// tells whether the last call was answered.
func (c *caller) calls(ctx context.Context, dir string, l *load) bool {
	k, err := client.Dial(dialPath(filepath.Join(dir, "run", "admin.sock")))
	if err != nil {
		return false
	}
	defer k.Close()
	for {
		after := l.killed.Load()
		again := c.act(ctx, k)
		err := again()
		for err != nil && l.stays && ctx.Err() == nil {
			after = l.killed.Load()
			err = again()
		}
		if err != nil {
			return false
		}
		if l.first.CompareAndSwap(false, true) {
			close(l.served)
		}
		if after {
			return true
		}
	}
}

// act begins something, and gives what does it, once or again.
func (c *caller) act(ctx context.Context, k *client.Client) func() error {
	c.n++
	o := client.Order{CSR: c.requests[c.coins.IntN(len(c.requests))], Profile: "server"}
	switch p := c.coins.IntN(10); {
	case p < 2 && len(c.open) > 0:
		last := len(c.open) - 1
		v := c.open[last]
		c.open = c.open[:last]
		c.unsure = append(c.unsure, v)
		return func() error {
			r, err := k.Revoke(ctx, v.name, ca.Withdrawal{Reason: ca.Superseded})
			if err == nil && r.Revoked == nil {
				err = fmt.Errorf("the answer to a revocation says that %s is not revoked", v.name)
			}
			if err == nil {
				c.unsure, c.revoked = c.unsure[:len(c.unsure)-1], append(c.revoked, v)
			}
			return err
		}
	case p < 7:
		o.Key = fmt.Sprintf("%s-%d", c.name, c.n)
		c.keyed = append(c.keyed, wanted{order: o})
		w := &c.keyed[len(c.keyed)-1]
		return func() error {
			v, err := issued(ctx, k, o)
			if err == nil {
				w.der = v.der
				c.takes(v)
			}
			return err
		}
	default:
		return func() error {
			v, err := issued(ctx, k, o)
			if err == nil {
				c.takes(v)
			}
			return err
		}
	}
}

// takes puts a certificate on the list; every other one is to be revoked later.
func (c *caller) takes(v held) {
	c.told = append(c.told, v)
	if len(c.told)%2 == 0 {
		c.open = append(c.open, v)
	}
}

func issued(ctx context.Context, k *client.Client, o client.Order) (held, error) {
	i, err := k.Issue(ctx, o)
	if err != nil {
		return held{}, err
	}
	if len(i.Certificate.DER) == 0 {
		return held{}, fmt.Errorf("the answer about %s has no certificate", i.Certificate.PublicName())
	}
	return held{i.Certificate.PublicName(), i.Certificate.Serial, i.Certificate.DER, chainText(i)}, nil
}

// asks sends each wish of the round with a key once more, and those that were never
// answered twice: a key gives one certificate, whoever died. At the end those of all
// rounds are asked about.
func (c *caller) asks(ctx context.Context, k *client.Client, all bool) error {
	wishes := c.keyed
	if all {
		wishes = append(wishes, c.before...)
	}
	for _, w := range wishes {
		if w.der == nil {
			v, err := issued(ctx, k, w.order)
			if err != nil {
				return fmt.Errorf("ask again with the key %s: %w", w.order.Key, err)
			}
			w.der = v.der
			c.takes(v)
		}
		v, err := issued(ctx, k, w.order)
		var p *ca.Problem
		if errors.As(err, &p) && p.Code == ca.E2111 && c.gaveUp(w.der) {
			v, err = held{der: w.der}, nil // what was revoked is not handed out again
		}
		if err != nil {
			return fmt.Errorf("ask again with the key %s: %w", w.order.Key, err)
		}
		if !bytes.Equal(v.der, w.der) {
			return fmt.Errorf("the key %s gave the certificate %s, and gives %s now", w.order.Key, pemText(certificateLabel, [][]byte{w.der}), v.chain)
		}
		if !all {
			c.before = append(c.before, w)
		}
	}
	c.keyed = nil
	return nil
}

// gaveUp tells whether the caller has revoked a certificate, or tried to.
func (c *caller) gaveUp(der []byte) bool {
	return slices.ContainsFunc(slices.Concat(c.revoked, c.unsure), func(v held) bool { return bytes.Equal(v.der, der) })
}
