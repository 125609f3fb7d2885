// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
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

// order is an Order's body.
type order struct {
	CSR       string `json:"csr"`
	Profile   string `json:"profile"`
	Authority string `json:"authority,omitempty"`
	NotAfter  string `json:"not_after,omitempty"`
	Days      int    `json:"days,omitempty"`
	Document  string `json:"document,omitempty"`
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

// MaxBatch is how many orders IssueMany takes.
const MaxBatch = 256

// A Result is what came of one order of many.
type Result struct {
	// Index is the order's place, Status the HTTP status that it would have had alone.
	Index  int `json:"index"`
	Status int `json:"status"`
	// Issued is the certificate, Plan what would be; one of them is set, or Problem.
	Issued  *ca.Issued  `json:"issued"`
	Plan    *ca.Plan    `json:"plan"`
	Problem *ca.Problem `json:"problem"`
}

// IssueMany asks for up to MaxBatch certificates in one call of at most 1 MiB, and gives a
// result for each, in order: a bad order costs itself alone. With a key the same call gives
// the same certificates for 24 hours; the orders' own keys are not used. With plan nothing
// is signed or stored.
func (c *Client) IssueMany(ctx context.Context, all []Order, key string, plan bool) ([]Result, error) {
	bodies := make([]any, len(all))
	for i, o := range all {
		bodies[i] = o.call(false).body
	}
	q := call{method: http.MethodPost, path: "requests:batch", key: key, body: struct {
		Items []any `json:"items"`
	}{bodies}}
	if plan {
		q.query = url.Values{"dry_run": {"true"}}
	}
	list, err := do[items[Result]](ctx, c, q)
	return list.Items, err
}

// A Request is what became of a request.
type Request struct {
	ID ca.RequestID `json:"id"`
	// State is issued, or void: its issuing was given up.
	State   string  `json:"state"`
	Door    ca.Door `json:"door"`
	Owner   string  `json:"owner"`
	Profile string  `json:"profile"`
	// Authority is the line that was asked for, NotAfter the end; empty if none was.
	Authority string    `json:"authority"`
	NotAfter  time.Time `json:"not_after"`
	At        time.Time `json:"at"`
	// CSR is the request (PKCS#10) in DER.
	CSR         []byte         `json:"csr"`
	Certificate ca.Certificate `json:"certificate"`
}

// Request gives a request that was submitted: E2101 if there is none.
func (c *Client) Request(ctx context.Context, id ca.RequestID) (Request, error) {
	if id == "" {
		return Request{}, ca.NotFound(ca.E2101, "no request was named", "take the id of the answer to the request")
	}
	return do[Request](ctx, c, call{method: http.MethodGet, path: "requests/" + segment(string(id))})
}
