// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"testing"
	"time"

	"chancery/ca"
	"chancery/policy"
)

// A certificate that a later version cannot read signs nothing more, and stops nothing else.
func TestACertificateThatCannotBeReadStopsNoCeremony(t *testing.T) {
	r := &rules{authorities: map[string]*authority{}}
	for _, name := range []string{"old-g1", "root-g1"} {
		r.authorities[name] = &authority{Authority: ca.Authority{Name: name, Line: name[:3], Key: ca.Digest{1}, Kind: ca.Root, State: ca.Active, Parent: name, Certificate: []byte(name), Subject: []byte(name)}}
	}
	h := verified(r.hierarchy())
	n := policy.Newcomer{Name: "users-g1", Line: "users", Kind: ca.Issuing, Parent: "old-g1", Days: 9, PKI: "http://ca.lab.example"}
	if err := h.Admits(n); err != nil {
		t.Error(err)
	}
	if err := h.FreeName(calledBy([]byte("users"))); err != nil {
		t.Error(err)
	}
	if err := h.FreeName(calledBy([]byte("old-g1"))); err == nil {
		t.Error("its name is free")
	}
	if err := h.Below(n); err == nil {
		t.Error("something is signed below it")
	}
	if h["old-g1"].Link.Unsigned == nil {
		t.Error("its signature is believed")
	}
	if _, err := h.Turns(policy.Turning{Authority: "old-g1", To: ca.Retiring}, time.Now()); err != nil {
		t.Error(err)
	}
}
