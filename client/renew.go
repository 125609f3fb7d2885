// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"encoding/base64"
	"net/http"

	"chancery/ca"
)

// A Renewal is what Renew asks for.
type Renewal struct {
	// Certificate is a public name, a serial number, or its tail; empty is the one that this
	// client shows.
	Certificate string
	// CSR is a request (PKCS#10) for the same names with another key, in PEM or DER; without
	// it the key stays.
	CSR []byte
	// Days is the wished lifetime; 0 is the profile's usual one.
	Days int
	// Overlap is after how many days the old certificate is revoked, nil for never.
	Overlap *int
}

func (q Renewal) call() call {
	return call{method: http.MethodPost, path: "renewals", body: struct {
		CSR         string `json:"csr,omitempty"`
		Certificate string `json:"certificate,omitempty"`
		Days        int    `json:"days,omitempty"`
		OverlapDays *int   `json:"overlap_days,omitempty"`
	}{base64.StdEncoding.EncodeToString(q.CSR), q.Certificate, q.Days, q.Overlap}}
}

// Renew asks for a certificate once more, and waits for it. It may be repeated.
func (c *Client) Renew(ctx context.Context, q Renewal) (ca.Issued, error) {
	return do[ca.Issued](ctx, c, q.call())
}

// PlanRenew says what Renew would lead to; nothing is signed or stored.
func (c *Client) PlanRenew(ctx context.Context, q Renewal) (ca.Plan, error) {
	return do[ca.Plan](ctx, c, q.call().dry())
}
