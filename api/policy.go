// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"

	"chancery/ca"
)

// A Rehearser says what a profile's document would do before it is in force; see
// lifecycle.Registrar.
type Rehearser interface {
	Rehearse(ctx context.Context, who ca.Actor, t ca.Trial) (ca.Rehearsal, error)
	Try(ctx context.Context, q ca.Request, c ca.CSR, document string) (ca.Plan, error)
	// PlanToken gives the token that would be made, and PlanTokenEnd the one that would be
	// revoked; see Keeper.
	PlanToken(ctx context.Context, who ca.Actor, name string, scope ca.Scope, days int) (ca.TokenView, error)
	PlanTokenEnd(ctx context.Context, who ca.Actor, ref string) (ca.TokenView, error)
	// PlanRenew says what a renewal would make; see Keeper.
	PlanRenew(ctx context.Context, who ca.Actor, q ca.Renewing) (ca.Plan, error)
}

func policyOperations() []operation {
	return []operation{
		takes(operation{
			method: post, path: "policy/plan", id: "planPolicy", group: "profiles", summary: "What a profile's document would do, before it is in force",
			tell:  "Judges the standing certificates of the profile as if each was asked for again.",
			fails: []int{413, 415, 422},
		}, (*call).rehearse),
	}
}

// rehearse answers POST /policy/plan.
func (c *call) rehearse(t ca.Trial) (ca.Rehearsal, error) {
	if t.Document == "" {
		return ca.Rehearsal{}, ca.Invalid(ca.E1401, "the body has no document", "send the profile in TOML: chancery profile show NAME prints one").At("document")
	}
	r, err := c.o.Rehearser.Rehearse(c.r.Context(), c.who(), t)
	return r, within[ca.Trial]("document", err)
}
