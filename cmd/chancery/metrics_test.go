// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"chancery/ca"
)

// A reading is what was read of an exposition: values by name and labels.
type reading map[string]float64

var (
	sampleLine = regexp.MustCompile(`^([a-z][a-z0-9_]*)(\{[^}]*\})? (-?[0-9]+(?:\.[0-9]+)?)$`)
	labelList  = regexp.MustCompile(`^\{[a-z][a-z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"(?:,[a-z][a-z0-9_]*="(?:[^"\\\n]|\\[\\"n])*")*\}$`)
)

// parseMetrics reads the text format 0.0.4 strictly: each family has HELP, then TYPE, then
// its samples, once; no series is there twice; names say what they count.
func parseMetrics(text string) (reading, error) {
	out, kinds := reading{}, map[string]string{}
	family, lines := "", strings.Split(text, "\n")
	if lines[len(lines)-1] != "" {
		return nil, fmt.Errorf("it does not end in a line break")
	}
	for n := 0; n < len(lines)-1; n++ {
		line := lines[n]
		if help, is := strings.CutPrefix(line, "# HELP "); is {
			name, _, said := strings.Cut(help, " ")
			n++
			kind, typed := strings.CutPrefix(lines[n], "# TYPE "+name+" ")
			if !said || !typed || kind != "gauge" && kind != "counter" || kinds[name] != "" || strings.HasSuffix(name, "_total") != (kind == "counter") || !strings.HasPrefix(name, "chancery_") {
				return nil, fmt.Errorf("line %d: %s / %s", n, line, lines[n])
			}
			family, kinds[name] = name, kind
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil || m[1] != family || m[2] != "" && !labelList.MatchString(m[2]) {
			return nil, fmt.Errorf("line %d of family %s: %q", n+1, family, line)
		}
		if _, twice := out[m[1]+m[2]]; twice {
			return nil, fmt.Errorf("line %d: %s is there twice", n+1, line)
		}
		v, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			return nil, err
		}
		out[m[1]+m[2]] = v
	}
	return out, nil
}

// RV-08: a monitoring program sees the age of each list and of the oldest answer, how many
// certificates there are, and no name; on admin.sock, on a listener of its own, and nowhere
// else.
func TestRV08_MetricsAreForThoseWhoWatch(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	at, numbers := freePort(t), freePort(t)
	h.done("init", "--names", "lab.example", "--pki-url", "http://"+at, "--recovery-file", h.file("words"))
	h.serving("CHANCERY_LISTEN_HTTP="+at, "CHANCERY_METRICS_LISTEN="+numbers)
	h.done("issue", "nas.lab.example", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key"))
	h.done("issue", "old.lab.example", "--out", h.file("old.pem"), "--key-file", h.file("old.key"))
	h.done("revoke", h.file("old.pem"), "--confirm", "old.lab.example")
	tlsDoor{hand: h}.until("good certificate of OCSP", func() bool { return strings.Contains(h.types("ocsp", "check", "nas.lab.example").out, "good") })
	code, header, body := got(t, "http://"+numbers+"/metrics")
	if code != 200 || header.Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" {
		t.Fatalf("%d %v\n%s", code, header, body)
	}
	r, err := parseMetrics(string(body))
	if err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	for series, want := range map[string]float64{
		"chancery_up": 1, `chancery_certificates{status="valid"}`: 1, `chancery_certificates{status="revoked"}`: 1, `chancery_certificates{status="held"}`: 0, `chancery_check_level{check="disk"}`: 0, "chancery_issued_total": 2, "chancery_revocations_total": 1, "chancery_unsettled": 0,
		`chancery_crl_entries{ca="issuing-g1",kind="complete"}`: 1, `chancery_crl_entries{ca="root-g1",kind="complete"}`: 0, "chancery_crl_missing": 0, `chancery_ocsp_total{status="good"}`: r[`chancery_ocsp_total{status="good"}`],
		`chancery_check_level{check="lists"}`: 0, `chancery_check_level{check="addresses"}`: 0, `chancery_check_level{check="publication"}`: 0, `chancery_queue{what="requests"}`: 0,
	} {
		if v, there := r[series]; !there || v != want {
			t.Errorf("%s is %v, %v, want %v", series, v, there, want)
		}
	}
	for _, part := range []string{"front", "signer"} {
		if free, least := r[`chancery_disk_free_bytes{part="`+part+`"}`], r[`chancery_disk_least_bytes{part="`+part+`"}`]; free <= least || least < 256<<20 {
			t.Errorf("the disk of the %s has %v octets free, of which %v are kept", part, free, least)
		}
	}
	for _, scope := range []string{"complete", "delta"} {
		series := `{ca="issuing-g1",kind="` + scope + `"}`
		if age := r["chancery_crl_age_seconds"+series]; age < 0 || age > 600 || r["chancery_crl_next_update_seconds"+series] < float64(time.Now().Unix()) || r["chancery_crl_bytes"+series] < 100 || r["chancery_crl_life_used_ratio"+series] > 0.1 {
			t.Errorf("the list %s is %v old:\n%s", scope, age, body)
		}
	}
	if r[`chancery_ocsp_total{status="good"}`] < 1 || r["chancery_ocsp_kept"] < 1 || r["chancery_log_leaves"] < 8 {
		t.Errorf("of OCSP and the log:\n%s", body)
	}
	for _, name := range []string{"nas", "lab.example", "uid:", at} {
		if strings.Contains(string(body), name) {
			t.Errorf("%s stands in metrics", name)
		}
	}
	// A balancer of load asks where it looks anyway.
	for _, base := range []string{"http://" + at, "http://" + numbers} {
		for _, path := range []string{"/healthz", "/readyz"} {
			if code, _, body := got(t, base+path); code != 200 || !strings.Contains(string(body), `"status":"ok"`) || strings.Contains(string(body), "message") {
				t.Errorf("%s%s: %d %s", base, path, code, body)
			}
		}
	}
	if ready, err := exec.CommandContext(t.Context(), "curl", "-sS", "--unix-socket", filepath.Join(h.dir, "run", "admin.sock"), "http://localhost/readyz").Output(); err != nil || !strings.Contains(string(ready), `"id":"lists","level":"ok"`) {
		t.Errorf("on admin.sock: %s %v", ready, err)
	}
	sock, err := exec.CommandContext(t.Context(), "curl", "-sS", "--unix-socket", filepath.Join(h.dir, "run", "admin.sock"), "http://localhost/metrics").Output()
	if err != nil || string(sock) != string(body) { // within 15 seconds it is the same answer
		if _, err := parseMetrics(string(sock)); err != nil {
			t.Errorf("admin.sock: %v\n%s", err, sock)
		}
	}
	for _, address := range []string{"http://" + at + "/metrics", "http://" + numbers + "/api/v1/status", "http://" + numbers + "/", "http://" + numbers + "/pki/root-g1.crt"} {
		if code, _, _ := got(t, address); code != 404 {
			t.Errorf("%s: %d", address, code)
		}
	}
}

func TestTheParserOfMetricsIsStrict(t *testing.T) {
	t.Parallel()
	const family = "# HELP chancery_x What it is.\n# TYPE chancery_x gauge\n"
	if r, err := parseMetrics(family + "chancery_x{a=\"1\\\"\",b=\"\"} 1\nchancery_x 2.5\n"); err != nil || len(r) != 2 {
		t.Errorf("%v: %v", r, err)
	}
	for _, bad := range []string{"chancery_x 1\n", family + "chancery_y 1\n", family + "chancery_x 1\nchancery_x 1\n", family + family, family + "chancery_x{} 1\n", family + "chancery_x{a=\"\"\"} 1\n", family + "chancery_x NaN1\n", family + "chancery_x 1",
		strings.ReplaceAll(family, "gauge", "counter") + "chancery_x 1\n"} {
		if _, err := parseMetrics(bad); err == nil {
			t.Errorf("it takes %q", bad)
		}
	}
	x := &exposition{}
	x.family("chancery_x", "gauge", "A line\nand \\.")
	x.add(-1.5, "a", "q\"\\\n", "b", "")
	if _, err := parseMetrics(x.b.String()); err != nil {
		t.Errorf("%v\n%s", err, x.b.String())
	}
}

// RV-08: whoever asks how the service is doing is told of the lists and addresses too.
func TestRV08_StatusTellsWhatIsNotAtItsAddress(t *testing.T) {
	t.Parallel()
	said := statusText(ca.Status{Checks: []ca.Check{{ID: "lists", Level: ca.Fine}, {ID: "addresses", Level: ca.Warned, Message: "delta of issuing-g1 is not there"}, {ID: "clock", Level: ca.Warned, Message: "told above"}}}, 0)
	if !strings.Contains(said, "! addresses     delta of issuing-g1 is not there  → chancery doctor --only addresses\n") || strings.Contains(said, "lists") || strings.Contains(said, "told above") {
		t.Errorf("%s", said)
	}
}

// A fixedShelf has always the same authorities.
type fixedShelf []ca.Authority

func (s fixedShelf) Authorities(context.Context) ([]ca.Authority, error) { return s, nil }

// RV-08: what certificates say is at an address is fetched there, as relying parties do, and
// an alarm given when it is not, or is past half of its life.
func TestRV08_TheAddressesAreProbedAsRelyingPartiesDo(t *testing.T) {
	t.Parallel()
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	at := freePort(t)
	h.done("init", "--names", "lab.example", "--pki-url", "http://"+at, "--recovery-file", h.file("words"))
	_, service := h.serving("CHANCERY_LISTEN_HTTP=" + at)
	var all []ca.Authority
	if err := json.Unmarshal([]byte(h.done("ca", "list", "--json").out), &all); err != nil || len(all) != 2 {
		t.Fatalf("%v: %d authorities", err, len(all))
	}
	tlsDoor{hand: h}.until("good answer of OCSP", func() bool { return strings.Contains(h.types("doctor", "--only", "addresses").out, "nothing is wrong") })
	ahead := time.Duration(0)
	m := &monitor{shelf: fixedShelf(all), lists: filepath.Join(h.dir, "front", "pki"), log: slog.New(slog.DiscardHandler), now: func() time.Time { return time.Now().Add(ahead) }}
	faults := func() map[string]string {
		m.round(t.Context())
		out := map[string]string{}
		for _, p := range m.probed() {
			if p.fault != "" {
				out[p.authority+" "+p.what] = p.fault
			}
		}
		return out
	}
	if bad := faults(); len(bad) > 0 || len(m.probed()) < 7 {
		t.Errorf("%d probes, and at fault are %v", len(m.probed()), bad)
	}
	if c := m.checks(); c[0].Level != ca.Fine || c[1].Level != ca.Fine {
		t.Errorf("%+v", c)
	}
	ahead = 4 * 24 * time.Hour // of seven
	bad := faults()
	for _, what := range []string{"issuing-g1 complete", "issuing-g1 delta"} {
		if !strings.Contains(bad[what], "past half of its life") && !strings.Contains(bad[what], "ended on") {
			t.Errorf("after four days %s is told as %q", what, bad[what])
		}
	}
	if bad["root-g1 complete"] != "" || bad["issuing-g1 certificate"] != "" {
		t.Errorf("after four days: %v", bad)
	}
	if c := m.checks(); c[0].Level != ca.Warned || c[0].ID != "addresses" {
		t.Errorf("%+v", c)
	}
	ahead = 13 * time.Hour
	if bad := faults(); len(bad) == 0 || !strings.Contains(bad["issuing-g1 ocsp"], "past half of its life") {
		t.Errorf("after 13 hours: %v", bad)
	}
	ahead = 0
	if err := service.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = service.Wait()
	if bad := faults(); len(bad) < 7 || !strings.Contains(bad["root-g1 certificate"], "refused") {
		t.Errorf("without a service: %v", bad)
	}
	m.limited = true
	if err := m.head(t.Context(), "http://"+at+"/pki/issuing-g1.crl"); err == nil {
		t.Error("a long list that is not there is no fault")
	}
}
