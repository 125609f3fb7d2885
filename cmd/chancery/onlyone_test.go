// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"chancery/ca"
	"chancery/client"
)

// RV-01: a name of several that stand is no certificate to revoke, by whatever door: the same
// call again, as after an answer that was lost, would take the next one.
func TestRV01_ANameOfSeveralRevokesNone(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.done("profile", "set", "server", "--set", "hold=true", "--yes")
	for _, n := range []string{"1", "2"} {
		h.done("issue", "dup.lab.example", "--key-file", h.file(n+".key"), "--out", h.file(n+".pem"))
	}
	h.serve()
	k, err := client.Dial(dialPath(filepath.Join(h.dir, "run", "admin.sock")))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	page, err := k.Certificates(t.Context(), ca.Filter{Name: "dup.lab.example", Status: "valid", Limit: 5})
	if err != nil || len(page.Items) != 2 {
		t.Fatalf("%+v %v", page, err)
	}
	superseded := ca.Withdrawal{Reason: ca.Superseded}
	for _, act := range []func() error{
		func() error { _, err := k.Revoke(t.Context(), "DUP.lab.example", superseded); return err },
		func() error { _, err := k.PlanRevoke(t.Context(), "dup.lab.example", superseded); return err },
	} {
		var p *ca.Problem
		if err := act(); !errors.As(err, &p) || p.Code != ca.E2102 || !strings.Contains(p.Why, page.Items[0].PublicName()) || !strings.Contains(p.Why, page.Items[1].PublicName()) {
			t.Errorf("by name: %v", err)
		}
	}
	var p *ca.Problem
	if _, err := k.Renew(t.Context(), client.Renewal{Certificate: "dup.lab.example"}); !errors.As(err, &p) || p.Code != ca.E2102 || !strings.Contains(p.Fix, page.Items[0].PublicName()) {
		t.Errorf("renewed by name: %v", err)
	}
	// One of them held is the one that a name means on the way back, though it is not the newest.
	older := page.Items[1].PublicName()
	if _, err := k.Revoke(t.Context(), older, ca.Withdrawal{Reason: ca.CertificateHold}); err != nil {
		t.Fatal(err)
	}
	if got, err := k.Revoke(t.Context(), "dup.lab.example", ca.Withdrawal{Reason: ca.RemoveFromCRL}); err != nil || got.PublicName() != older || got.Revoked != nil {
		t.Errorf("back by name: %+v %v", got.Revoked, err)
	}
	// Once one is left, the name means it, and the same again changes nothing.
	if _, err := k.Revoke(t.Context(), older, superseded); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := k.Revoke(t.Context(), "dup.lab.example", superseded); err != nil || got.PublicName() != page.Items[0].PublicName() || got.Steps != 1 {
			t.Errorf("the one that is left: %+v %v", got.Certificate, err)
		}
	}
}
