// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"chancery/ca"
)

// A TokenOrder is what MakeToken asks for.
type TokenOrder struct {
	Name string `json:"name"`
	ca.Scope
	// Days is 1 to 365, or 0 for the usual 90.
	Days int `json:"days,omitempty"`
	// DryRun says what would be made, and makes nothing.
	DryRun bool `json:"-"`
}

// MakeToken makes a token; the answer alone has its secret.
func (c *Client) MakeToken(ctx context.Context, o TokenOrder) (ca.TokenView, error) {
	return do[ca.TokenView](ctx, c, call{method: http.MethodPost, path: "tokens", query: dryQuery(o.DryRun), body: o})
}

// dryQuery asks for a dry run.
func dryQuery(dry bool) url.Values {
	if !dry {
		return nil
	}
	return url.Values{"dry_run": {"true"}}
}

// Tokens gives a page of one's own tokens, or of all, and where the next begins.
func (c *Client) Tokens(ctx context.Context, all bool, after ca.ID) ([]ca.TokenView, ca.ID, error) {
	q := url.Values{}
	if all {
		q.Set("all", "true")
	}
	if after != 0 {
		q.Set("cursor", strconv.FormatInt(int64(after), 10))
	}
	list, err := do[items[ca.TokenView]](ctx, c, call{method: http.MethodGet, path: "tokens", query: q})
	return list.Items, list.Next, err
}

// RevokeToken revokes a token by its id, or one's own by its name; dry finds it only.
func (c *Client) RevokeToken(ctx context.Context, ref string, dry bool) (ca.TokenView, error) {
	if ref == "" {
		return ca.TokenView{}, ca.NotFound(ca.E2101, "no token was named", "chancery token list")
	}
	return do[ca.TokenView](ctx, c, call{method: http.MethodDelete, path: "tokens/" + segment(ref), query: dryQuery(dry)})
}

// Whoami says who this client signs in as.
func (c *Client) Whoami(ctx context.Context) (ca.Identity, error) {
	return do[ca.Identity](ctx, c, call{method: http.MethodGet, path: "whoami"})
}
