// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"chancery/ca"
)

func TestTheStatusCountsCertificatesInWords(t *testing.T) {
	for want, c := range map[string]struct {
		n   ca.Counts
		due int64
	}{
		"0 valid; 0 revoked; 0 expired, 0 void": {},
		"1 valid, 1 of them ends within 30 days, and 0 of these should have been renewed; 0 revoked; 0 expired, 0 void":                                                                      {n: ca.Counts{Valid: 1, Expiring: 1}},
		"9 valid (8 of them below a revoked authority, to be replaced), 2 of them end within 30 days, and 1 of these should have been renewed; 3 revoked, 1 of them held; 4 expired, 5 void": {n: ca.Counts{Valid: 9, IssuerRevoked: 8, Expiring: 2, Revoked: 3, Held: 1, Expired: 4, Void: 5}, due: 1},
		"9 valid (8 of them or more below a revoked authority, to be replaced); 0 revoked; 0 expired, 0 void":                                                                                {n: ca.Counts{Valid: 9, IssuerRevoked: 8, IssuerRevokedMore: true}},
		"9 valid (some of them may be below a revoked authority, to be replaced); 0 revoked; 0 expired, 0 void":                                                                              {n: ca.Counts{Valid: 9, IssuerRevokedMore: true}},
	} {
		if got := countsText(c.n, c.due); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
