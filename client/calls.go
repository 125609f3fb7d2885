// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"net/http"
	"strconv"

	"chancery/ca"
)

// A Page is part of a list.
type Page struct {
	// Items are rows of the book, newest first, without their DER.
	Items []ca.Certificate `json:"items"`
	// Next has the filter's After for the next page; zero after the last.
	Next ca.Cursor `json:"next_cursor,omitzero"`
}

// items is a list as it is answered.
type items[T any] struct {
	Items []T   `json:"items"`
	Next  ca.ID `json:"next_cursor,string"`
}

// Certificates gives a page. The filter's Now is the service's, whatever it says
// here; a zero Limit takes the service's usual one.
func (c *Client) Certificates(ctx context.Context, f ca.Filter) (Page, error) {
	return do[Page](ctx, c, call{method: http.MethodGet, path: "certificates", query: filtered(f)})
}

// Certificate gives the one certificate that a public name, a serial, a serial's
// tail or a name means, with its chain: E2101 for none, E2102 for several.
func (c *Client) Certificate(ctx context.Context, ref string) (ca.Issued, error) {
	if ref == "" { // the path would be the list's
		return ca.Issued{}, ca.NotFound(ca.E2101, "no certificate was named", "chancery list")
	}
	return do[ca.Issued](ctx, c, call{method: http.MethodGet, path: "certificates/" + segment(ref)})
}

// Explain says how a certificate came about; ref is as Certificate takes it.
func (c *Client) Explain(ctx context.Context, ref string) (ca.Provenance, error) {
	return do[ca.Provenance](ctx, c, call{method: http.MethodGet, path: "certificates/" + segment(ref) + "/explanation"})
}

// Revoke revokes the one certificate that a public name, a serial, a serial's tail
// or a name means, and gives it as it stands then, with what fell with it. It may be repeated.
func (c *Client) Revoke(ctx context.Context, ref string, why ca.Withdrawal) (ca.Aftermath, error) {
	return do[ca.Aftermath](ctx, c, call{method: http.MethodPost, path: "revocations", body: struct {
		Certificate string `json:"certificate"`
		ca.Withdrawal
	}{ref, why}})
}

// Unknown gives the intents that an officer must decide.
func (c *Client) Unknown(ctx context.Context) ([]ca.Unknown, error) {
	list, err := do[items[ca.Unknown]](ctx, c, call{method: http.MethodGet, path: "unsettled"})
	return list.Items, err
}

// Decide carries out what an officer says of an unknown intent.
func (c *Client) Decide(ctx context.Context, index int64, d ca.Decision) error {
	_, err := do[struct{}](ctx, c, deciding(index, d))
	return err
}

func deciding(index int64, d ca.Decision) call {
	return call{method: http.MethodPost, path: "unsettled/" + strconv.FormatInt(index, 10), body: struct {
		Void        bool   `json:"void"`
		Certificate []byte `json:"certificate,omitempty"`
	}{d.Void, d.DER}}
}

// Authorities gives every generation, oldest first.
func (c *Client) Authorities(ctx context.Context) ([]ca.Authority, error) {
	list, err := do[items[ca.Authority]](ctx, c, call{method: http.MethodGet, path: "authorities"})
	return list.Items, err
}

// Authority gives one generation by its name.
func (c *Client) Authority(ctx context.Context, name string) (ca.Authority, error) {
	if name == "" {
		return ca.Authority{}, ca.NotFound(ca.E2101, "no authority was named", "chancery ca list")
	}
	return do[ca.Authority](ctx, c, call{method: http.MethodGet, path: "authorities/" + segment(name)})
}

// Profiles gives the profiles in force, by name.
func (c *Client) Profiles(ctx context.Context) ([]ca.Profile, error) {
	list, err := do[items[ca.Profile]](ctx, c, call{method: http.MethodGet, path: "profiles"})
	return list.Items, err
}

// Status says how the installation is doing.
func (c *Client) Status(ctx context.Context) (ca.Status, error) {
	return do[ca.Status](ctx, c, call{method: http.MethodGet, path: "status"})
}
