// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"strconv"

	"chancery/ca"
)

// An Officer decides what only a person can know; see lifecycle.Registrar.
type Officer interface {
	Unknown(ctx context.Context, who ca.Actor) ([]ca.Unknown, error)
	Decide(ctx context.Context, who ca.Actor, index int64, d ca.Decision) error
	// PlanDecide refuses what Decide would refuse, and does nothing.
	PlanDecide(ctx context.Context, who ca.Actor, index int64, d ca.Decision) error
}

// unsettled answers GET /unsettled.
func (c *call) unsettled() (page[ca.Unknown], error) {
	all, err := c.o.Officer.Unknown(c.r.Context(), c.who())
	return whole(all), err
}

// A decision is the body of POST /unsettled/{index}: one of the two.
type decision struct {
	// Void gives the intent up: its serial number counts as revoked for good.
	Void bool `json:"void,omitempty"`
	// Certificate is the certificate that was handed out, in DER.
	Certificate []byte `json:"certificate,omitempty"`
}

// decide answers POST /unsettled/{index}.
func (c *call) decide(body decision) (struct{}, error) {
	index, err := strconv.ParseInt(c.r.PathValue("index"), 10, 64)
	if err != nil {
		return struct{}{}, ca.NotFound(ca.E2101, "there is no such intent", "chancery recover")
	}
	if body.Void == (len(body.Certificate) > 0) {
		return struct{}{}, ca.Invalid(ca.E1401, "a decision is either void or a certificate", "set one of them")
	}
	decide := c.o.Officer.Decide
	if c.planned() {
		decide = c.o.Officer.PlanDecide
	}
	return struct{}{}, decide(c.r.Context(), c.who(), index, ca.Decision{Void: body.Void, DER: body.Certificate})
}
