// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"chancery/internal/pgtest"
)

// With the database on a PostgreSQL server the road is the same.
func TestOnPostgreSQLTheRoadIsTheSame(t *testing.T) {
	server, err := pgtest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	t.Setenv("CHANCERY_DATABASE", server.DSN("postgres"))
	h := newHand(t)
	// init wrote the address down, so that the next start needs no variable.
	t.Setenv("CHANCERY_DATABASE", "")
	h.verifies("nas", h.done("sign", h.request("nas.lab.example")).out)
	if s := h.done("status"); !strings.Contains(s.out, "postgresql") {
		t.Errorf("status:\n%s", s.out)
	}
	if s := h.done("list"); !strings.Contains(s.out, "nas.lab.example") {
		t.Errorf("the list lacks it:\n%s", s.out)
	}
	h.done("audit", "verify")
}
