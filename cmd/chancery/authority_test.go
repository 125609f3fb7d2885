// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"chancery/ca"
)

func TestTheAgeOfAListIsSaidInWords(t *testing.T) {
	made := time.Date(2026, 11, 20, 12, 0, 0, 0, time.Local)
	a := listedAuthority{List: &ca.ListHead{ThisUpdate: made, NextUpdate: made.AddDate(0, 0, 7)}}
	for after, want := range map[time.Duration]string{
		-time.Second: "just now, next by 2026-11-27", 59 * time.Second: "just now, next by 2026-11-27", time.Minute: "1 min ago, next by 2026-11-27",
		6*time.Hour + time.Minute: "6 h ago, next by 2026-11-27", 47 * time.Hour: "47 h ago, next by 2026-11-27", 48 * time.Hour: "2 d ago, next by 2026-11-27",
		7 * 24 * time.Hour: "ENDED 2026-11-27",
	} {
		if got := a.age(made.Add(after)); got != want {
			t.Errorf("after %v: %q, want %q", after, got, want)
		}
	}
	if got := (listedAuthority{}).age(made); got != "none" {
		t.Errorf("without a list: %q", got)
	}
}

func TestAuthoritiesAreListedWithTheirLists(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	if s := h.done("ca", "list"); strings.Count(s.out, ", next by ") != 2 {
		t.Errorf("it says\n%s", s.out)
	}
	remove(t, h.published())
	overwrite(t, strings.Replace(h.published(), "issuing", "root", 1), []byte("no list"))
	h.serve() // which makes the list of the issuing authority at once
	var all []listedAuthority
	for range 100 {
		if err := json.Unmarshal([]byte(h.done("ca", "list", "--json").out), &all); err != nil || len(all) != 2 {
			t.Fatalf("%v, %+v", err, all)
		}
		if all[1].List != nil {
			break
		}
	}
	if all[0].Name != "root-g1" || all[0].List != nil || all[1].List == nil || all[1].List.Number == 0 {
		t.Errorf("%+v", all)
	}
}
