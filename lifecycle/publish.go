// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"

	"chancery/access"
	"chancery/ca"
)

// PublishList has lists of an authority made and published now, and gives the complete one,
// or the delta if that was not among them. The error is a Problem: E1305 for want of a role, E2101 for an unknown authority,
// E3001 while its key is locked.
func (r *Registrar) PublishList(ctx context.Context, who ca.Actor, q ca.ListWish) (ca.List, error) {
	if err := r.mayPublish(ctx, who); err != nil {
		return ca.List{}, err
	}
	return r.o.Publish(ctx, q)
}

// PlanList says what list PublishList would make now. The error is as there.
func (r *Registrar) PlanList(ctx context.Context, who ca.Actor, authority string, days int) (ca.List, error) {
	if err := r.mayPublish(ctx, who); err != nil {
		return ca.List{}, err
	}
	return r.o.PlanList(ctx, authority, days)
}

// PublishFeed has the compact feed of an authority made and published now. The error is
// as of PublishList.
func (r *Registrar) PublishFeed(ctx context.Context, who ca.Actor, authority string) (ca.Feed, error) {
	if err := r.mayPublish(ctx, who); err != nil {
		return ca.Feed{}, err
	}
	return r.o.PublishFeed(ctx, authority)
}

// PlanFeed says what PublishFeed would make now, but for its number and dates.
func (r *Registrar) PlanFeed(ctx context.Context, who ca.Actor, authority string) (ca.Feed, error) {
	if err := r.mayPublish(ctx, who); err != nil {
		return ca.Feed{}, err
	}
	return r.o.PlanFeed(ctx, authority)
}

func (r *Registrar) mayPublish(ctx context.Context, who ca.Actor) error {
	if _, err := r.ready(ctx); err != nil {
		return err
	}
	if err := r.allow(ctx, who, access.PublishList); err != nil {
		return err
	}
	if r.o.Publish == nil {
		return ca.Unavailable(ca.E2301, "nothing is published here", "chancery serve")
	}
	return nil
}
