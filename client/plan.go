// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"net/http"
	"net/url"

	"chancery/ca"
)

// PlanRevoke says how a certificate would stand after Revoke, and what would fall with it;
// nothing is done.
func (c *Client) PlanRevoke(ctx context.Context, ref string, why ca.Withdrawal) (ca.Aftermath, error) {
	return do[ca.Aftermath](ctx, c, call{method: http.MethodPost, path: "revocations", body: struct {
		Certificate string `json:"certificate"`
		ca.Withdrawal
	}{ref, why}}.dry())
}

// PlanList says what list PublishList would have made now.
func (c *Client) PlanList(ctx context.Context, authority string, days int) (ca.List, error) {
	return do[ca.List](ctx, c, listing(authority, days).dry())
}

// PlanFeed says what feed PublishFeed would have made now, but for its number and dates.
func (c *Client) PlanFeed(ctx context.Context, authority string) (ca.Feed, error) {
	return do[ca.Feed](ctx, c, feeding(authority).dry())
}

// PlanDecide refuses what Decide would refuse; nothing is decided.
func (c *Client) PlanDecide(ctx context.Context, index int64, d ca.Decision) error {
	_, err := do[struct{}](ctx, c, deciding(index, d).dry())
	return err
}

// dry is the call that says what would be done.
func (q call) dry() call {
	q.query = url.Values{"dry_run": {"true"}}
	return q
}
