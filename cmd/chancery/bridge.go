// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"sync/atomic"

	"chancery/ca"
	"chancery/lifecycle"
	"chancery/policy"
	"chancery/signer"
	"chancery/signer/wire"
)

// A bridge is the signer as the lifecycle knows it: it remembers the session that
// the last hello opened, and says it with every call.
type bridge struct {
	client  *wire.Client
	boot    string // the front's boot id
	session atomic.Int64
	sealed  atomic.Pointer[map[string]int64] // the lists of ca.Session
}

// Hello opens a session; see lifecycle.Log.
func (b *bridge) Hello(ctx context.Context, databaseID string, next int64) (ca.Session, error) {
	s, err := b.client.Hello(ctx, signer.Hello{
		Protocol: signer.Protocol, Version: version(), Boot: b.boot, Database: databaseID, Next: next,
	})
	if err == nil {
		b.session.Store(s.Number)
		b.sealed.Store(&s.SealedLists)
	}
	return s, err
}

// Leaves reads a page of the log; see lifecycle.Log.
func (b *bridge) Leaves(ctx context.Context, from int64) ([]lifecycle.Record, error) {
	page, err := b.client.Leaves(ctx, from)
	return records(page), err
}

// Leaf reads one durable leaf; see lifecycle.Options.
func (b *bridge) Leaf(ctx context.Context, index int64) (lifecycle.Record, error) {
	r, err := b.client.Leaf(ctx, index)
	return lifecycle.Record(r), err
}

func records(page []signer.Record) []lifecycle.Record {
	out := make([]lifecycle.Record, len(page))
	for i, r := range page {
		out[i] = lifecycle.Record(r)
	}
	return out
}

// Policies reads a page of the policies before a leaf; see lifecycle.Archive.
func (b *bridge) Policies(ctx context.Context, below int64) ([]lifecycle.Record, error) {
	page, err := b.client.Policies(ctx, below)
	return records(page), err
}

// Checkpoint gives the log's newest checkpoint; see lifecycle.Promiser.
func (b *bridge) Checkpoint(ctx context.Context, q ca.ProofWish) (ca.Proof, error) {
	return b.client.Checkpoint(ctx, q)
}

// Settle closes intents; see lifecycle.Log.
func (b *bridge) Settle(ctx context.Context, all []ca.Settlement) error {
	return b.client.Settle(ctx, b.session.Load(), all)
}

// Append puts an event on the log; see lifecycle.Log.
func (b *bridge) Append(ctx context.Context, e ca.EventBody) (ca.Placed, error) {
	return b.client.Append(ctx, signer.FrontEvent{Session: b.session.Load(), Event: e})
}

// Sign brings a batch to the signer; see lifecycle.Issuer.
func (b *bridge) Sign(ctx context.Context, drafts []policy.Cleared) ([]ca.Answer, error) {
	return b.client.Issue(ctx, b.session.Load(), drafts)
}

// Foresee asks the signer what it would say; see lifecycle.Options.
func (b *bridge) Foresee(ctx context.Context, q ca.Request, document string) error {
	return b.client.Foresee(ctx, signer.Foreseeing{Wish: q, Document: document})
}

// Revoke takes steps; see lifecycle.Log.
func (b *bridge) Revoke(ctx context.Context, steps []ca.Revoking) ([]ca.RevokeAnswer, error) {
	return b.client.Revoke(ctx, b.session.Load(), steps)
}

// PlanList says what complete list would be made; see lifecycle.Lists.
func (b *bridge) PlanList(ctx context.Context, authority string, days int) (ca.List, error) {
	return b.client.PlanList(ctx, b.session.Load(), ca.ListWish{Authority: authority, Days: days})
}

// Lists has lists made; see status.Signer.
func (b *bridge) Lists(ctx context.Context, q ca.ListWish, take func(ca.List, io.Reader) error) error {
	return b.client.Lists(ctx, b.session.Load(), q, take)
}

// Newest is the number of a list that a ceremony made; see status.Signer.
func (b *bridge) Newest(name string) int64 {
	if all := b.sealed.Load(); all != nil {
		return (*all)[name]
	}
	return 0
}

// OCSP has responses made; see status.Responder. It needs no session.
func (b *bridge) OCSP(ctx context.Context, wishes []ca.OCSPWish) ([]ca.OCSPAnswer, error) {
	return b.client.OCSP(ctx, wishes)
}

// FeedGround gives what a feed is made on; see status.FeedSigner.
func (b *bridge) FeedGround(ctx context.Context, authority string) (ca.FeedGround, [][20]byte, error) {
	return b.client.FeedGround(ctx, b.session.Load(), authority)
}

// SignFeed has a feed signed; see status.FeedSigner.
func (b *bridge) SignFeed(ctx context.Context, authority string, body, base []byte) (ca.Feed, []byte, error) {
	return b.client.Feed(ctx, b.session.Load(), authority, body, base)
}
