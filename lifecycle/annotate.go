// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"slices"

	"chancery/access"
	"chancery/ca"
)

// Annotate changes what people say of a certificate: its owner may, and a CA administrator.
// Before anything is done, unchanged is asked whether the certificate still is what the
// caller saw; from then on nobody else changes it here. The error is a Problem: E1305 for
// want of a role, Find's, E1401 for what no annotation may be, and that of unchanged.
func (r *Registrar) Annotate(ctx context.Context, who ca.Actor, ref string, change ca.AnnotationChange, unchanged func(ca.Issued) error) (ca.Issued, error) {
	select {
	case r.annotating <- struct{}{}:
		defer func() { <-r.annotating }()
	case <-ctx.Done():
		return ca.Issued{}, gaveUp()
	}
	found, next, err := r.annotated(ctx, who, ref, change, unchanged)
	c := found.Certificate
	if err != nil || c.Annotation.Digest() == next.Digest() {
		return found, err
	}
	err = r.send(ctx, ca.EventBody{Kind: ca.EventAnnotated, By: who.By(), About: c.PublicName() + " " + next.Digest().String()}, func(change *ca.Change) {
		change.Annotated = &ca.Annotated{Certificate: c.ID, Annotation: next}
	})
	if err != nil {
		return ca.Issued{}, err
	}
	found.Certificate.Annotation = next
	return found, nil
}

// PlanAnnotate is Annotate without changing anything.
func (r *Registrar) PlanAnnotate(ctx context.Context, who ca.Actor, ref string, change ca.AnnotationChange, unchanged func(ca.Issued) error) (ca.Issued, error) {
	found, next, err := r.annotated(ctx, who, ref, change, unchanged)
	found.Certificate.Annotation = next
	return found, err
}

// annotated finds the certificate, and what would be said of it.
func (r *Registrar) annotated(ctx context.Context, who ca.Actor, ref string, change ca.AnnotationChange, unchanged func(ca.Issued) error) (found ca.Issued, next ca.Annotation, err error) {
	if _, err = r.ready(ctx); err != nil {
		return found, next, err
	}
	if found, err = r.Find(ctx, who, ref); err != nil {
		return ca.Issued{}, next, err
	}
	c := found.Certificate
	if c.Owner != who.ID || r.may(ctx, who, access.AnnotateOwn) != nil {
		if err = r.allow(ctx, who, access.AnnotateAny); err != nil {
			return ca.Issued{}, next, err
		}
	}
	if err = unchanged(found); err != nil {
		return ca.Issued{}, next, err
	}
	if next, err = change.Of(ca.Annotation{Contact: c.Contact, Tags: slices.Clone(c.Tags)}); err != nil {
		return ca.Issued{}, next, err
	}
	return found, next, nil
}
