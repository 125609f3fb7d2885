// SPDX-License-Identifier: Apache-2.0

package client

import (
	"errors"
	"testing"
	"time"

	"chancery/ca"
)

func TestWhatTheDoorTellsOfRecordsIsRead(t *testing.T) {
	c, _ := open(t)
	ctx := t.Context()
	if r, err := c.Request(ctx, "01a1"); err != nil || r.ID != "01a1" || r.State != "issued" || r.Profile != "server" || !r.At.Equal(clock) || r.Certificate.Serial != row.Serial {
		t.Errorf("request: %+v %v", r, err)
	}
	events, next, err := c.Events(ctx, ca.EventFilter{Kind: "refused", Actor: "uid:7", Since: clock, Limit: 1})
	if err != nil || next != 9 || len(events) != 1 || events[0].ID != 9 || events[0].Kind != "refused" || events[0].Actor != "uid:7" || !events[0].At.Equal(clock) || string(events[0].Leaf) != "leaf" {
		t.Errorf("events: %+v %d %v", events, next, err)
	}
	if leaves, err := c.Leaves(ctx, 5, 1); err != nil || len(leaves) != 1 || string(leaves[0]) != "leaf" {
		t.Errorf("leaves: %q %v", leaves, err)
	}
	if past, below, err := c.Policies(ctx, 5, 1); err != nil || below != 4 || len(past) != 1 || past[0].Version != 5 {
		t.Errorf("policies: %+v %d %v", past, below, err)
	}
	if n, err := c.CountCertificates(ctx, ca.Filter{Search: "nas", Sort: "newest", Door: "cli", IssuedSince: clock.Add(-time.Hour)}); err != nil || n != 1284 {
		t.Errorf("count: %d %v", n, err)
	}
	lines, err := c.Lines(ctx)
	if err != nil || len(lines) == 0 || len(lines[0].Generations) == 0 {
		t.Errorf("lines: %+v %v", lines, err)
	}
	if b, err := c.Bundle(ctx, ""); err != nil || b.Hash.IsZero() {
		t.Errorf("bundle: %+v %v", b, err)
	}
	for name, err := range map[string]error{
		"no request": second(c.Request(ctx, "")), "no profile": second(c.Profile(ctx, "")), "an unknown profile": second(c.Profile(ctx, "none")), "an unknown line": second(c.Bundle(ctx, "none")),
	} {
		var p *ca.Problem
		if !errors.As(err, &p) || p.Kind != ca.NotFoundKind || p.Fix == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// A bad order costs itself alone.
func TestManyOrdersAreOneCall(t *testing.T) {
	c, d := open(t)
	all, err := c.IssueMany(t.Context(), []Order{{CSR: request(t), Profile: "server", Key: "not used"}, {CSR: []byte("x"), Profile: "server"}}, "k", false)
	if err != nil || len(all) != 2 || all[0].Issued == nil || all[0].Status/100 != 2 || all[1].Index != 1 || all[1].Status != 400 || all[1].Problem == nil || all[1].Problem.Code != ca.E2203 {
		t.Fatalf("%+v %v", all, err)
	}
	if d.asked.Key != "k#0" {
		t.Errorf("the key is %q", d.asked.Key)
	}
	all, err = c.IssueMany(t.Context(), []Order{{CSR: request(t), Profile: "server"}}, "", true)
	if err != nil || len(all) != 1 || all[0].Plan == nil || all[0].Issued != nil {
		t.Errorf("%+v %v", all, err)
	}
}
