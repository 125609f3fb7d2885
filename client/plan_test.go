// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"testing"

	"chancery/ca"
)

func (d *desk) Proof(context.Context, ca.Actor, ca.ProofWish) (ca.Proof, error) {
	return ca.Proof{}, d.err
}

func (d *desk) PlanRenew(_ context.Context, _ ca.Actor, q ca.Renewing) (ca.Plan, error) {
	return ca.Plan{Draft: ca.Draft{Profile: q.Certificate}}, d.err
}

func (d *desk) Annotate(_ context.Context, _ ca.Actor, _ string, change ca.AnnotationChange, unchanged func(ca.Issued) error) (ca.Issued, error) {
	i := issued
	err := unchanged(i)
	if err == nil {
		i.Certificate.Annotation, err = change.Of(i.Certificate.Annotation)
	}
	return i, err
}

func (d *desk) PlanAnnotate(ctx context.Context, who ca.Actor, ref string, change ca.AnnotationChange, unchanged func(ca.Issued) error) (ca.Issued, error) {
	return d.Annotate(ctx, who, ref, change, unchanged)
}

// What was fetched is what is changed.
func TestAnAnnotationIsOfWhatWasFetched(t *testing.T) {
	c, _ := open(t)
	to := "hana@lab.example"
	change := func(ca.Certificate) ca.AnnotationChange { return ca.AnnotationChange{Contact: &to} }
	for name, do := range map[string]func(context.Context, string, func(ca.Certificate) ca.AnnotationChange) (ca.Issued, error){"annotate": c.Annotate, "plan": c.PlanAnnotate} {
		if i, err := do(t.Context(), "nas", change); err != nil || i.Certificate.Contact != to {
			t.Errorf("%s: %+v %v", name, i.Certificate.Annotation, err)
		}
	}
	if _, err := c.Annotate(t.Context(), "", change); err == nil {
		t.Error("nothing was named")
	}
}

func (d *desk) PlanDecide(_ context.Context, _ ca.Actor, index int64, _ ca.Decision) error {
	if index == 7 {
		return d.err
	}
	return ca.NotFound(ca.E2101, "no such intent", "look")
}

func (d *desk) PlanList(_ context.Context, _ ca.Actor, authority string, days int) (ca.List, error) {
	return ca.List{Authority: authority, Entries: days + 1}, d.err
}

// What would be done is asked of the same operations.
func TestDryRunsAreAskedFor(t *testing.T) {
	c, _ := open(t)
	if p, err := c.PlanRenew(t.Context(), Renewal{Certificate: "nas"}); err != nil || p.Draft.Profile != "nas" {
		t.Errorf("%+v %v", p, err)
	}
	if l, err := c.PlanList(t.Context(), "issuing-g1", 3); err != nil || l.Authority != "issuing-g1" || l.Entries != 4 {
		t.Errorf("%+v %v", l, err)
	}
	if err := c.PlanDecide(t.Context(), 7, ca.Decision{Void: true}); err != nil {
		t.Error(err)
	}
	if err := c.PlanDecide(t.Context(), 8, ca.Decision{Void: true}); err == nil {
		t.Error("what would be refused is not")
	}
}
