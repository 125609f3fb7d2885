// SPDX-License-Identifier: Apache-2.0

package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"chancery/ca"
)

const (
	// usualPage is the page's length for who asks for none.
	usualPage = 50
	// maxValue bounds one value of a query and a reference: the longest name, a URI
	// of 600 characters, and room.
	maxValue = 1024
)

// query reads the parameters of a request. One that is not known, stands twice,
// is too long or shows as something else than it is, is an error: a filter that is
// silently dropped would list too much.
func query(r *http.Request, known ...string) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, ca.Invalid(ca.E1401, "the query cannot be read", "encode it as a URL demands")
	}
	for name, values := range q {
		switch {
		case !slices.Contains(known, name):
			return nil, ca.Invalid(ca.E1401, "there is no parameter "+ca.Show(name), "known are: "+strings.Join(known, ", "))
		case len(values) > 1:
			return nil, ca.Invalid(ca.E1401, "the parameter stands more than once", "send it once").At(name)
		case len(values[0]) > maxValue || !ca.PlainText(values[0]):
			return nil, ca.Invalid(ca.E1401, "the parameter's value is too long or not plain text", fmt.Sprintf("send at most %d octets", maxValue)).At(name)
		}
	}
	return q, nil
}

// boolean reads true or false; absent is false. Anything else is an error, since
// a misspelt dry_run would issue.
func boolean(q url.Values, name string) (bool, error) {
	if !q.Has(name) {
		return false, nil
	}
	switch q.Get(name) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, ca.Invalid(ca.E1401, name+" is neither true nor false", "write "+name+"=true").At(name)
}

// instant reads RFC 3339.
func instant(field, text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, ca.Invalid(ca.E1401, field+" is not a time", "write it as 2027-01-31T12:00:00Z (RFC 3339)").At(field)
	}
	return t.UTC(), nil
}

// filter reads what a list is restricted to.
func filter(r *http.Request, now time.Time) (ca.Filter, error) {
	q, err := query(r, "name", "authority", "profile", "owner", "status", "expiring_before", "limit", "cursor")
	if err != nil {
		return ca.Filter{}, err
	}
	f := ca.Filter{
		Name: q.Get("name"), Authority: q.Get("authority"), Profile: q.Get("profile"), Owner: q.Get("owner"),
		Status: q.Get("status"), Now: now, Limit: usualPage,
	}
	if !slices.Contains([]string{"", "valid", "revoked", "expired", "void"}, f.Status) {
		return ca.Filter{}, ca.Invalid(ca.E1401, "there is no status "+ca.Show(f.Status), "use valid, revoked, expired or void").At("status")
	}
	if q.Has("expiring_before") {
		if f.ExpiringBefore, err = instant("expiring_before", q.Get("expiring_before")); err != nil {
			return ca.Filter{}, err
		}
	}
	if q.Has("limit") {
		if f.Limit, err = strconv.Atoi(q.Get("limit")); err != nil || f.Limit < 1 || f.Limit > ca.MaxPage {
			return ca.Filter{}, ca.Invalid(ca.E1401, "limit is not a number of rows", fmt.Sprintf("ask for 1 to %d", ca.MaxPage)).At("limit")
		}
	}
	if q.Has("cursor") {
		after, err := strconv.ParseInt(q.Get("cursor"), 10, 64)
		if err != nil || after < 1 {
			return ca.Filter{}, ca.Invalid(ca.E1401, "this is not a cursor of ours", "take next_cursor of the page before").At("cursor")
		}
		f.After = ca.ID(after)
	}
	return f, nil
}

// at names the field of a problem that does not name one itself.
func at(field string, err error) error {
	var p *ca.Problem
	if errors.As(err, &p) && p.Field == "" {
		return p.At(field)
	}
	return err
}
