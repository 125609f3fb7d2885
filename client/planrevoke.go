// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"net/http"
	"net/url"

	"chancery/ca"
)

// PlanRevoke says how a certificate would stand after Revoke; nothing is done.
func (c *Client) PlanRevoke(ctx context.Context, ref string, why ca.Withdrawal) (ca.Certificate, error) {
	return do[ca.Certificate](ctx, c, call{method: http.MethodPost, path: "revocations", query: url.Values{"dry_run": {"true"}}, body: struct {
		Certificate string `json:"certificate"`
		ca.Withdrawal
	}{ref, why}})
}
