// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"chancery/ca"
)

// A window is a service, and what everybody can fetch of it.
type window struct {
	hand
	http, stderr string
	stop         func()
}

func (h hand) window(stderr string) window {
	h.t.Helper()
	out, err := os.Create(h.file(stderr))
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := h.command(ctx, "serve")
	c.Stderr, c.WaitDelay = out, 30*time.Second
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	if err := c.Start(); err != nil {
		h.t.Fatal(err)
	}
	stopped := false
	o := window{hand: h, stderr: out.Name(), stop: func() {
		if cancel(); !stopped {
			stopped = true
			_ = c.Wait()
			_ = out.Close()
		}
	}}
	h.t.Cleanup(o.stop)
	o.http = "http://" + regexp.MustCompile(`revocation +(\S+),`).FindStringSubmatch(o.says("ready in"))[1]
	return o
}

// says waits until the service has said something, and gives all it has.
func (o window) says(word string) string {
	o.t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		said, err := os.ReadFile(o.stderr)
		if err != nil {
			o.t.Fatal(err)
		}
		if strings.Contains(string(said), word) {
			return string(said)
		}
		if time.Now().After(end) {
			o.t.Fatalf("the service does not say %q:\n%s", word, said)
		}
	}
}

// shows is what the service hands out of its authorities, by every way.
func (o window) shows() string {
	o.t.Helper()
	var all strings.Builder
	for _, args := range [][]string{{"ca", "bundle"}, {"ca", "bundle", "--line", "issuing"}, {"ca", "chain", "issuing-g2"}, {"ca", "show", "root-g1", "-o", "pem"}} {
		all.WriteString(o.done(args...).out)
	}
	var listed []ca.Authority
	if err := json.Unmarshal([]byte(o.done("ca", "list", "--json").out), &listed); err != nil {
		o.t.Fatal(err)
	}
	for _, a := range listed {
		fmt.Fprintf(&all, "%s %s %x\n", a.Name, a.State, sha256.Sum256(a.Certificate))
	}
	for _, name := range []string{"root-g1.crt", "issuing-g2.crt", "bundle.pem", "bundle.p7b", "issuing.bundle.pem", "issuing-g2.chain.pem", "stranger-g1.crt"} {
		r, err := http.Get(o.http + "/pki/" + name) //nolint:noctx // the test's own time bounds it
		if err != nil {
			o.t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		if _ = r.Body.Close(); err != nil {
			o.t.Fatal(err)
		}
		fmt.Fprintf(&all, "%s: %d %x\n", name, r.StatusCode, body)
	}
	return all.String()
}

// strangers makes a generation of somebody else, of the name of one of ours.
func strangers(t *testing.T, a ca.Authority) ca.Authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Lab Root"}, IsCA: true, BasicConstraintsValid: true, NotBefore: a.NotBefore, NotAfter: a.NotAfter,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a.Certificate, a.SPKI, a.Key, a.Subject = der, c.RawSubjectPublicKeyInfo, sha256.Sum256(c.RawSubjectPublicKeyInfo), c.RawSubject
	return a
}

// A forgery changes rows of authority; restored says whether a settling can put them
// right.
type forgery struct {
	name, about string
	forge       func(t *testing.T, db *sql.DB)
	says        string
	restored    bool
}

// strikes opens the database for as long as it takes: a start puts another write-ahead
// log in the place of the one that is open.
func (c forgery) strikes(t *testing.T, h hand) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(h.dir, "front", "db", "book.sqlite")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	c.forge(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func stored(t *testing.T, db *sql.DB, name string) (a ca.Authority) {
	t.Helper()
	var document string
	if err := db.QueryRowContext(t.Context(), "SELECT document FROM authority WHERE name = $1", name).Scan(&document); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(document), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

func rewrites(t *testing.T, db *sql.DB, a ca.Authority, key ca.Digest) {
	t.Helper()
	document, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "UPDATE authority SET document = $1, issuer_key = $2 WHERE name = $3", string(document), key[:], a.Name); err != nil {
		t.Fatal(err)
	}
}

var forgeries = []forgery{
	{"another certificate under the same key", "root-g1", func(t *testing.T, db *sql.DB) {
		mine := stored(t, db, "root-g1")
		theirs := mine
		theirs.Certificate = strangers(t, mine).Certificate
		rewrites(t, db, theirs, mine.Key)
	}, "of another key than the generation", true},
	{"a stranger's root that agrees with itself", "root-g1", func(t *testing.T, db *sql.DB) {
		theirs := strangers(t, stored(t, db, "root-g1"))
		rewrites(t, db, theirs, theirs.Key)
	}, "it has another key", true},
	{"a retired one is active again", "issuing-g1", func(t *testing.T, db *sql.DB) {
		a := stored(t, db, "issuing-g1")
		a.State = ca.Active
		rewrites(t, db, a, a.Key)
	}, "it says active, and the log retired", true},
	{"a member leaves the bundle", "issuing-g2", func(t *testing.T, db *sql.DB) {
		a := stored(t, db, "issuing-g2")
		a.State = ca.Retired
		rewrites(t, db, a, a.Key)
	}, "it says retired, and the log active", true},
	{"what is no document", "root-g1", func(t *testing.T, db *sql.DB) {
		execute(t, db, "UPDATE authority SET document = '{' WHERE name = 'root-g1'")
	}, "cannot be read", true},
	{"a stranger's root of another log", "stranger-g1", func(t *testing.T, db *sql.DB) {
		a := strangers(t, stored(t, db, "root-g1"))
		a.Name, a.Line, a.Parent = "stranger-g1", "stranger", "stranger-g1"
		execute(t, db, "INSERT INTO authority (name, id, issuer_key, document) SELECT 'stranger-g1', id + "+nextLog+", issuer_key, document FROM authority WHERE name = 'root-g1'")
		rewrites(t, db, a, a.Key)
	}, "the log has no authority of that name", false},
	{"a generation is taken away", "issuing-g2", func(t *testing.T, db *sql.DB) {
		execute(t, db, "DELETE FROM authority WHERE name = 'issuing-g2'")
	}, "it is missing", false},
}

// RO-02: whoever can write in the database puts nothing into a trust bundle, takes
// nothing out of it, and is told of; not while the service runs, not across a restart,
// and not by a command that is alone.
func TestRO02_AForgedRowOfAnAuthorityIsShownToNobody(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.done("ca", "create", "issuing-g2", "--yes", "--recovery-file", h.file("words"))
	h.done("ca", "activate", "issuing-g2", "--yes")
	h.done("ca", "retire", "issuing-g1", "--confirm", "issuing-g1")
	h.agrees()
	for i, c := range forgeries {
		t.Run(c.name, func(t *testing.T) {
			h := h.again(t)
			o := h.window("stderr")
			want := o.shows()
			if strings.Contains(want, "stranger-g1.crt: 200") || !strings.Contains(want, "bundle.pem: 200") {
				t.Fatalf("before: %s", want)
			}
			c.strikes(t, h)
			if found, code := h.examined("--only", "authorities"); code != exitFaults && !c.restored {
				t.Errorf("doctor: exit %d, %+v", code, found)
			}
			if got := o.shows(); got != want {
				t.Errorf("the service shows\n%s\nwant\n%s", got, want)
			}
			alarm := `E1406: the database's row of the authority \"` + c.about + `\" is not what the log says`
			if said := o.says(alarm); !strings.Contains(said, c.says) {
				t.Errorf("the log says\n%s\nwant %q", said, c.says)
			}
			if got := o.shows(); got != want {
				t.Errorf("after the alarm the service shows\n%s\nwant\n%s", got, want)
			}
			h.noted(t, c, 0)
			// Once more while nothing runs, as every start meets it.
			o.stop()
			if c.restored {
				h.agrees()
				c.strikes(t, h)
				found, code := h.examined("--only", "authorities")
				if says(t, found, "authorities", failed, c.about); code != exitFaults {
					t.Errorf("doctor: exit %d", code)
				}
			}
			if i == 0 { // of a command that is alone
				if got := h.done("ca", "bundle").out; !strings.HasPrefix(want, got) {
					t.Errorf("a command shows\n%s", got)
				}
				c.strikes(t, h)
			}
			o = h.window("stderr2")
			if got := o.shows(); got != want {
				t.Errorf("after a restart the service shows\n%s\nwant\n%s", got, want)
			}
			o.says(alarm)
			h.noted(t, c, 1)
		})
	}
}

// noted demands that the doctor knows of a forgery: of one that was put right by the
// log's event, of another by the row.
func (h hand) noted(t *testing.T, c forgery, more int) {
	h.t.Helper()
	found, code := h.examined("--only", "authorities")
	if !c.restored {
		if says(t, found, "authorities", failed, c.about); code != exitFaults {
			h.t.Errorf("doctor: exit %d", code)
		}
		return
	}
	says(t, found, "authorities", warned, "the authority \""+c.about+"\" was not what the log says, and was put right")
	if code != 0 || count(found, warned) < 1+more {
		h.t.Errorf("doctor: exit %d, %+v", code, found)
	}
}
