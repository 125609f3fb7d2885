// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"chancery/ca"
	"chancery/client"
	"chancery/config"
	"chancery/internal/pgtest"
	"chancery/signer"
	"chancery/signer/softkey"
)

// A tampering is what somebody with the database's password does to it: texts in
// which {a} and {b} are the ids of two certificates.
type tampering struct {
	name  string
	texts []string
	says  string // in the list of differences
}

// otherColumns are those of certificate that a forged row can have from another.
const otherColumns = `tail, authority, profile, profile_digest, owner, door, names, common, subject_key, key_type, not_before, not_after, issued_at, der, undelivered`

// nextLog is what a log's number is shifted by in an id.
const nextLog = "281474976710656"

var tamperings = []tampering{
	{"a certificate is deleted", []string{`DELETE FROM certificate WHERE id = {a}`}, "needs a row of certificate"},
	{"its event is deleted", []string{`DELETE FROM event WHERE id = {a}`}, "needs a row of event"},
	{"both are deleted, and the mark is set back below them", []string{
		`DELETE FROM certificate WHERE id = {a}`, `DELETE FROM event WHERE id = {a}`, `UPDATE log SET next = {a} % ` + nextLog,
	}, "the database went back"},
	{"another certificate stands in the row", []string{`UPDATE certificate SET der = (SELECT der FROM certificate WHERE id = {b}) WHERE id = {a}`}, "not the one that was intended"},
	{"two rows are swapped", []string{
		`UPDATE certificate SET id = {a} + 500 WHERE id = {a}`, `UPDATE certificate SET id = {a} WHERE id = {b}`, `UPDATE certificate SET id = {b} WHERE id = {a} + 500`,
	}, "of another certificate than its INTENT"},
	{"a certificate is made void", []string{`UPDATE certificate SET kind = 'void', der = substr(der, 1, 0) WHERE id = {a}`}, "(S09)"},
	{"a row is put where the log has none", []string{
		`INSERT INTO certificate (id, kind, issuer_key, serial, ` + otherColumns + `) SELECT id + 1000, kind, issuer_key, '41', ` + otherColumns + ` FROM certificate WHERE id = {a}`,
	}, "the log ends before its leaf (S02)"},
	{"a row is put under another log's number", []string{
		`INSERT INTO certificate (id, kind, issuer_key, serial, ` + otherColumns + `) SELECT id + ` + nextLog + `, kind, issuer_key, '41', ` + otherColumns + ` FROM certificate WHERE id = {a}`,
	}, "the book knows no such log"},
	{"an authority gets another state", []string{`UPDATE authority SET document = REPLACE(document, '"state":"active"', '"state":"retired"')`}, "says retired, and the log active"},
	{"a revocation is deleted", []string{`DELETE FROM revocation`}, "needs a row of revocation"},
	{"a revocation and its event are deleted", []string{`DELETE FROM event WHERE id IN (SELECT id FROM revocation)`, `DELETE FROM revocation`}, "needs a row of revocation"},
	{"a revocation gets another reason", []string{`UPDATE revocation SET reason = 5`}, "the reason is cessationOfOperation in the row, and superseded in its leaf"},
	{"a revocation gets another date", []string{`UPDATE revocation SET revoked_at = revoked_at + 60000`}, "the date of the revocation"},
	{"a revocation is moved to another certificate", []string{`UPDATE revocation SET certificate = {a}`}, "names the certificate of row"},
	{"a revocation gets another certificate's serial", []string{`UPDATE revocation SET serial = (SELECT serial FROM certificate WHERE id = {a})`}, "revokes another certificate than its leaf"},
	{"a revocation is put where the log has none", []string{
		`INSERT INTO revocation (id, certificate, issuer_key, serial, step, reason, actor, revoked_at) SELECT id + 1000, certificate, issuer_key, serial, 2, 1, actor, revoked_at FROM revocation`,
	}, "a row of revocation, and the log ends before its leaf (S02)"},
	{"a token may do more", []string{`UPDATE token SET document = REPLACE(document, '"auditor"', '"security-admin"')`}, "the row of token is not of the token that the log tells of here"},
	{"a token is given to somebody", []string{`UPDATE token SET owner = 'uid:4711'`}, "the row of token is not of the token that the log tells of here"},
	{"a token is put where the log has none", []string{`INSERT INTO token (digest, id, secret, owner, document) SELECT secret, id + 1000, digest, owner, document FROM token`}, "a row of token, and the log ends before its leaf (S02)"},
	{"a token's revocation is deleted", []string{`DELETE FROM token_end`}, "there is no row of token_end"},
	{"a token's revocation is moved to another", []string{`UPDATE token_end SET token = (SELECT secret FROM token LIMIT 1)`}, "the row of token_end is not of a revocation that the log tells of here"},
	{"the leaf in an event is another", []string{`UPDATE event SET leaf = (SELECT leaf FROM event WHERE id = {b}) WHERE id = {a}`}, "is not the log's"},
}

// An issued row, as the tests look it up beside the program.
type issuedRow struct {
	id     int64
	serial string
}

// intruder is a connection that cares for no guard of the book.
func intruder(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	db.SetMaxOpenConns(1)
	if driver == "pgx" {
		execute(t, db, "SET session_replication_role = replica")
		return db
	}
	for _, table := range []string{"certificate", "revocation", "event", "token", "token_end"} {
		execute(t, db, "DROP TRIGGER "+table+"_no_update", "DROP TRIGGER "+table+"_no_delete")
	}
	return db
}

func execute(t *testing.T, db *sql.DB, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

func issuedRows(t *testing.T, db *sql.DB) (all []issuedRow) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT id, serial FROM certificate WHERE kind = 'end-entity' ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var r issuedRow
		if err := rows.Scan(&r.id, &r.serial); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Fatal(err)
	}
	return all
}

// found tampers with a book and demands that the audit finds it, names leaf, row
// and serial, and ends with exit code 9.
func (c tampering) found(t *testing.T, h hand, db *sql.DB) {
	rows := issuedRows(t, db)
	a, b := rows[0], rows[1]
	for _, text := range c.texts {
		execute(t, db, strings.NewReplacer("{a}", fmt.Sprint(a.id), "{b}", fmt.Sprint(b.id)).Replace(text))
	}
	h.t = t
	s := h.types("audit", "verify")
	if s.code != exitFaults || !strings.Contains(s.err, "E3102") || !strings.Contains(s.out, c.says) {
		t.Errorf("exit %d, want 9 and %q\n%s%s", s.code, c.says, s.out, s.err)
	}
	if strings.Contains(c.texts[0], "{a}") && (strings.Contains(c.says, "needs a row") || strings.Contains(c.says, "(S09)")) {
		for _, want := range []string{fmt.Sprintf("leaf %d", a.id&(1<<48-1)), "serial " + a.serial} {
			if !strings.Contains(s.out, want) {
				t.Errorf("the list does not name %s:\n%s", want, s.out)
			}
		}
	}
	var out verification
	j := h.types("audit", "verify", "--json")
	if err := json.Unmarshal([]byte(j.out), &out); err != nil || j.code != exitFaults || !out.BookCompared || out.Book == nil || out.Book.Count == 0 {
		t.Errorf("in JSON: exit %d, %v\n%s", j.code, err, j.out)
	}
}

// agrees demands that log and book of an installation hold, and gives what was said.
func (h hand) agrees() verification {
	h.t.Helper()
	var out verification
	s := h.types("audit", "verify", "--json")
	if err := json.Unmarshal([]byte(s.out), &out); err != nil || s.code != 0 || !out.BookCompared || out.Book == nil || out.Book.Count != 0 {
		h.t.Fatalf("audit verify: exit %d, %v\n%s%s", s.code, err, s.out, s.err)
	}
	return out
}

// issues signs for three names in one run of the service's processes.
func (h hand) issues(names ...string) {
	h.t.Helper()
	for _, n := range names {
		h.done("sign", h.request(n+".lab.example"))
	}
}

// issuesAndRevokes fills a book with three certificates, the last of them revoked.
func (h hand) issuesAndRevokes() {
	h.t.Helper()
	h.issues("nas", "web", "mail")
	h.done("revoke", "mail.lab.example", "--reason", "superseded", "--confirm", "mail.lab.example")
	h.done("token", "create", "--name", "gone", "--role", "auditor")
	h.done("token", "revoke", "gone")
	h.done("token", "create", "--name", "stays", "--role", "auditor")
	if out := h.agrees(); out.Book.Certificates != 5 || out.Book.Authorities != 2 || out.Book.Revocations != 1 || out.Book.Unsettled != 0 || out.Book.Unclosed != 0 {
		h.t.Errorf("after three certificates: %+v", out.Book)
	}
}

// AU-06, AU-08: whatever is done to the rows, the audit finds it.
func TestAU06_AuditVerifyFindsTamperedRowsOnSQLite(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	if out := h.agrees(); out.Book.Certificates != 0 || out.Book.Unsettled != 4 {
		t.Errorf("just founded: %+v", out.Book)
	}
	h.issuesAndRevokes()
	for _, c := range tamperings {
		t.Run(c.name, func(t *testing.T) {
			victim := h.again(t)
			victim.agrees()
			c.found(t, victim, intruder(t, "sqlite", filepath.Join(victim.dir, "front", "db", "book.sqlite")))
		})
	}
}

func TestAU06_AuditVerifyFindsTamperedRowsOnPostgreSQL(t *testing.T) {
	server, err := pgtest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	admin, err := sql.Open("pgx", server.DSN("template1"))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close() //nolint:errcheck // the server goes with it
	execute(t, admin, "CREATE DATABASE book")
	t.Setenv("CHANCERY_DATABASE", server.DSN("book"))
	h := newHand(t)
	h.issuesAndRevokes()
	for i, c := range tamperings {
		t.Run(c.name, func(t *testing.T) {
			name := fmt.Sprintf("victim%d", i)
			execute(t, admin, "CREATE DATABASE "+name+" TEMPLATE book")
			t.Setenv("CHANCERY_DATABASE", server.DSN(name))
			c.found(t, h, intruder(t, "pgx", server.DSN(name)))
		})
	}
}

// A log that was taken back together with its own checkpoint is whole in itself:
// the kept checkpoint convicts it, and so do the rows.
func TestAU08_ALogThatWasTakenBackIsFoundByACheckpointAndByTheRows(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.issues("nas")
	before := h.again(t)
	h.issues("web")
	newest := filepath.Join("signer", "state", "checkpoint")
	kept, err := os.ReadFile(filepath.Join(h.dir, newest))
	if err != nil {
		t.Fatal(err)
	}
	h.write("kept", string(kept))
	before.done("audit", "verify")
	if s := before.types("audit", "verify", "--log-only", "--checkpoint", h.file("kept")); s.code != exitFaults || !strings.Contains(s.err, "the log was cut") {
		t.Errorf("exit %d\n%s%s", s.code, s.out, s.err)
	}
	// The book as it is now, beside the log as it was.
	now := h.again(t)
	if err := errors.Join(os.RemoveAll(filepath.Join(now.dir, "signer")), os.Rename(filepath.Join(before.dir, "signer"), filepath.Join(now.dir, "signer"))); err != nil {
		t.Fatal(err)
	}
	now.done("audit", "verify", "--log-only")
	if s := now.types("audit", "verify"); s.code != exitFaults || !strings.Contains(s.out, "the log went back") || !strings.Contains(s.out, "the log ends before its leaf (S02)") {
		t.Errorf("exit %d\n%s%s", s.code, s.out, s.err)
	}
}

// AU-08: files, checkpoint and public key are enough, and it is said that the
// database was not compared. An installation does not get rid of the comparison
// by losing a file.
func TestAU08_FilesAloneAreVerifiedWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.issues("nas")
	files := h.again(t)
	for _, path := range []string{"front", "worker", "run", "chancery.toml", "signer/keys", "signer/bundle"} {
		if err := os.RemoveAll(filepath.Join(files.dir, path)); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"audit", "verify"}, {"audit", "verify", "--log-only"}} {
		if s := files.done(args...); !strings.Contains(s.out, "tree ✓") || !strings.Contains(s.out, "database: NOT compared") || !strings.Contains(s.out, filepath.Join(files.dir, "signer", "state", "checkpoint")) {
			t.Errorf("%q says\n%s", args, s.out)
		}
	}
	if s := h.done("audit", "verify", "--log-only"); !strings.Contains(s.out, "database: NOT compared (--log-only)") {
		t.Errorf("it says\n%s", s.out)
	}
	lost := h.again(t)
	if err := os.Remove(filepath.Join(lost.dir, "front", "db", "book.sqlite")); err != nil {
		t.Fatal(err)
	}
	if s := lost.types("audit", "verify"); s.code != exitUnreachable || !strings.Contains(s.err, "--log-only") {
		t.Errorf("without the database: exit %d\n%s%s", s.code, s.out, s.err)
	}
	if err := os.Remove(filepath.Join(lost.dir, "chancery.toml")); err != nil {
		t.Fatal(err)
	}
	if s := lost.types("audit", "verify"); s.code == 0 {
		t.Errorf("without settings:\n%s", s.out)
	}
}

// AU-06: beside a service that issues as fast as it can, nothing looks like a
// fault; nor does what is left when it is killed, before and after settling.
func TestAU06_AuditVerifyBesideARunningServiceAndAfterItWasKilled(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	csr, err := os.ReadFile(h.request("nas.lab.example"))
	if err != nil {
		t.Fatal(err)
	}
	_, service := h.serving()
	ctx, cancel := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			c, err := client.Dial(filepath.Join(h.dir, "run", "admin.sock"))
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for ctx.Err() == nil {
				if _, err := c.Issue(ctx, client.Order{CSR: csr, Profile: "server"}); err != nil {
					return // its process was killed
				}
			}
		})
	}
	var last verification
	for range 10 {
		last = h.agrees()
	}
	killChildren(t, service.Process.Pid)
	left := h.agrees()
	cancel()
	callers.Wait()
	if last.Book.Certificates < 10 {
		t.Errorf("only %d certificates were compared", last.Book.Certificates)
	}
	// The parent starts both again, and they settle.
	h.issues("web")
	settled := h.agrees()
	for range 100 {
		if settled.Book.Unclosed == 0 {
			break // the last FINAL follows within a second
		}
		settled = h.agrees()
	}
	if settled.Book.Unsettled != 0 || settled.Book.Unclosed != 0 {
		t.Errorf("after settling: %+v", settled.Book)
	}
	t.Logf("killed with %d unsettled and %d unclosed of %d certificates; then %d, %d void", left.Book.Unsettled, left.Book.Unclosed, left.Book.Certificates, settled.Book.Certificates, settled.Book.Voids)
}

// killChildren kills front and signer of a service at once. They are looked up
// among the children of this one parent.
func killChildren(t *testing.T, parent int) {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
	if err != nil {
		t.Fatal(err)
	}
	killed := 0
	for _, list := range lists {
		b, err := os.ReadFile(list)
		if err != nil {
			continue // a thread that has ended
		}
		for _, field := range strings.Fields(string(b)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
			killed++
		}
	}
	if killed != 2 {
		t.Errorf("%d children were killed, want front and signer", killed)
	}
}

// AU-06: an intent whose signature was lost is open, then void, in the row and on
// the log, and never a fault (S04, S06, S12).
func TestAU06_AnIntentThatASignerDiedOnIsVoidAndAgrees(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.issues("nas")
	dead := h.diedAfterIntent(t)
	if left := dead.agrees(); left.Book.Unsettled != 1 || left.Book.Voids != 0 {
		t.Errorf("before settling: %+v", left.Book)
	}
	if s := dead.done("audit", "verify", "--log-only"); !strings.Contains(s.out, "of 1 certificates only the intent is on the log yet") {
		t.Errorf("it says\n%s", s.out)
	}
	dead.done("status")
	if settled := dead.agrees(); settled.Book.Unsettled != 0 || settled.Book.Unclosed != 0 || settled.Book.Voids != 1 || settled.Open != 0 {
		t.Errorf("after settling: %+v", settled.Book)
	}
	dead.issues("web")
	dead.agrees()
	db := intruder(t, "sqlite", filepath.Join(dead.dir, "front", "db", "book.sqlite"))
	execute(t, db, `UPDATE certificate SET kind = 'end-entity', der = (SELECT der FROM certificate WHERE kind = 'end-entity' ORDER BY id LIMIT 1) WHERE kind = 'void'`)
	if s := dead.types("audit", "verify"); s.code != exitFaults || !strings.Contains(s.out, "not the one that was intended") {
		t.Errorf("a void row with a certificate put in: exit %d\n%s", s.code, s.out)
	}
}

// atTheSigner is what a front does at the signer that then dies: it says hello, and
// writes nothing down.
func (h hand) atTheSigner(do func(s *signer.Signer, session ca.Session)) {
	h.t.Helper()
	s := &signer.Signer{Dir: filepath.Join(h.dir, "signer"), Parse: config.Profile, Now: time.Now, Random: rand.Reader, KDF: softkey.FloorParams(), Unseparated: true}
	if err := s.Open(); err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(h.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	defer func() {
		cancel()
		if err := errors.Join(<-ended, s.Close()); err != nil {
			h.t.Error(err)
		}
	}()
	db, err := sql.Open("sqlite", filepath.Join(h.dir, "front", "db", "book.sqlite"))
	if err != nil {
		h.t.Fatal(err)
	}
	hello := signer.Hello{Protocol: signer.Protocol, Boot: "front"}
	err = db.QueryRowContext(ctx, `SELECT database_id, log_id, next FROM book, log`).Scan(&hello.Database, &hello.Log, &hello.Next)
	if err := errors.Join(err, db.Close()); err != nil {
		h.t.Fatal(err)
	}
	session, err := s.Hello(hello)
	if err != nil {
		h.t.Fatal(err)
	}
	do(s, session)
}

// diedAfterIntent is the installation as a signer leaves it that dies between the
// INTENT and the FINAL: copied in the moment after signing, when the FINAL still
// waits for an fsync that it can share.
func (h hand) diedAfterIntent(t *testing.T) (dead hand) {
	t.Helper()
	text, err := os.ReadFile(h.request("web.lab.example"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	h.atTheSigner(func(s *signer.Signer, session ca.Session) {
		profiles, err := readBundle(session.Policy)
		if err != nil {
			t.Fatal(err)
		}
		// A machine that is busy may take longer to copy than the FINAL waits.
		for n := range 10 {
			answers, err := s.Issue(session.Number, []ca.Request{{
				ID: ca.RequestID(fmt.Sprintf("01939a3e-0000-7000-8000-%012d", n)), Door: ca.DoorCLI, From: ca.Actor{ID: "uid:0", Method: "peer"},
				Profile: "server", Digest: profiles["server"].Digest, CSR: block.Bytes, At: time.Now(),
			}})
			if err != nil || answers[0].Problem != nil {
				t.Fatal(err, answers)
			}
			if dead = h.again(t); dead.agrees().Open == 1 {
				return
			}
		}
		t.Fatal("each FINAL was written before the copy was made")
	})
	return dead
}

// AU-06: a step whose row a dying front did not write is no fault, and the next
// start writes it (L06).
func TestAU06_ARevocationWhoseRowWasLostIsSettledAndAgrees(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.issues("nas")
	id := issuedID(t, h)
	h.atTheSigner(func(s *signer.Signer, session ca.Session) {
		answers, err := s.Revoke(session.Number, []ca.Revoking{{ID: id, Step: 1, Reason: ca.Superseded, By: "uid:0"}})
		if err != nil || answers[0].Problem != nil {
			t.Fatal(err, answers)
		}
	})
	if left := h.agrees(); left.Book.Unsettled != 1 || left.Book.Revocations != 0 {
		t.Errorf("before settling: %+v", left.Book)
	}
	h.done("status")
	if settled := h.agrees(); settled.Book.Unsettled != 0 || settled.Book.Revocations != 1 {
		t.Errorf("after settling: %+v", settled.Book)
	}
}

// issuedID is the id of the first certificate that was issued.
func issuedID(t *testing.T, h hand) ca.ID {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(h.dir, "front", "db", "book.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	id := ca.ID(issuedRows(t, db)[0].id)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return id
}

// A wrong file beside the log is likelier than a forged log, and is said first.
func TestAuditVerifyNamesTheLikelierCauseFirst(t *testing.T) {
	t.Parallel()
	h, other := newHand(t), newHand(t)
	for _, args := range [][]string{
		{"--key", filepath.Join(other.dir, "audit.pub")}, {"--checkpoint", filepath.Join(other.dir, "signer", "state", "checkpoint")}, {"--checkpoint", other.file("words")},
	} {
		if s := h.refused("E3102", append([]string{"audit", "verify"}, args...)...); s.code != exitFaults || !strings.Contains(s.err, "hint: see first whether --key") {
			t.Errorf("%v: exit %d\n%s", args, s.code, s.err)
		}
	}
	h.write("data/front/db/book.sqlite", "no database")
	if s := h.refused("E3102", "audit", "verify"); s.code != exitFaults || !strings.Contains(s.err, "not a book") {
		t.Errorf("exit %d\n%s", s.code, s.err)
	}
}
