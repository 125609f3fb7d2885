// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"net/http"

	"chancery/ca"
)

// Annotate changes what people say of a certificate. The change is made of the certificate
// as it stands, and is refused (E1401, a conflict) if somebody changes it in between: asking
// again goes by what it is then.
func (c *Client) Annotate(ctx context.Context, ref string, change func(ca.Certificate) ca.AnnotationChange) (ca.Issued, error) {
	q, err := c.annotation(ctx, ref, change)
	if err != nil {
		return ca.Issued{}, err
	}
	return do[ca.Issued](ctx, c, q)
}

// PlanAnnotate says how the certificate would be shown after Annotate.
func (c *Client) PlanAnnotate(ctx context.Context, ref string, change func(ca.Certificate) ca.AnnotationChange) (ca.Issued, error) {
	q, err := c.annotation(ctx, ref, change)
	if err != nil {
		return ca.Issued{}, err
	}
	return do[ca.Issued](ctx, c, q.dry())
}

// annotation is the call that changes a certificate as it is now.
func (c *Client) annotation(ctx context.Context, ref string, change func(ca.Certificate) ca.AnnotationChange) (call, error) {
	if ref == "" {
		return call{}, ca.NotFound(ca.E2101, "no certificate was named", "chancery list")
	}
	var tag string
	found, err := do[ca.Issued](ctx, c, call{method: http.MethodGet, path: "certificates/" + segment(ref), tag: &tag})
	if err != nil {
		return call{}, err
	}
	return call{method: http.MethodPatch, path: "certificates/" + segment(found.Certificate.PublicName()), body: change(found.Certificate), match: tag}, nil
}
