// SPDX-License-Identifier: Apache-2.0

package main

import (
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"chancery/ca"
)

// HX-02: the same request sent by many at once is one certificate; and the service's own
// profile is for the service.
func TestHX02_ADoubleSubmitOverTLSIsOneCertificate(t *testing.T) {
	t.Parallel()
	d := newTLSDoor(t)
	token := d.token("--name", "ci", "--role", "requester")
	order := d.order("twice.lab.example", "server")
	serials := make(chan ca.Serial, 8)
	var all sync.WaitGroup
	for range cap(serials) {
		all.Go(func() {
			status, body := d.asked(token, "/api/v1/requests", "-H", "Content-Type: application/json", "-H", "Idempotency-Key: k", "-d", order)
			var issued ca.Issued
			if err := json.Unmarshal([]byte(body), &issued); err != nil || status[0] != '2' {
				t.Errorf("%s %s", status, body)
			}
			serials <- issued.Certificate.Serial
		})
	}
	all.Wait()
	first := <-serials
	for range cap(serials) - 1 {
		if s := <-serials; s != first {
			t.Errorf("serials %s and %s", first, s)
		}
	}
	if status, body := d.asked(token, "/api/v1/requests", "-H", "Content-Type: application/json", "-d", d.order("localhost", "service")); status != "422" || !strings.Contains(body, "E2108") {
		t.Errorf("the service's own profile: %s %s", status, body)
	}
}

// RO-02: whoever writes in the database of a running service makes no token, widens none
// and brings none back.
func TestRO02_WritingInTheDatabaseSignsNobodyIn(t *testing.T) {
	t.Parallel()
	d := newTLSDoor(t)
	token := d.token("--name", "ci", "--role", "requester")
	gone := d.token("--name", "gone", "--role", "requester")
	d.done("token", "revoke", "gone")
	db, err := sql.Open("sqlite", filepath.Join(d.dir, "front", "db", "book.sqlite")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, query := range []string{
		"DROP TRIGGER token_no_update", "DROP TRIGGER token_end_no_delete", "DELETE FROM token_end",
		`UPDATE token SET document = replace(document, '"requester"', '"security-admin"') WHERE document LIKE '%"name":"ci"%'`,
	} {
		if _, err := db.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	for what, secret := range map[string]string{"more roles": token, "brought back": gone} {
		if status, body := d.asked(secret, "/api/v1/whoami"); status != "401" || !strings.Contains(body, "E1306") {
			t.Errorf("%s: %s %s", what, status, body)
		}
	}
	if s := d.done("token", "list", "--all"); strings.Count(s.out, "forged") != 2 {
		t.Errorf("the list:\n%s", s.out)
	}
}

// Keys that are locked at the first start keep the listeners waiting, not the service; and
// a restart goes on with the certificate that there is.
func TestTheListenersWaitForLockedKeys(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	password := h.write("password", "orbit kettle maple saddle tunnel wisdom\n")
	h.done("init", "--names", "lab.example", "--hostname", "localhost", "--recovery-file", h.file("words"), "--unlock", "prompt", "--password-file", password)
	said, service := h.serving("CHANCERY_LISTEN=127.0.0.1:0", "CHANCERY_LISTEN_MTLS=off")
	_, at, _ := strings.Cut(said, "listening on 127.0.0.1:")
	port, _, _ := strings.Cut(at, " ")
	h.write("root.pem", h.done("ca", "show", "root-g1", "-o", "pem").out)
	d := tlsDoor{h, "localhost:" + port, ""}
	if status, _ := d.curl(d.api, "/healthz"); status != "failed" {
		t.Errorf("without a certificate it answers %s", status)
	}
	h.done("key", "unlock", "--password-file", password)
	d.until("certificate", func() bool { return d.shown() != nil })
	first := d.shown()
	if err := service.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = service.Wait() // a stop
	said, _ = h.serving("CHANCERY_LISTEN=127.0.0.1:0", "CHANCERY_LISTEN_MTLS=off")
	_, at, _ = strings.Cut(said, "listening on 127.0.0.1:")
	port, _, _ = strings.Cut(at, " ")
	d.api = "localhost:" + port
	if again := d.shown(); again == nil || !again.Equal(first) {
		t.Errorf("after a restart, with locked keys, it shows %v", again)
	}
	d.until("locked keys in /readyz", func() bool { // it is starting before
		status, body := d.curl(d.api, "/readyz")
		return status == "503" && strings.Contains(body, "E3001")
	})
}
