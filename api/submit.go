// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"chancery/ca"
	"chancery/internal/csr"
)

const (
	// maxKey is the longest Idempotency-Key; a UUID has 36 characters.
	maxKey = 128
	// maxDays keeps sums of time within what X.509 can say; profiles allow far less.
	maxDays = 36525
)

// An order is the body of a request for a certificate.
type order struct {
	// CSR is the request (PKCS#10) as PEM text, or a file of PEM or DER in base64.
	CSR     string `json:"csr"`
	Profile string `json:"profile"`
	// Authority is the line that shall sign, or its active generation; without it the
	// profile's signs.
	Authority string `json:"authority,omitempty"`
	// NotAfter is the wished end, RFC 3339; at most one of it and days is set. Without
	// both it is the profile's usual lifetime.
	NotAfter string `json:"not_after,omitempty"`
	// Days is the wished end counted from now.
	Days *int `json:"days,omitempty"`
	// Document is a profile in TOML that is not in force, to be judged by with dry_run.
	Document string `json:"document,omitempty"`
}

// A submitted is what came of a request, or, with dry_run, what would.
type submitted struct {
	*ca.Issued
	*ca.Plan
}

// one is the one that there is.
func (s submitted) one() any {
	if s.Plan != nil {
		return s.Plan
	}
	return s.Issued
}

// MarshalJSON gives the one that there is.
func (s submitted) MarshalJSON() ([]byte, error) { return json.Marshal(s.one()) }

// submit answers POST /requests.
func (c *call) submit(o order) (submitted, error) {
	key, err := idempotencyKey(c.r)
	if err != nil {
		c.o.Submitter.Refuse(c.who(), err)
		return submitted{}, err
	}
	s, err := c.process(o, c.id(), key)
	if err == nil && s.Issued != nil {
		c.w.Header().Set("Location", root+"certificates/"+s.Certificate.PublicName())
		if s.Repeated {
			c.status = http.StatusOK
		}
	} else {
		c.status = http.StatusOK
	}
	return s, err
}

// process has one request judged and carried out, or only judged.
func (c *call) process(o order, id ca.RequestID, key string) (submitted, error) {
	q, parsed, err := c.read(o, id, key)
	if err != nil {
		c.o.Submitter.Refuse(c.who(), err)
		return submitted{}, err
	}
	if c.planned() {
		plan, err := c.plan(q, parsed, o.Document)
		return submitted{Plan: &plan}, err
	}
	issued, err := c.o.Submitter.Submit(c.r.Context(), q, parsed)
	issued.Certificate.Status = issued.Certificate.Standing(c.o.Now())
	return submitted{Issued: &issued}, within[order]("csr", err)
}

// plan says what would come of a request, by what is in force or by a document.
func (c *call) plan(q ca.Request, parsed ca.CSR, document string) (ca.Plan, error) {
	var plan ca.Plan
	var err error
	if document != "" {
		plan, err = c.o.Rehearser.Try(c.r.Context(), q, parsed, document)
	} else {
		plan, err = c.o.Submitter.Plan(c.r.Context(), q, parsed)
	}
	var p *ca.Problem
	if errors.As(err, &p) && p.Code == ca.E2203 { // who tries signatures is noted
		c.o.Submitter.Refuse(c.who(), err)
		err = at("csr", err)
	}
	if p != nil && p.Code == ca.E1003 { // a fault of the document
		return plan, within[order]("document", err)
	}
	return plan, within[order]("csr", err)
}

// read makes a request of an order.
func (c *call) read(o order, id ca.RequestID, key string) (q ca.Request, parsed ca.CSR, err error) {
	who := c.who()
	q = ca.Request{ID: id, Door: doorOf(who), Key: key, From: c.named(who), Profile: o.Profile, Line: o.Authority, At: c.o.Now()}
	if q.NotAfter, err = o.end(q.At); err != nil {
		return q, parsed, err
	}
	if o.Document != "" && !c.planned() {
		return q, parsed, ca.Invalid(ca.E1401, "document is for dry_run: nothing is issued under a profile that is not in force", "leave it out").At("document")
	}
	if q.Profile == "" && o.Document == "" {
		return q, parsed, ca.Invalid(ca.E1401, "the body names no profile", "GET /api/v1/profiles lists them").At("profile")
	}
	parsed, err = readCSR(o.CSR)
	q.CSR, q.Whole = parsed.Raw, parsed.Whole
	return q, parsed, err
}

// end is the wished end of the certificate; zero if none is wished.
func (o order) end(now time.Time) (time.Time, error) {
	switch {
	case o.NotAfter != "" && o.Days != nil:
		return time.Time{}, ca.Invalid(ca.E1401, "not_after and days are both set", "send one of them").At("days")
	case o.Days != nil:
		if *o.Days < 1 || *o.Days > maxDays {
			return time.Time{}, ca.Invalid(ca.E1401, fmt.Sprintf("days is %d", *o.Days), "ask for 1 day or more, at most what the profile allows").At("days")
		}
		return now.Add(time.Duration(*o.Days) * 24 * time.Hour), nil
	case o.NotAfter != "":
		return instant("not_after", o.NotAfter)
	}
	return time.Time{}, nil
}

// readCSR reads the request.
func readCSR(text string) (ca.CSR, error) {
	data := []byte(text)
	if !strings.Contains(text, "-----BEGIN ") {
		raw, err := base64.StdEncoding.DecodeString(text) // it skips line ends
		if err != nil {
			return ca.CSR{}, ca.Invalid(ca.E2203, "the request is neither PEM nor base64", "put the content of the .csr file there, or its DER in base64").At("csr")
		}
		data = raw
	}
	der, err := csr.Decode(data)
	if err != nil {
		return ca.CSR{}, at("csr", err)
	}
	parsed, err := csr.Parse(der)
	if err != nil {
		return ca.CSR{}, at("csr", err)
	}
	return parsed.CSR, nil
}

// idempotencyKey reads the header of that name: printable ASCII, once.
func idempotencyKey(r *http.Request) (string, error) {
	const name = "Idempotency-Key"
	values := r.Header.Values(name)
	if len(values) == 0 {
		return "", nil
	}
	key := values[0]
	plain := strings.IndexFunc(key, func(c rune) bool { return c < ' ' || c > '~' }) < 0
	if len(values) > 1 || key == "" || len(key) > maxKey || !plain {
		return "", ca.Invalid(ca.E1401, "the Idempotency-Key is not usable", fmt.Sprintf("send one key of 1 to %d printable ASCII characters", maxKey)).At(name)
	}
	return key, nil
}
