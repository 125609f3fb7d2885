// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"chancery/ca"
)

// A Keeper keeps tokens, and knows who somebody is; see lifecycle.Registrar for what the
// errors are.
type Keeper interface {
	// MakeToken makes a token in the name of who asks.
	MakeToken(ctx context.Context, who ca.Actor, name string, scope ca.Scope, days int) (ca.TokenView, error)
	// TokensOf gives a page of one's own tokens, or those of all, and where the next begins.
	TokensOf(ctx context.Context, who ca.Actor, all bool, below ca.ID) ([]ca.TokenView, ca.ID, error)
	RevokeToken(ctx context.Context, who ca.Actor, ref string) (ca.TokenView, error)
	// Renew has a certificate issued once more, and the old one revoked if that is asked.
	Renew(ctx context.Context, who ca.Actor, id ca.RequestID, q ca.Renewing) (ca.Issued, error)
	Whoami(ctx context.Context, who ca.Actor) (ca.Identity, error)
}

func tokenOperations() []operation {
	return []operation{
		takes(operation{
			method: post, path: "tokens", id: "makeToken", group: "tokens", summary: "Make a token",
			tell:       "The answer alone has its secret. It does at most what its maker may, whenever it is used. With dry_run none is made.",
			parameters: []parameter{dryRun}, status: http.StatusCreated, also: []int{http.StatusOK}, fails: []int{415, 413},
		}, (*call).makeToken),
		gives(operation{
			method: get, path: "tokens", id: "listTokens", group: "tokens", summary: "One's own tokens, newest first",
			parameters: []parameter{{name: "all", form: "boolean", tell: "Those of everybody."}, pageCursor},
		}, (*call).tokens),
		gives(operation{
			method: http.MethodDelete, path: "tokens/{id}", id: "revokeToken", group: "tokens", summary: "Revoke a token",
			tell:       "It is refused from the next call on. Revoking again changes nothing. With dry_run the answer is the token as it is.",
			parameters: []parameter{dryRun}, fails: []int{400, 404},
		}, (*call).revokeToken),
		takes(operation{
			method: post, path: "renewals", id: "renewCertificate", group: "requests", summary: "Renew a certificate: the one that the connection shows, or one's own by its serial number",
			tell: "Without csr the new certificate is of the same key; names, subject, profile and owner stay. With overlap_days the old one is revoked as superseded: " +
				"with 0 in one transaction with the new one. With dry_run the answer is the plan alone. " +
				"Sent again within 24 hours it gives the same certificate, as long as the same would be made of it: after another generation was activated, the profile was changed, or what it led to was revoked, it is a new renewal. " +
				"A certificate that was revoked shows nothing any more: a device that shows its own asks for a day of overlap at least, or a lost answer leaves it without both.",
			parameters: []parameter{dryRun}, status: http.StatusCreated, also: []int{http.StatusOK}, fails: []int{404, 415, 413, 422},
		}, (*call).renew),
		gives(operation{
			method: get, path: "whoami", id: "whoami", group: "service", summary: "Who the call signed in as, and what it may do",
		}, (*call).whoami),
	}
}

// A tokenOrder is the body of POST /tokens.
type tokenOrder struct {
	// Name is what the token is called: lower-case letters, digits and '-'.
	Name string `json:"name"`
	ca.Scope
	// Days is how long it lives, 1 to 365; 90 without it.
	Days int `json:"days,omitempty"`
}

// makeToken answers POST /tokens.
func (c *call) makeToken(o tokenOrder) (ca.TokenView, error) {
	if o.Days < 0 {
		return ca.TokenView{}, ca.Invalid(ca.E1401, "days is negative", "a token lives 1 to 365 days").At("days")
	}
	if c.planned() {
		c.status = http.StatusOK
		return c.o.Rehearser.PlanToken(c.r.Context(), c.who(), o.Name, o.Scope, o.Days)
	}
	return c.o.Keeper.MakeToken(c.r.Context(), c.who(), o.Name, o.Scope, o.Days)
}

// tokens answers GET /tokens.
func (c *call) tokens() (page[ca.TokenView], error) {
	below, err := c.cursor(ca.ByID)
	if err != nil {
		return page[ca.TokenView]{}, err
	}
	all, next, err := c.o.Keeper.TokensOf(c.r.Context(), c.who(), c.query.Get("all") == "true", below)
	p := whole(all)
	if next != 0 {
		p.NextCursor = &ca.Cursor{Order: ca.ByID, ID: next}
	}
	return p, err
}

// revokeToken answers DELETE /tokens/{id}.
func (c *call) revokeToken() (ca.TokenView, error) {
	ref := c.r.PathValue("id")
	if len(ref) > maxValue || !ca.PlainText(ref) {
		return ca.TokenView{}, ca.NotFound(ca.E2101, "there is no token "+ca.Show(ref), "chancery token list").At("id")
	}
	if c.planned() {
		return c.o.Rehearser.PlanTokenEnd(c.r.Context(), c.who(), ref)
	}
	return c.o.Keeper.RevokeToken(c.r.Context(), c.who(), ref)
}

// A renewal is the body of POST /renewals.
type renewal struct {
	// CSR is a request (PKCS#10) like the first one with a new key, in PEM, or its DER in
	// base64; without it the key stays.
	CSR string `json:"csr,omitempty"`
	// Certificate is a public name, a serial number, or its tail. Without it the
	// certificate is renewed that the connection shows (listen_mtls).
	Certificate string `json:"certificate,omitempty"`
	// Days is the wished lifetime; 0 is the profile's usual one.
	Days int `json:"days,omitempty"`
	// OverlapDays is after how many days the old certificate is revoked, 0 to 90; without it
	// that stands until its end.
	OverlapDays *int `json:"overlap_days,omitempty"`
}

// renew answers POST /renewals.
func (c *call) renew(body renewal) (submitted, error) {
	q := ca.Renewing{Certificate: body.Certificate, Days: body.Days}
	switch {
	case body.Days < 0 || body.Days > maxDays:
		return submitted{}, ca.Invalid(ca.E1401, fmt.Sprintf("days is %d", body.Days), "ask for 1 day or more, at most what the profile allows").At("days")
	case body.OverlapDays != nil && (*body.OverlapDays < 0 || *body.OverlapDays > maxDays):
		return submitted{}, ca.Invalid(ca.E1401, "overlap_days is no number of days", "send 0 to 90").At("overlap_days")
	case body.OverlapDays != nil:
		q.Replaces, q.After = true, time.Duration(*body.OverlapDays)*24*time.Hour
	}
	if body.CSR != "" {
		parsed, err := readCSR(body.CSR)
		if err != nil {
			c.o.Submitter.Refuse(c.who(), err)
			return submitted{}, err
		}
		q.CSR = &parsed
	}
	if c.planned() {
		plan, err := c.o.Rehearser.PlanRenew(c.r.Context(), c.who(), q)
		c.status = http.StatusOK
		return submitted{Plan: &plan}, within[renewal]("csr", err)
	}
	issued, err := c.o.Keeper.Renew(c.r.Context(), c.who(), c.id(), q)
	if err == nil && issued.Repeated {
		c.status = http.StatusOK
	}
	return submitted{Issued: &issued}, within[renewal]("csr", err)
}

// whoami answers GET /whoami.
func (c *call) whoami() (ca.Identity, error) { return c.o.Keeper.Whoami(c.r.Context(), c.who()) }
