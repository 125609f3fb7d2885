// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"chancery/ca"
)

// An Order is what Issue and Plan ask for.
type Order struct {
	// CSR is the request (PKCS#10) in PEM or DER, as a file holds it.
	CSR     []byte
	Profile string
	// Authority is the line that shall sign, or its active generation; empty takes the
	// profile's line.
	Authority string
	// NotAfter is the wished end, Days the same counted from now; at most one is
	// set. Neither takes the profile's usual lifetime.
	NotAfter time.Time
	Days     int
	// Document judges a Plan by a profile's document that is not in force; Issue takes none.
	Document string
	// Key is the idempotency key, 1 to 128 printable ASCII characters, or empty. The
	// same key gives the same certificate for 24 hours.
	Key string
}

// A Page is part of a list.
type Page struct {
	// Items are rows of the book, newest first, without their DER.
	Items []ca.Certificate `json:"items"`
	// Next has the filter's After for the next page; zero after the last.
	Next ca.Cursor `json:"next_cursor,omitzero"`
}

// order is an Order's body.
type order struct {
	CSR       string `json:"csr"`
	Profile   string `json:"profile"`
	Authority string `json:"authority,omitempty"`
	NotAfter  string `json:"not_after,omitempty"`
	Days      int    `json:"days,omitempty"`
	Document  string `json:"document,omitempty"`
}

// items is a list as it is answered.
type items[T any] struct {
	Items []T   `json:"items"`
	Next  ca.ID `json:"next_cursor,string"`
}

func (o Order) call(dry bool) call {
	// A file goes as it is, in base64: the service says best what is wrong with it.
	b := order{Profile: o.Profile, Authority: o.Authority, Days: o.Days, Document: o.Document, CSR: base64.StdEncoding.EncodeToString(o.CSR)}
	if !o.NotAfter.IsZero() {
		b.NotAfter = o.NotAfter.UTC().Format(time.RFC3339)
	}
	c := call{method: http.MethodPost, path: "requests", body: b, key: o.Key}
	if dry {
		c.query = url.Values{"dry_run": {"true"}}
	}
	return c
}

// Issue asks for a certificate and waits for it.
func (c *Client) Issue(ctx context.Context, o Order) (ca.Issued, error) {
	return do[ca.Issued](ctx, c, o.call(false))
}

// Plan says what Issue would give; nothing is signed or stored.
func (c *Client) Plan(ctx context.Context, o Order) (ca.Plan, error) {
	return do[ca.Plan](ctx, c, o.call(true))
}

// Rehearse says what a profile's document would make of the certificates that stand.
func (c *Client) Rehearse(ctx context.Context, t ca.Trial) (ca.Rehearsal, error) {
	return do[ca.Rehearsal](ctx, c, call{method: http.MethodPost, path: "policy/plan", body: t})
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
// or a name means, and gives it as it stands then. It may be repeated.
func (c *Client) Revoke(ctx context.Context, ref string, why ca.Withdrawal) (ca.Certificate, error) {
	return do[ca.Certificate](ctx, c, call{method: http.MethodPost, path: "revocations", body: struct {
		Certificate string `json:"certificate"`
		ca.Withdrawal
	}{ref, why}})
}

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
