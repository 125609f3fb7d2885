// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"chancery/ca"
)

// newHall has a root in force, one to come, one that is over and one of another line.
func newHall(t *testing.T) *desk {
	t.Helper()
	d := newDesk(t, false, false)
	d.all = append(d.all, d.all...)
	for i, of := range []struct {
		name, line string
		state      ca.AuthorityState
	}{{"root-g1", "root", ca.Active}, {"root-g2", "root", ca.Standby}, {"root-g0", "root", ca.Retired}, {"other-g1", "other", ca.Active}} {
		a := &d.all[i]
		a.Name, a.Parent, a.Line, a.State, a.NotBefore, a.NotAfter = of.name, of.name, of.line, of.state, d.now, d.now.AddDate(9, 0, 0)
	}
	return d
}

func (d *desk) trust(r *http.Request) string {
	d.t.Helper()
	w := d.asks(r, "text/html")
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		d.t.Fatalf("%s: %d\n%s", r.URL, w.Code, w.Body)
	}
	return html.UnescapeString(w.Body.String())
}

func inGroups(der []byte) string {
	return "<span>" + strings.Join(groups(fmt.Sprintf("%X", sum(der))), "</span> <span>") + "</span>"
}

// R121: the page has the fingerprint of the root in force, the files, and steps for each
// system; roots to come stand beside it, those that are over and other lines' do not.
func TestR121_TheTrustPageShowsWhatToCompareAndHowToInstallIt(t *testing.T) {
	t.Parallel()
	d := newHall(t)
	page := d.trust(httptest.NewRequest(http.MethodGet, "/", nil))
	if other := d.trust(httptest.NewRequest(http.MethodGet, "/trust", nil)); !strings.Contains(other, inGroups(d.all[0].Certificate)) {
		t.Error("/trust is another page")
	}
	for _, want := range []string{
		`<p class="data prints big">` + inGroups(d.all[0].Certificate), "<li><a href=\"/pki/root-g2.crt\">", inGroups(d.all[1].Certificate), "will take over", "another way",
		"/trust/ca.crt?dl=1", "/trust/ca.pem?dl=1", "/trust/ca.p7b?dl=1", `"/trust/ca.mobileconfig"`, "Certificate Trust Settings", "http://ca.lab.example:8080/trust/ca.pem", `<a href="https://ca.lab.example:8443">`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("it lacks %s", want)
		}
	}
	for _, bad := range []string{"root-g0", "other-g1", "<script", "style=", "<b>Lab</b> issuing-g1</strong>"} {
		if raw := d.get("/").Body.String(); strings.Contains(raw, bad) {
			t.Errorf("it has %s", bad)
		}
	}
	blocks := strings.Split(page, "<details ")[1:]
	if len(blocks) < 9 {
		t.Errorf("steps for %d systems", len(blocks))
	}
	for _, b := range blocks {
		if !strings.Contains(b, "remove it") && !strings.HasPrefix(b, `id="programs"`) {
			t.Errorf("it is not said how to take it away:\n%s", b)
		}
	}
	w := d.get("/")
	if h := w.Header(); h.Get("Content-Security-Policy") != policyOfPages || h.Get("Cache-Control") != "no-store" || strings.Count(page, "<h1") != 1 || w.Body.Len() > 24<<10 {
		t.Errorf("it breaks the rules of pages: %v, %d octets", h, w.Body.Len())
	}
	var said Trust
	if err := json.Unmarshal(d.asks(httptest.NewRequest(http.MethodGet, "/trust", nil), "application/json").Body.Bytes(), &said); err != nil || len(said.Roots) != 2 || said.InForce().Name != "root-g1" || said.Roots[1].State != "standby" {
		t.Errorf("a program is told %+v, %v", said, err)
	}
}

// What comes over plain HTTP may have been exchanged on the way, page and all.
func TestR121_TheTrustPageSaysThatItProvesNothing(t *testing.T) {
	t.Parallel()
	d := newHall(t)
	const plain = "This page came over plain HTTP"
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if page := d.trust(r); !strings.Contains(page, plain) || !strings.Contains(page, "proves nothing by itself") {
		t.Error("over plain HTTP it is not said")
	}
	r = httptest.NewRequest(http.MethodGet, "/", nil)
	r.TLS = &tls.ConnectionState{}
	if page := d.trust(r); strings.Contains(page, plain) || !strings.Contains(page, "proves nothing by itself") {
		t.Error("over TLS it is not said as it is")
	}
}

// Whom to ask stands on every page, as text; whoever can change the page can change that.
func TestThePagesSayWhomToAsk(t *testing.T) {
	t.Parallel()
	d := newHall(t)
	if w := d.get("/"); strings.Contains(w.Body.String(), "hom to ask") {
		t.Error("nobody was named, and it says whom to ask")
	}
	door, err := New(Options{Book: d, Shelf: d, Teller: d, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return d.now }, Title: "Lab", Contact: "Hana <hana@lab.example>"})
	if err != nil {
		t.Fatal(err)
	}
	d.door = door
	for _, path := range []string{"/", "/lookup", "/lookup?q=nonsense"} {
		if page := d.get(path).Body.String(); strings.Count(page, "<p>Whom to ask: Hana &lt;hana@lab.example&gt;</p>") != 1 {
			t.Errorf("%s does not say whom to ask", path)
		}
	}
	if page := d.get("/").Body.String(); !strings.Contains(page, "proves nothing by itself, whom to ask included") {
		t.Error("it does not say that a contact can be forged, too")
	}
}

func TestTheTrustPageOpensTheBlockOfTheSystemThatAsks(t *testing.T) {
	t.Parallel()
	d := newHall(t)
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140":      "windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)":    "ios",
		"Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/140":       "android",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari":    "macos",
		"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Firefox": "debian",
		"Mozilla/5.0 (X11; Fedora; Linux x86_64; rv:140.0) Firefox": "fedora",
		"curl/8": "",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("User-Agent", agent)
		var got []string
		for _, m := range regexp.MustCompile(`<details id="(\w+)" open>`).FindAllStringSubmatch(d.trust(r), -1) {
			got = append(got, m[1])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s opens %q, not %q", agent, got, want)
		}
	}
}

// Roots are as good while the book is away; that there is none is never said then.
func TestTheTrustPageStaysWhileTheBookIsAway(t *testing.T) {
	t.Parallel()
	d := newHall(t)
	d.err = errors.New("gone")
	if w := d.get("/"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d\n%s", w.Code, w.Body)
	}
	d.err = nil
	d.trust(httptest.NewRequest(http.MethodGet, "/", nil))
	d.err, d.now = errors.New("gone"), d.now.Add(10*keptFor)
	d.trust(httptest.NewRequest(http.MethodGet, "/", nil))

	d = newHall(t)
	d.all = nil
	if w := d.get("/"); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "no root to trust") {
		t.Errorf("nothing is founded: %d\n%s", w.Code, w.Body)
	}
}

// The commands on the page do what they are there for: OpenSSL says the fingerprint, and NSS
// and Java take the root and give it back.
func TestTheCommandsOfTheTrustPageWork(t *testing.T) {
	t.Parallel()
	d := newHall(t)
	page := d.trust(httptest.NewRequest(http.MethodGet, "/", nil))
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, "ca.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: d.all[0].Certificate}), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(home, ".pki", "nssdb"), 0o700); err != nil {
		t.Fatal(err)
	}
	runs := func(line string) string {
		t.Helper()
		c := exec.CommandContext(t.Context(), "sh", "-ec", line)
		c.Dir, c.Env = home, append(os.Environ(), "HOME="+home)
		out, err := c.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
		return string(out)
	}
	command := func(id string) string {
		t.Helper()
		m := regexp.MustCompile(`(?s) id="cmd-` + id + `">(.*?)</pre>`).FindStringSubmatch(page)
		if m == nil {
			t.Fatalf("there is no command %s", id)
		}
		return m[1]
	}
	_, compare, _ := strings.Cut(command("get"), "\n")
	said := strings.TrimSpace(runs(compare))
	if _, digits, _ := strings.Cut(said, "="); digits == "" || !strings.Contains(page, digits) {
		t.Errorf("the page does not have what OpenSSL says: %s", said)
	}
	runs("certutil -N -d sql:$HOME/.pki/nssdb --empty-password")
	runs(command("nss"))
	if out := runs("certutil -L -d sql:$HOME/.pki/nssdb"); !strings.Contains(out, "C,,") {
		t.Errorf("NSS does not have it:\n%s", out)
	}
	runs(command("nss-remove"))
	if out := runs("certutil -L -d sql:$HOME/.pki/nssdb"); strings.Contains(out, "C,,") {
		t.Errorf("NSS has it still:\n%s", out)
	}
	own := strings.NewReplacer("-cacerts", "-keystore own.p12 -storepass changeit", "-importcert", "-importcert -noprompt") // not the machine's
	runs(own.Replace(command("java")))
	runs(own.Replace(command("java-remove")))
	if bytes.Contains([]byte(page), []byte("ZgotmplZ")) {
		t.Error("a value was not trusted where it stands")
	}
}
