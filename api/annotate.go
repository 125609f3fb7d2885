// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"

	"chancery/ca"
	"chancery/internal/respond"
)

// A Clerk changes what people say of certificates; see lifecycle.Registrar for what the
// errors are.
type Clerk interface {
	// Annotate changes it, if unchanged has nothing against the certificate as it is.
	Annotate(ctx context.Context, who ca.Actor, ref string, change ca.AnnotationChange, unchanged func(ca.Issued) error) (ca.Issued, error)
	// PlanAnnotate says how the certificate would be shown then.
	PlanAnnotate(ctx context.Context, who ca.Actor, ref string, change ca.AnnotationChange, unchanged func(ca.Issued) error) (ca.Issued, error)
}

// annotate answers PATCH /certificates/{ref}.
func (c *call) annotate(change ca.AnnotationChange) (found, error) {
	ref, err := c.reference()
	if err != nil {
		return found{}, err
	}
	annotate := c.o.Clerk.Annotate
	if c.planned() {
		annotate = c.o.Clerk.PlanAnnotate
	}
	i, err := annotate(c.r.Context(), c.who(), ref, change, func(i ca.Issued) error {
		return respond.Unchanged(c.r, c.shown(i))
	})
	return c.shown(i), err
}
