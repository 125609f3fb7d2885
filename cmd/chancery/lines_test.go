// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"strings"
	"testing"

	"chancery/ca"
)

// While one line of authorities cannot sign, and another can, status, doctor and /readyz say
// which; and none of them says that nothing is wrong.
func TestStatusDoctorAndReadyzSayWhichLineCannotSign(t *testing.T) {
	t.Parallel()
	d := newTLSDoor(t)
	ready := func() (string, string) {
		t.Helper()
		var checks []string
		status, body := d.curl(d.api, "/readyz")
		var answer struct{ Checks []ca.Check }
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		for _, c := range answer.Checks {
			if c.ID == "addresses" {
				continue // nobody serves pki_url here
			}
			checks = append(checks, c.ID+":"+string(c.Level))
		}
		return status, strings.Join(checks, " ")
	}
	if status, checks := ready(); status != "200" || checks != "database:ok service:ok clock:ok authorities:ok lists:ok publication:ok disk:ok" {
		t.Errorf("as founded: %s %s", status, checks)
	}
	d.done("ca", "create", "mobile-g1", "--standby", "--yes", "--recovery-file", d.file("words"))
	said := d.done("status").out
	if !strings.HasPrefix(said, "issuing, but not for every line") || !strings.Contains(said, "issuing: issuing-g1 signs") || !strings.Contains(said, "mobile: no authority of line \"mobile\" can sign") || !strings.Contains(said, "ca activate mobile-g1") {
		t.Errorf("status:\n%s", said)
	}
	var s ca.Status
	if err := json.Unmarshal([]byte(d.done("status", "--json").out), &s); err != nil || len(s.Lines) != 2 || s.Lines[0].Signs != "issuing-g1" || s.Lines[1].Problem == nil || s.Lines[1].Problem.Code != ca.E3004 || len(s.Checks) != 8 {
		t.Errorf("%+v %v", s, err)
	}
	if found := d.types("doctor", "--only", "authorities,service").out; !strings.Contains(found, `line "mobile" can sign`) || !strings.Contains(found, "does not issue for every line") {
		t.Errorf("doctor:\n%s", found)
	}
	d.until("the line in /readyz", func() bool {
		status, checks := ready()
		return status == "200" && strings.Contains(checks, "authorities:warn")
	})
	d.done("key", "lock")
	d.until("locked keys in /readyz", func() bool {
		status, checks := ready()
		return status == "503" && strings.Contains(checks, "service:fail")
	})
	d.done("key", "unlock")
	d.done("ca", "activate", "mobile-g1", "--yes")
	d.until("all well in /readyz", func() bool {
		status, checks := ready()
		return status == "200" && !strings.Contains(checks, "warn") && !strings.Contains(checks, "fail")
	})
	if said := d.done("status").out; !strings.HasPrefix(said, "issuing\n") || !strings.Contains(said, "mobile: mobile-g1 signs") {
		t.Errorf("status:\n%s", said)
	}
}
