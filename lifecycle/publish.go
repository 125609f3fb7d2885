// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"

	"chancery/access"
	"chancery/ca"
)

// Lists are the published revocation lists, which somebody keeps.
type Lists interface {
	// Publish has lists of an authority made and published, and gives the complete one, or
	// the delta if that was not among them.
	Publish(ctx context.Context, q ca.ListWish) (ca.List, error)
	// PlanList says what complete list Publish would have made now.
	PlanList(ctx context.Context, authority string, days int) (ca.List, error)
	// Published says what a published list says of itself, by the name that ca.ListName gives
	// it; false without one.
	Published(list string) (ca.ListHead, bool)
	// Waits says why what was revoked by an authority is on no list yet, nil if nothing waits.
	Waits(authority string) error
	// Revoked is told of each authority whose certificate was revoked, and why. It does not
	// wait.
	Revoked(authority string, why ca.Reason)
}

// Feeds are the published compact feeds.
type Feeds interface {
	// Publish has the feed of an authority made and published.
	Publish(ctx context.Context, authority string) (ca.Feed, error)
	// Plan says what Publish would make now, but for its number and dates.
	Plan(ctx context.Context, authority string) (ca.Feed, error)
	// Newest says what the newest published feed of an authority says of itself, false
	// without one.
	Newest(authority string) (ca.Feed, bool)
	// Revoked is told of each authority whose certificate was revoked. It does not wait.
	Revoked(authority string)
}

// revoked tells those who keep lists and feeds that an authority's lack something.
func (r *Registrar) revoked(authority string, why ca.Reason) {
	if r.o.Lists != nil {
		r.o.Lists.Revoked(authority, why)
	}
	if r.o.FeedsKept {
		r.o.Feeds.Revoked(authority)
	}
}

// PublishList has lists of an authority made and published now, and gives the complete one,
// or the delta if that was not among them. The error is a Problem: E1305 for want of a role, E2101 for an unknown authority,
// E3001 while its key is locked.
func (r *Registrar) PublishList(ctx context.Context, who ca.Actor, q ca.ListWish) (ca.List, error) {
	if err := r.mayPublish(ctx, who); err != nil {
		return ca.List{}, err
	}
	return r.o.Lists.Publish(ctx, q)
}

// PlanList says what list PublishList would make now. The error is as there.
func (r *Registrar) PlanList(ctx context.Context, who ca.Actor, authority string, days int) (ca.List, error) {
	if err := r.mayPublish(ctx, who); err != nil {
		return ca.List{}, err
	}
	return r.o.Lists.PlanList(ctx, authority, days)
}

// PublishFeed has the compact feed of an authority made and published now. The error is
// as of PublishList.
func (r *Registrar) PublishFeed(ctx context.Context, who ca.Actor, authority string) (ca.Feed, error) {
	if err := r.mayPublish(ctx, who); err != nil {
		return ca.Feed{}, err
	}
	return r.o.Feeds.Publish(ctx, authority)
}

// PlanFeed says what PublishFeed would make now, but for its number and dates.
func (r *Registrar) PlanFeed(ctx context.Context, who ca.Actor, authority string) (ca.Feed, error) {
	if err := r.mayPublish(ctx, who); err != nil {
		return ca.Feed{}, err
	}
	return r.o.Feeds.Plan(ctx, authority)
}

func (r *Registrar) mayPublish(ctx context.Context, who ca.Actor) error {
	if _, err := r.ready(ctx); err != nil {
		return err
	}
	if err := r.allow(ctx, who, access.PublishList); err != nil {
		return err
	}
	if r.o.Lists == nil {
		return ca.Unavailable(ca.E2301, "nothing is published here", "chancery serve")
	}
	return nil
}
