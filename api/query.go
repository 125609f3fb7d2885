// SPDX-License-Identifier: Apache-2.0

package api

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"chancery/ca"
	"chancery/internal/respond"
	"chancery/internal/strict"
)

const (
	// usualPage is the page's length for who asks for none.
	usualPage = 50
	// maxValue bounds one value of a query and a reference: the longest name, a URI
	// of 600 characters, and room.
	maxValue = 1024
)

// maxParameters is how many a query may have (security rule WB-03).
const maxParameters = 32

// query reads the parameters of a request. One that is not known, stands twice,
// is too long or shows as something else than it is, is an error: a filter that is
// silently dropped would list too much.
func query(r *http.Request, known []parameter) (url.Values, error) {
	if strings.Count(r.URL.RawQuery, "&") >= maxParameters {
		return nil, ca.Invalid(ca.E1401, fmt.Sprintf("the query has more than %d parameters", maxParameters), "send fewer")
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, ca.Invalid(ca.E1401, "the query cannot be read", "encode it as a URL demands")
	}
	for name, values := range q {
		at := slices.IndexFunc(known, func(p parameter) bool { return p.name == name })
		switch {
		case at < 0:
			p := ca.Invalid(ca.E1401, "there is no parameter "+ca.Show(name), "known are: "+names(known))
			if ca.PlainText(name) { // nothing that deceives is sent back
				p = p.At(name)
			}
			return nil, p
		case len(values) > 1:
			return nil, ca.Invalid(ca.E1401, "the parameter stands more than once", "send it once").At(name)
		case len(values[0]) > maxValue || !ca.PlainText(values[0]):
			return nil, ca.Invalid(ca.E1401, "the parameter's value is too long or not plain text", fmt.Sprintf("send at most %d octets", maxValue)).At(name)
		case len(known[at].words) > 0 && !slices.Contains(known[at].words, values[0]):
			return nil, ca.Invalid(ca.E1401, "there is no "+name+" "+ca.Show(values[0]), "use one of "+strings.Join(known[at].words, ", ")).At(name)
		}
	}
	return q, nil
}

// names are those of parameters, for people.
func names(known []parameter) string {
	if len(known) == 0 {
		return "none"
	}
	out := make([]string, len(known))
	for i, p := range known {
		out[i] = p.name
	}
	return strings.Join(out, ", ")
}

// booleans sees that parameters of that form are true or false: a misspelt dry_run would
// issue.
func booleans(q url.Values, known []parameter) error {
	for _, p := range known {
		if v := q.Get(p.name); p.form == "boolean" && q.Has(p.name) && v != "true" && v != "false" {
			return ca.Invalid(ca.E1401, p.name+" is neither true nor false", "write "+p.name+"=true").At(p.name)
		}
	}
	return nil
}

// instant reads RFC 3339.
func instant(field, text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, ca.Invalid(ca.E1401, field+" is not a time", "write it as 2027-01-31T12:00:00Z (RFC 3339)").At(field)
	}
	return t.UTC(), nil
}

// pageLimit and pageCursor are the parameters of every list that has pages.
var (
	pageLimit  = parameter{name: "limit", form: "integer", tell: fmt.Sprintf("How many rows a page has, 1 to %d; %d without it.", ca.MaxPage, usualPage)}
	pageCursor = parameter{name: "cursor", form: "string", tell: "next_cursor of the page before, with the same filters and sort."}
)

// limit is the length of a page.
func (c *call) limit() (int, error) {
	if !c.query.Has("limit") {
		return usualPage, nil
	}
	n, err := strconv.Atoi(c.query.Get("limit"))
	if err != nil || n < 1 || n > ca.MaxPage {
		return 0, ca.Invalid(ca.E1401, "limit is not a number of rows", fmt.Sprintf("ask for 1 to %d", ca.MaxPage)).At("limit")
	}
	return n, nil
}

// cursor is the row that the page before ended with, zero for the first page. One of another
// order is refused: the page after it would be an arbitrary one.
func (c *call) cursor(of ca.Order) (ca.ID, error) {
	if !c.query.Has("cursor") {
		return 0, nil
	}
	var from ca.Cursor
	if err := from.UnmarshalText([]byte(c.query.Get("cursor"))); err != nil {
		return 0, err
	}
	if from.Order != of {
		return 0, ca.Invalid(ca.E1401, "this cursor is of a list in another order", "go on with the filters and the sort of the page before, or begin anew without cursor").At("cursor")
	}
	return from.ID, nil
}

// following is the cursor of the page after one that ended with a row, and says so in the
// Link header (RFC 8288). A full page may be followed by an empty one; that costs less
// than counting.
func (c *call) following(last ca.Cursor, rows, limit int) *ca.Cursor {
	if rows == 0 || rows < limit {
		return nil
	}
	text, _ := last.MarshalText() // never fails
	q := maps.Clone(c.query)
	q.Set("cursor", string(text))
	c.w.Header().Set("Link", "<"+c.r.URL.Path+"?"+q.Encode()+`>; rel="next"`)
	return &last
}

// filters are the parameters of the list of certificates, named as the command line's
// flags.
func filters() []parameter {
	return []parameter{
		{name: "name", form: "string", tell: "A whole name, or a pattern: *.lab.example is all below it, nas* all that begin so, *part* all that contain it."},
		{name: "search", form: "string", tell: "A part of a name or e-mail address, at least three characters."},
		{name: "authority", form: "string", tell: "Only of this generation."},
		{name: "line", form: "string", tell: "Only of this line of authorities."},
		{name: "profile", form: "string", tell: "Only of this profile."},
		{name: "owner", form: "string", tell: "Only of this account, such as uid:1000."},
		{name: "key", form: "string", tell: "Only of this public key: the SHA-256 of its SubjectPublicKeyInfo in hex, key in the answers."},
		{name: "tag", form: "string", tell: "Only of those that have this tag."},
		{name: "source", form: "string", tell: "Only of those that came in by this door, such as cli."},
		{name: "status", form: "string", words: ca.Statuses(), tell: "Only those that stand like this now. expiring: what ends within 30 days, has two thirds of its life over, and was not renewed by its owner."},
		{name: "issued_since", form: "date-time", tell: "Only those issued at this moment or later."},
		{name: "expiring_before", form: "date-time", tell: "Only those that are valid now and end before it."},
		{name: "sort", form: "string", words: ca.Sorts(), tell: "newest first, expiry with the next to end first, or name, by common name; the last two leave void rows out. Without it what is expiring comes by expiry, what has expired the last first, and all else newest first."},
		{name: "count", form: "boolean", tell: "Also say how many there are in all pages."},
		pageLimit, pageCursor,
	}
}

// filter reads what a list is restricted to.
func (c *call) filter(now time.Time) (f ca.Filter, err error) {
	q := c.query
	f = ca.Filter{
		Name: q.Get("name"), Search: q.Get("search"), Authority: q.Get("authority"), Line: q.Get("line"), Profile: q.Get("profile"), Owner: q.Get("owner"), Tag: q.Get("tag"),
		Door: ca.Door(q.Get("source")), Status: q.Get("status"), Sort: q.Get("sort"), Now: now,
	}
	if q.Has("key") {
		if err := f.Key.UnmarshalText([]byte(q.Get("key"))); err != nil || f.Key.IsZero() {
			return f, ca.Invalid(ca.E1401, "key is not a SHA-256 in hex", "take it from a certificate's own member key").At("key")
		}
	}
	if f.IssuedSince, err = c.at("issued_since"); err != nil {
		return f, err
	}
	if f.ExpiringBefore, err = c.at("expiring_before"); err != nil {
		return f, err
	}
	if f.Limit, err = c.limit(); err != nil {
		return f, err
	}
	f.After, err = c.cursor(f.Order())
	return f, err
}

// within says of an error that what it names and is no member of body T is inside one.
func within[T any](member string, err error) error {
	if err == nil {
		return nil
	}
	return &respond.Within{Member: member, Members: strict.Members[T](), Err: err}
}

// at names the field of a problem that does not name one itself.
func at(field string, err error) error {
	var p *ca.Problem
	if errors.As(err, &p) && p.Field == "" {
		return p.At(field)
	}
	return err
}
