// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"chancery/ca"
)

// A desk has two authorities with certificates, and says how they stand.
type desk struct {
	Options
	t    *testing.T
	all  []ca.Authority
	rows map[string]ca.Certificate // by issuer's name and serial
	said map[ca.Serial]ca.OCSPSingle
	err  error
	now  time.Time
	door http.Handler
}

func (d *desk) Authorities(context.Context) ([]ca.Authority, error) { return d.all, d.err }

func (d *desk) Serial(_ context.Context, key ca.Digest, serial ca.Serial) (ca.Certificate, bool, error) {
	c, there := d.rows[fmt.Sprintf("%s-%s", key, serial)]
	return c, there, d.err
}

func (d *desk) Fingerprint(_ context.Context, sum ca.Digest) (ca.Certificate, bool, error) {
	for _, c := range d.rows {
		if sha256.Sum256(c.DER) == sum {
			return c, true, d.err
		}
	}
	return ca.Certificate{}, false, d.err
}

func (d *desk) Standing(_ context.Context, _ ca.Authority, serial ca.Serial) (ca.OCSPSingle, error) {
	one, there := d.said[serial]
	if !there {
		return one, errors.New("the signer is away")
	}
	return one, nil
}

func newDesk(t *testing.T, names, text bool) *desk {
	t.Helper()
	d := &desk{t: t, rows: map[string]ca.Certificate{}, said: map[ca.Serial]ca.OCSPSingle{}, now: time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)}
	for i := range 2 {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("issuing-g%d", i+1)
		top := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "<b>Lab</b> " + name}, IsCA: true, BasicConstraintsValid: true, NotBefore: d.now, NotAfter: d.now.AddDate(9, 0, 0)}
		der, err := x509.CreateCertificate(rand.Reader, top, top, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		spki, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		a := ca.Authority{Name: name, Key: sha256.Sum256(spki), Certificate: der, Subject: c.RawSubject, SPKI: spki}
		d.all = append(d.all, a)
		for n, serial := range []int64{0x1111, 0x2200 + int64(i), 0x3300 + int64(i), 0x4400 + int64(i)} {
			leaf := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "nas.lab.example"}, DNSNames: []string{"nas.lab.example"}, NotBefore: d.now.AddDate(0, -1, 0), NotAfter: d.now.AddDate(0, 3-n, 0)}
			der, err := x509.CreateCertificate(rand.Reader, leaf, top, key.Public(), key)
			if err != nil {
				t.Fatal(err)
			}
			s := ca.Serial(hex.EncodeToString(leaf.SerialNumber.Bytes()))
			d.rows[fmt.Sprintf("%s-%s", a.Key, s)] = ca.Certificate{Kind: ca.EndEntity, IssuerKey: a.Key, Serial: s, Authority: name, Owner: "uid:4711", DER: der,
				Common: "nas.lab.example", Names: []ca.Name{{Type: ca.DNS, Value: "nas.lab.example"}}, NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter}
			d.said[s] = ca.OCSPSingle{Status: ca.OCSPGood}
		}
	}
	door, err := New(Options{Book: d, Shelf: d, Teller: d, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return d.now }, Names: names, Text: text, Title: "Lab", PKI: "http://ca.lab.example:8080", Secure: "https://ca.lab.example:8443"})
	if err != nil {
		t.Fatal(err)
	}
	d.door = Beside(door, http.NotFoundHandler())
	return d
}

func (d *desk) asks(r *http.Request, accept string) *httptest.ResponseRecorder {
	d.now = d.now.Add(time.Second) // no test is kept from asking by what others asked
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	w := httptest.NewRecorder()
	d.door.ServeHTTP(w, r)
	return w
}

func (d *desk) get(path string) *httptest.ResponseRecorder {
	return d.asks(httptest.NewRequest(http.MethodGet, path, nil), "")
}

// found asks for JSON.
func (d *desk) found(path string) (f Found) {
	d.t.Helper()
	w := d.asks(httptest.NewRequest(http.MethodGet, path, nil), "application/json")
	if err := json.Unmarshal(w.Body.Bytes(), &f); err != nil || w.Code != http.StatusOK {
		d.t.Errorf("%s: %d %v\n%s", path, w.Code, err, w.Body)
	}
	return f
}

func (d *desk) pem(issuer int, serial string) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: d.rows[fmt.Sprintf("%s-%s", d.all[issuer].Key, serial)].DER}))
}

func TestR88_ACertificateIsFoundByIssuerAndSerial(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false, false)
	print := sum(d.rows[fmt.Sprintf("%s-2201", d.all[1].Key)].DER)
	for _, tt := range []struct {
		name, asked string
		status      int
	}{
		{"issuer and serial", "issuing-g1-2200", 200},
		{"a serial alone", "2201", 200},
		{"with colons, in capitals", "33:01", 200},
		{"a serial of two", "1111", 409},
		{"one of the two", "issuing-g2-1111", 200},
		{"as openssl x509 -serial has it", "serial=2201", 200},
		{"as openssl x509 -text has it", "Serial Number: 22:01", 200},
		{"in decimal, as PostgreSQL's client_serial", "8705", 200},
		{"in decimal, behind its issuer", "issuing-g2-8705", 200},
		{"a serial of nobody", "abcdef", 404},
		{"the end of a serial", "01", 404},
		{"an issuer of nobody", "issuing-g9-2200", 404},
		{"another issuer's", "issuing-g2-2200", 404},
		{"a name, which is not searched for", "nas.lab.example", 400},
		{"an authority's fingerprint", hex.EncodeToString(sum(d.all[0].Certificate)), 404}, // it has no row
		{"a fingerprint", hex.EncodeToString(print), 200},
		{"as Firefox has it", fmt.Sprintf("%X", print[:1]) + ":" + fmt.Sprintf("%X", print[1:]), 200},
		{"as OpenSSL says it", "sha256 Fingerprint=" + fmt.Sprintf("%X", print), 200},
		{"as we do", strings.Join(groups(fmt.Sprintf("%X", print)), " ") + " (SHA-256)", 200},
		{"half of one", hex.EncodeToString(print[:16]), 404},
		{"anybody's fingerprint", strings.Repeat("ab:", 31) + "ab", 404},
		{"much too long", strings.Repeat("1", 4096), 400},
		{"markup", "<script>alert(1)</script>", 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, path := range []string{"/lookup?q=" + url.QueryEscape(tt.asked), "/c/" + url.PathEscape(tt.asked)} {
				w := d.get(path)
				if w.Code != tt.status {
					t.Errorf("%s: %d, want %d\n%s", path, w.Code, tt.status, w.Body)
				}
				if tt.status == 400 && path[1] == 'l' && !strings.Contains(w.Body.String(), "hexadecimal or decimal digits, or the SHA-256 fingerprint") {
					t.Errorf("it does not say what it takes:\n%s", w.Body)
				}
				if strings.Contains(w.Body.String(), "<script") || strings.Contains(w.Body.String(), "<b>") {
					t.Error("what was asked, or stands in a name, is markup of the page")
				}
			}
		})
	}
	if f := d.found("/lookup?q=" + hex.EncodeToString(print)); f.Name != "issuing-g2-2201" || f.SHA256 != hex.EncodeToString(print) {
		t.Errorf("by its fingerprint %+v is found", f)
	}
	if f := d.found("/c/issuing-g1-2200"); f.Status != "valid" || f.Name != "issuing-g1-2200" || f.Issuer != "issuing-g1" || len(f.SHA256) != 64 || f.NotAfter.IsZero() {
		t.Errorf("%+v", f)
	}
}

func sum(b []byte) []byte { s := sha256.Sum256(b); return s[:] }

func TestR88_HowItStandsIsWhatOCSPSays(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false, false)
	at := d.now.AddDate(0, 0, -3)
	d.said["2200"] = ca.OCSPSingle{Status: ca.OCSPRevoked, RevokedAt: at, Reason: ca.KeyCompromise}
	d.said["2201"] = ca.OCSPSingle{Status: ca.OCSPRevoked, RevokedAt: at, Reason: ca.CertificateHold}
	d.said["3300"] = ca.OCSPSingle{Status: ca.OCSPUnknown}
	delete(d.said, "3301")
	// That nothing can be said has a word of its own: unknown is OCSP's for never issued.
	for serial, want := range map[string]string{"2200": "revoked", "2201": "held", "3300": "unknown", "3301": "unavailable", "issuing-g1-1111": "valid", "4400": "expired"} {
		f := d.found("/c/" + serial)
		if f.Status != want || f.RevokedAt.IsZero() == (want == "revoked" || want == "held") {
			t.Errorf("%s: %+v, want %s", serial, f, want)
		}
		if page := d.get("/c/" + serial).Body.String(); !strings.Contains(page, "</span> "+want) {
			t.Errorf("%s: the page does not say %s", serial, want)
		}
	}
}

// RFC 5280 §5.3.2: the invalidity date is on the list for everybody, and so on the page.
func TestR88_TheInvalidityDateIsShown(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false, false)
	since := time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC)
	for at, row := range d.rows {
		if row.Serial == "2200" || row.Serial == "3300" {
			row.Revoked = &ca.Revoked{At: d.now, Reason: ca.KeyCompromise, InvalidSince: since}
			d.rows[at] = row
		}
	}
	d.said["2200"] = ca.OCSPSingle{Status: ca.OCSPRevoked, RevokedAt: d.now, Reason: ca.KeyCompromise}
	if f := d.found("/c/2200"); !f.InvalidSince.Equal(since) {
		t.Errorf("%+v", f)
	}
	if page := d.get("/c/2200").Body.String(); !strings.Contains(page, "Not to be trusted since") || !strings.Contains(page, "2026-12-24") {
		t.Errorf("the page does not say it:\n%s", page)
	}
	// What OCSP calls good has none, whatever the database says.
	if f := d.found("/c/3300"); !f.InvalidSince.IsZero() {
		t.Errorf("%+v", f)
	}
}

// Where the issuer is revoked, or who is above it, that is said first: OCSP says good.
func TestR88_ThatTheIssuerIsRevokedIsSaid(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false, false)
	d.all = append(d.all, ca.Authority{Name: "middle-g1", Parent: "middle-g1", Revoked: []ca.AuthorityRevocation{{By: "middle-g1", Reason: ca.CACompromise}}})
	d.all[0].Parent = "middle-g1"
	at := d.now.AddDate(0, 0, -3)
	d.said["2200"] = ca.OCSPSingle{Status: ca.OCSPRevoked, RevokedAt: at, Reason: ca.KeyCompromise}
	delete(d.said, "3300")
	for name, want := range map[string]string{"issuing-g1-1111": "issuer revoked", "2200": "revoked", "3300": "issuer revoked", "4400": "expired", "2201": "valid"} {
		f, page := d.found("/c/"+name), d.get("/c/"+name).Body.String()
		below := name != "2201"
		if f.Status != want || (f.IssuerRevoked == "middle-g1") != below || strings.Contains(page, "is revoked. Whoever checks") != below || strings.Contains(page, "is-good") == below {
			t.Errorf("%s: %+v, want %s\n%s", name, f, want, page)
		}
	}
}

// A program that names no certificate is told so, and gets no form to read.
func TestR88_AProgramGetsNoForm(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false, false)
	for path, want := range map[string]int{"/lookup": 400, "/lookup?serial=2200": 400, "/lookup?q=": 400, "/lookup?q=2200": 200} {
		w := d.asks(httptest.NewRequest(http.MethodGet, path, nil), "application/json")
		if w.Code != want || !strings.Contains(w.Header().Get("Content-Type"), "json") {
			t.Errorf("%s: %d %v\n%s", path, w.Code, w.Header(), w.Body)
		}
	}
	if w := d.get("/lookup?serial=2200"); w.Code != 400 || !strings.Contains(w.Body.String(), "not said which certificate") {
		t.Errorf("a page: %d\n%s", w.Code, w.Body)
	}
	for _, path := range []string{"/c", "/c/"} {
		if w := d.get(path); w.Code != 303 || w.Header().Get("Location") != "/lookup" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
}

// Whose a certificate is nobody is told, and its names and itself only where that is set.
func TestR88_OwnersAreNeverToldAndNamesByOneSetting(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ names, text bool }{{false, false}, {true, false}, {true, true}, {false, true}} {
		d := newDesk(t, tt.names, tt.text)
		for _, accept := range []string{"text/html", "application/json"} {
			body := d.asks(httptest.NewRequest(http.MethodGet, "/c/2200", nil), accept).Body.String()
			if strings.Contains(body, "4711") {
				t.Errorf("the owner is told:\n%s", body)
			}
			if got := strings.Contains(body, "nas.lab.example"); got != (tt.names || tt.text) {
				t.Errorf("%+v: names told: %v", tt, got)
			}
			if got := strings.Contains(body, "Subject Public Key Info") && strings.Contains(body, "-----BEGIN CERTIFICATE-----\n") || strings.Contains(body, `-----BEGIN CERTIFICATE-----\n`); got != tt.text {
				t.Errorf("%+v, %s: text and PEM told: %v", tt, accept, got)
			}
		}
	}
}

func TestR88_APastedCertificateIsComparedOctetByOctet(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false, false)
	posts := func(body, media string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/lookup", strings.NewReader(body))
		r.Header.Set("Content-Type", media)
		return d.asks(r, "text/html")
	}
	const form = "application/x-www-form-urlencoded"
	good := d.pem(1, "2201")
	if w := posts("q="+url.QueryEscape(good), form); w.Code != 200 || !strings.Contains(w.Body.String(), "issuing-g2-2201") || strings.Contains(w.Body.String(), "BEGIN CERTIFICATE-----\n") {
		t.Errorf("%d\n%s", w.Code, w.Body)
	}
	block, _ := pem.Decode([]byte(good))
	for _, media := range []string{"", form, "application/x-pem-file", "application/pkix-cert", "text/plain"} { // curl says form if not told otherwise
		for name, body := range map[string]string{"PEM": good, "DER": string(block.Bytes), "what openssl x509 -text prints": "Certificate:\n    Data: 100%\n" + good} {
			if w := posts(body, media); w.Code != 200 || !strings.Contains(w.Body.String(), "issuing-g2-2201") {
				t.Errorf("%s as %q: %d\n%s", name, media, w.Code, w.Body)
			}
		}
	}
	block.Bytes[len(block.Bytes)-1] ^= 1
	if w := posts(string(pem.EncodeToMemory(block)), ""); w.Code != 404 || !strings.Contains(w.Body.String(), "another one") {
		t.Errorf("an altered one: %d\n%s", w.Code, w.Body)
	}
	for name, text := range map[string]string{"a key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "half": good[:200], "damaged": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "too long": strings.Repeat("a", maxAsked+1)} {
		if w := posts("q="+url.QueryEscape(text), form); w.Code != 400 || strings.Contains(w.Body.String(), "AAAA") {
			t.Errorf("%s: %d\n%s", name, w.Code, w.Body)
		}
	}
}

func TestR88_LookupsOfOneSourceAreBounded(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false, false)
	code := 0
	for range maxLookups + 1 {
		w := httptest.NewRecorder()
		d.door.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/c/2200", nil))
		if code = w.Code; code == 429 && w.Header().Get("Retry-After") == "" {
			t.Error("it is not said when to come again")
		}
	}
	if code != 429 {
		t.Errorf("the last gets %d", code)
	}
	other := httptest.NewRequest(http.MethodGet, "/c/2200", nil)
	other.RemoteAddr = "198.51.100.9:1"
	w := httptest.NewRecorder()
	d.door.ServeHTTP(w, other)
	if w.Code != 200 {
		t.Errorf("somebody else gets %d", w.Code)
	}
}

// The book is away: nobody is told that a certificate does not exist.
func TestR88_WithoutTheBookNothingIsDenied(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false, false)
	d.err = errors.New("connection refused to 10.9.8.7")
	if w := d.get("/c/2200"); w.Code != 503 || strings.Contains(w.Body.String(), "10.9.8.7") {
		t.Errorf("%d\n%s", w.Code, w.Body)
	}
}

// The rules of pages: no script, nothing from elsewhere, labels, one heading, small.
func TestR88_ThePageKeepsTheRulesOfPages(t *testing.T) {
	t.Parallel()
	d := newDesk(t, true, true)
	for _, path := range []string{"/lookup", "/c/2200", "/c/beef"} {
		w := d.get(path)
		page, h := w.Body.String(), w.Header()
		if h.Get("Content-Security-Policy") != policyOfPages || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", path, h)
		}
		if strings.Count(page, "<h1") != 1 || !strings.Contains(page, `<html lang="en">`) || !strings.Contains(page, `name="viewport"`) {
			t.Errorf("%s:\n%s", path, page)
		}
		for _, bad := range []string{"<script", "style=", "onclick", "http://", "https://"} {
			if strings.Contains(page, bad) {
				t.Errorf("%s has %s", path, bad)
			}
		}
		for _, id := range []string{"q", "pem"} {
			if !strings.Contains(page, `<label for="`+id+`"`) || !strings.Contains(page, `aria-describedby="`+id+`-hint"`) {
				t.Errorf("%s: the field %s has no label or hint", path, id)
			}
		}
		if len(page) > 150<<10 {
			t.Errorf("%s has %d octets", path, len(page))
		}
	}
	w := d.get("/web/style.css")
	if css := w.Body.String(); w.Code != 200 || len(css) > 24<<10 || strings.Contains(css, "url(") || strings.Contains(css, "@import") {
		t.Errorf("the styles: %d, %d octets", w.Code, len(css))
	}
	if w := d.get("/web/page.html"); w.Code != 404 {
		t.Errorf("something else is served: %d", w.Code)
	}
	for _, method := range []string{http.MethodPut, http.MethodPatch, http.MethodDelete} { // PF-09
		for _, path := range []string{"/lookup", "/c/2200", "/web/style.css"} {
			if w := d.asks(httptest.NewRequest(method, path, nil), ""); w.Code != 405 {
				t.Errorf("%s %s: %d", method, path, w.Code)
			}
		}
	}
	if w := d.asks(httptest.NewRequest(http.MethodPost, "/c/2200", nil), ""); w.Code != 405 {
		t.Errorf("a POST: %d", w.Code)
	}
}
