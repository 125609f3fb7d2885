// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"chancery/ca"
)

// PublishList has an authority's revocation list made and published, valid for so
// many days, zero for the usual.
func (c *Client) PublishList(ctx context.Context, authority string, days int) (ca.List, error) {
	return do[ca.List](ctx, c, listing(authority, days))
}

func listing(authority string, days int) call {
	return call{method: http.MethodPost, path: "crls/" + segment(authority), body: struct {
		Days int `json:"days"`
	}{days}}
}

// PublishFeed has an authority's compact revocation feed made and published.
func (c *Client) PublishFeed(ctx context.Context, authority string) (ca.Feed, error) {
	return do[ca.Feed](ctx, c, feeding(authority))
}

func feeding(authority string) call {
	return call{method: http.MethodPost, path: "feeds/" + segment(authority), body: struct{}{}}
}

// PublishDue has no more lists made and published than what was revoked asks for, and gives
// the complete one, or the delta if that may wait.
func (c *Client) PublishDue(ctx context.Context, authority string) (ca.List, error) {
	return do[ca.List](ctx, c, call{method: http.MethodPost, path: "crls/" + segment(authority), body: struct {
		Due bool `json:"due"`
	}{true}})
}

// Lists gives numbers and dates of the published lists of a kind.
func (c *Client) Lists(ctx context.Context, kind ca.ListScope) ([]ca.ListHead, error) {
	list, err := do[items[ca.ListHead]](ctx, c, call{method: http.MethodGet, path: "crls", query: ofKind(kind)})
	return list.Items, err
}

// List gives number and dates of one published list; E2101 if there is none.
func (c *Client) List(ctx context.Context, authority string, kind ca.ListScope) (ca.ListHead, error) {
	return do[ca.ListHead](ctx, c, call{method: http.MethodGet, path: "crls/" + segment(authority), query: ofKind(kind)})
}

func ofKind(kind ca.ListScope) url.Values { return url.Values{"kind": {kind.String()}} }

// CRL gives a published list in DER (RFC 5280 §5), by the name that ca.ListName gives it:
// the complete one has its authority's. E2101 if there is none.
func (c *Client) CRL(ctx context.Context, name string) (der []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://chancery/pki/"+segment(name)+".crl", nil)
	if err != nil {
		return nil, fmt.Errorf("write the call: %w", err)
	}
	answer, err := c.send(r)
	if err != nil {
		return nil, c.unreachable(err)
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	switch {
	case answer.StatusCode == http.StatusNotFound:
		return nil, ca.NotFound(ca.E2101, "no revocation list of "+ca.Show(name)+" is published", "chancery crl publish --ca NAME")
	case answer.StatusCode != http.StatusOK:
		return nil, ca.Unavailable(ca.E1201, "the service answered "+ca.Show(answer.Status), "look at its log")
	}
	der, err = io.ReadAll(io.LimitReader(answer.Body, maxCRL+1))
	if err != nil {
		return nil, c.unreachable(err)
	}
	if len(der) > maxCRL {
		return nil, fmt.Errorf("the revocation list is larger than %d octets", maxCRL)
	}
	return der, nil
}

// maxCRL bounds a list that is read whole: some three million entries.
const maxCRL = 128 << 20
