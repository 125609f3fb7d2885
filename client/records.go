// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"chancery/ca"
)

// A Line is a succession of authorities.
type Line struct {
	Line string `json:"line"`
	// Signs is the generation that signs; empty while none can.
	Signs string `json:"signs"`
	// Generations are the names of all, oldest first.
	Generations []string `json:"generations"`
	// Bundle is the number of the line's trust bundle, Hash the SHA-256 of its certificates.
	Bundle int       `json:"bundle"`
	Hash   ca.Digest `json:"sha256"`
}

// Lines gives the lines of authorities, in the order of their first generation.
func (c *Client) Lines(ctx context.Context) ([]Line, error) {
	list, err := do[items[Line]](ctx, c, call{method: http.MethodGet, path: "lines"})
	return list.Items, err
}

// Bundle gives the trust bundle of a line, of all if it is empty.
func (c *Client) Bundle(ctx context.Context, line string) (ca.Bundle, error) {
	path := "bundles"
	if line != "" {
		path += "/" + segment(line)
	}
	return do[ca.Bundle](ctx, c, call{method: http.MethodGet, path: path})
}

// Profile gives one of the profiles in force by its name; E2118 if there is none.
func (c *Client) Profile(ctx context.Context, name string) (ca.Profile, error) {
	if name == "" {
		return ca.Profile{}, ca.NotFound(ca.E2118, "no profile was named", "chancery profile list")
	}
	return do[ca.Profile](ctx, c, call{method: http.MethodGet, path: "profiles/" + segment(name)})
}

// An Event says what happened.
type Event struct {
	// ID names the leaf that proves it, Leaf is its exact bytes.
	ID    ca.ID     `json:"id,string"`
	Kind  string    `json:"kind"`
	Actor string    `json:"actor"`
	At    time.Time `json:"at"`
	About string    `json:"about"`
	Leaf  []byte    `json:"leaf"`
}

// Events gives a page of what happened, newest first, and the filter's After for the next
// page; zero after the last.
func (c *Client) Events(ctx context.Context, f ca.EventFilter) ([]Event, ca.ID, error) {
	q := url.Values{}
	set(q, "kind", f.Kind)
	set(q, "actor", f.Actor)
	setTime(q, "since", f.Since)
	setPage(q, f.Limit, ca.Cursor{Order: ca.ByID, ID: f.After})
	list, err := do[items[Event]](ctx, c, call{method: http.MethodGet, path: "events", query: q})
	return list.Items, list.Next, err
}

// Leaves gives the exact bytes of durable leaves of the log from an index on, in order
// and without gaps, at most limit, zero for the service's usual. None is the end.
func (c *Client) Leaves(ctx context.Context, from int64, limit int) ([][]byte, error) {
	q := url.Values{"from": {strconv.FormatInt(from, 10)}}
	setPage(q, limit, ca.Cursor{})
	run, err := do[struct {
		Items []struct {
			Leaf []byte `json:"leaf"`
		} `json:"items"`
	}](ctx, c, call{method: http.MethodGet, path: "audit/leaves", query: q})
	out := make([][]byte, len(run.Items))
	for i, one := range run.Items {
		out[i] = one.Leaf
	}
	return out, err
}

// Policies gives a page of the policies that were put in force below a leaf of the log, newest
// first, and the below of the next page; zero after the last.
func (c *Client) Policies(ctx context.Context, below int64, limit int) ([]ca.PolicyVersion, int64, error) {
	q := url.Values{}
	if below > 0 {
		q.Set("below", strconv.FormatInt(below, 10))
	}
	setPage(q, limit, ca.Cursor{})
	run, err := do[struct {
		Items []ca.PolicyVersion `json:"items"`
		Below int64              `json:"below"`
	}](ctx, c, call{method: http.MethodGet, path: "audit/policies", query: q})
	return run.Items, run.Below, err
}

// CountCertificates says how many certificates all pages of a filter have.
func (c *Client) CountCertificates(ctx context.Context, f ca.Filter) (int64, error) {
	f.Limit, f.After = 1, 0
	q := filtered(f)
	q.Set("count", "true")
	list, err := do[struct {
		Count int64 `json:"count"`
	}](ctx, c, call{method: http.MethodGet, path: "certificates", query: q})
	return list.Count, err
}

// filtered are the parameters of a filter.
func filtered(f ca.Filter) url.Values {
	q := url.Values{}
	for _, one := range []struct{ name, value string }{
		{"name", f.Name}, {"search", f.Search}, {"authority", f.Authority}, {"line", f.Line}, {"profile", f.Profile}, {"owner", f.Owner},
		{"tag", f.Tag}, {"source", string(f.Door)}, {"status", f.Status}, {"sort", f.Sort},
	} {
		set(q, one.name, one.value)
	}
	if !f.Key.IsZero() {
		q.Set("key", f.Key.String())
	}
	setTime(q, "issued_since", f.IssuedSince)
	setTime(q, "expiring_before", f.ExpiringBefore)
	setPage(q, f.Limit, ca.Cursor{Order: f.Order(), ID: f.After})
	return q
}

func set(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}

func setTime(q url.Values, name string, at time.Time) {
	if !at.IsZero() {
		q.Set(name, at.UTC().Format(time.RFC3339))
	}
}

func setPage(q url.Values, limit int, after ca.Cursor) {
	if limit != 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	if after.ID != 0 {
		text, _ := after.MarshalText() // never fails
		q.Set("cursor", string(text))
	}
}
