// SPDX-License-Identifier: Apache-2.0

package main

import (
	"log/slog"
	"strings"
	"testing"

	"chancery/ca"
)

// IS-09: where issuing stops for want of room, readiness, doctor and log say so at the same
// moment, name the disk that is tightest, and warn before.
func TestIS09_WhatStopsForWantOfRoomIsTold(t *testing.T) {
	var free int64
	plenty := func() (int64, int64, error) { return 90 << 30, 100 << 30, nil }
	r := roomCheck{{"front", "/srv/front", plenty}, {"signer", "/srv/signer", func() (int64, int64, error) { return free, 420 << 20, nil }}}
	level := ca.Fine
	for _, tt := range []struct {
		mib   int64
		level ca.Level
		says  string
		logs  string
	}{
		{400, ca.Fine, "", ""},
		{300, ca.Warned, "only 300 MiB are free on the file system of /srv/signer: issuing stops at 256 MiB", "level=WARN"},
		{290, ca.Warned, "only 290 MiB are free", ""},
		{171, ca.Failed, "nothing is issued below 256 MiB", "level=ERROR msg=\"nothing is issued, since the disk is nearly full\" code=E1407"},
		{170, ca.Failed, "nothing is issued below 256 MiB", ""},
		{400, ca.Fine, "", "the disk has room again"},
	} {
		free = tt.mib << 20
		c := r.check()
		if c.ID != "disk" || c.Level != tt.level || !strings.Contains(c.Message, tt.says) || (c.Code == ca.E1407) != (tt.level == ca.Failed) {
			t.Errorf("%d MiB: %+v", tt.mib, c)
		}
		if f, total, err := r.space(); err != nil || ca.NearlyFull(f, total) != (tt.level == ca.Failed) {
			t.Errorf("%d MiB: issuing goes by %d of %d, %v", tt.mib, f, total, err)
		}
		var log strings.Builder
		level = r.tell(level, slog.New(slog.NewTextHandler(&log, nil)))
		if got := log.String(); !strings.Contains(got, tt.logs) || (tt.logs == "") != (got == "") {
			t.Errorf("%d MiB: the log has %q, want %q", tt.mib, got, tt.logs)
		}
	}
}

// What went wrong may be said in many lines, as by a hook; among others it takes one.
func TestAFaultAmongOthersTakesOneLine(t *testing.T) {
	if got := inLine("one\r\ntwo\n"); got != "one; two" {
		t.Errorf("%q", got)
	}
	if got := inLine(strings.Repeat("é", 4096)); len(got) > maxInLine+5 || !strings.HasSuffix(got, "é …") {
		t.Errorf("%d octets: %q", len(got), got)
	}
}
