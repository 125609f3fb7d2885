// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"chancery/ca"
	"chancery/lifecycle"
	"chancery/status"
	"chancery/store"
)

const (
	// metricsAge is how old an answer may be: whoever asks more often gets the same one, so
	// that the database is not counted for each. metricsWait is how long it may take.
	metricsAge, metricsWait = 15 * time.Second, 5 * time.Second
	// countedList is up to which size, in octets, the entries of a list are counted.
	countedList = 16 << 20
)

// metrics tells numbers to a monitoring program, in the text format of Prometheus. They have
// no names of people or machines, and no secrets; but they say how much there is, so they
// are on admin.sock, and on a listener of their own where metrics.listen says so.
type metrics struct {
	book      *store.Store
	registrar *lifecycle.Registrar
	vouched   *lifecycle.Vouched
	ocsp      *status.OCSP
	monitor   *monitor
	lists     string       // the directory
	issued    atomic.Int64 // certificates that entered the book since the start
	revoked   atomic.Int64 // steps
	now       func() time.Time

	mu      sync.Mutex // held while the numbers are gathered
	last    []byte
	at      time.Time
	entries map[string]countedEntries
}

// countedEntries is how many entries the list of a number has.
type countedEntries struct {
	number int64
	count  int
}

// beside answers GET /metrics, and leaves the rest to another.
func (m *metrics) beside(rest http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/metrics" {
			m.ServeHTTP(w, r)
			return
		}
		rest.ServeHTTP(w, r)
	})
}

// ServeHTTP answers GET.
func (m *metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "metrics are asked by GET", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(m.text(r.Context())) // whoever is gone is gone
}

// text gathers the numbers, at most once in metricsAge.
func (m *metrics) text(ctx context.Context) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := m.now(); m.last == nil || now.Sub(m.at).Abs() >= metricsAge {
		// Whoever goes away must not leave half an answer for those who come next.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), metricsWait)
		defer cancel()
		x := &exposition{}
		m.service(ctx, x)
		m.authorities(ctx, x, now)
		m.answers(x, now)
		m.last, m.at = x.b.Bytes(), now
	}
	return m.last
}

// service are the numbers of the service as a whole.
func (m *metrics) service(ctx context.Context, x *exposition) {
	x.family("chancery_build_info", "gauge", "Always 1; the version is a label.")
	x.add(1, "version", version(), "go", runtime.Version())
	counts, err := m.book.Counts(ctx, m.now(), nil)
	x.family("chancery_up", "gauge", "Whether the database could be asked.")
	x.truth(err == nil)
	if err == nil {
		x.family("chancery_certificates", "gauge", "End-entity certificates by how they stand; those that expire within 30 days are among the valid ones, held ones among the revoked.")
		for _, one := range []struct {
			status string
			n      int64
		}{{"valid", counts.Valid}, {"expiring", counts.Expiring}, {"expired", counts.Expired}, {"revoked", counts.Revoked}, {"held", counts.Held}, {"void", counts.Void}} {
			x.add(float64(one.n), "status", one.status)
		}
	}
	x.family("chancery_issued_total", "counter", "Certificates that entered the book since the start of the front.")
	x.add(float64(m.issued.Load()))
	x.family("chancery_revocations_total", "counter", "Steps of revocation that entered the book since the start of the front.")
	x.add(float64(m.revoked.Load()))
	g := m.registrar.Gauges(ctx)
	x.family("chancery_queue", "gauge", "Requests and revocations that wait for the signer.")
	x.add(float64(g.Requests), "what", "requests")
	x.add(float64(g.Revocations), "what", "revocations")
	x.family("chancery_unsettled", "gauge", "Intents that an officer must decide.")
	x.add(float64(g.Unsettled))
	x.family("chancery_log_leaves", "gauge", "Entries of the audit log, as far as the front has seen it.")
	x.add(float64(g.Leaves))
	x.family("chancery_disk_free_bytes", "gauge", "Free room on the file system of the front and of the signer.")
	for _, d := range m.monitor.room {
		if free, _, err := d.space(); err == nil {
			x.add(float64(free), "part", d.part)
		}
	}
	x.family("chancery_disk_least_bytes", "gauge", "Free room below which nothing is issued.")
	for _, d := range m.monitor.room {
		if _, total, err := d.space(); err == nil {
			x.add(float64(ca.LeastRoom(total)), "part", d.part)
		}
	}
	x.family("chancery_check_level", "gauge", "What /readyz looks at: 0 is well, 1 a warning, 2 a failure.")
	for _, c := range m.registrar.Ready(ctx) {
		x.add(map[ca.Level]float64{ca.Fine: 0, ca.Warned: 1, ca.Failed: 2}[c.Level], "check", c.ID)
	}
}

// authorities are the numbers of each authority and of its lists.
func (m *metrics) authorities(ctx context.Context, x *exposition, now time.Time) {
	all, err := m.vouched.Authorities(ctx)
	if err != nil {
		return // chancery_check_level says it
	}
	x.family("chancery_ca_not_after_seconds", "gauge", "When the certificate of an authority ends, in seconds since 1970.")
	for _, a := range all {
		x.add(float64(a.NotAfter.Unix()), "ca", a.Name, "state", string(a.State))
	}
	type open struct {
		labels []string
		name   string
		list   *status.List
		size   int64
	}
	var lists []open
	missing := 0
	for _, a := range all {
		if !a.Lists(now) {
			continue
		}
		for _, scope := range a.ListScopes() {
			name := ca.ListName(a.Name, scope)
			l, err := status.Open(m.lists, name)
			if err != nil {
				missing++
				continue
			}
			defer l.Close() // some hundred at most, and all at the end
			size, err := l.Size()
			if err != nil {
				missing++
				continue
			}
			lists = append(lists, open{[]string{"ca", a.Name, "kind", scope.String()}, name, l, size})
		}
	}
	x.family("chancery_crl_missing", "gauge", "Lists that should be published and are not, or cannot be read.")
	x.add(float64(missing))
	for _, f := range []struct {
		name, help string
		value      func(open) float64
	}{
		{"chancery_crl_this_update_seconds", "When the published list was made, in seconds since 1970.", func(o open) float64 { return float64(o.list.ThisUpdate.Unix()) }},
		{"chancery_crl_next_update_seconds", "When the published list ends, in seconds since 1970.", func(o open) float64 { return float64(o.list.NextUpdate.Unix()) }},
		{"chancery_crl_age_seconds", "How old the published list is.", func(o open) float64 { return now.Sub(o.list.ThisUpdate).Seconds() }},
		{"chancery_crl_life_used_ratio", "How much of its life the published list has behind it; above 0.5 is an alarm.", func(o open) float64 {
			return now.Sub(o.list.ThisUpdate).Seconds() / max(1, o.list.NextUpdate.Sub(o.list.ThisUpdate).Seconds())
		}},
		{"chancery_crl_bytes", "Size of the published list.", func(o open) float64 { return float64(o.size) }},
		{"chancery_crl_entries", "Entries of the published list; -1 for one above 16 MiB, which are not counted.", func(o open) float64 { return float64(m.count(o.name, o.size, o.list)) }},
	} {
		x.family(f.name, "gauge", f.help)
		for _, one := range lists {
			x.add(f.value(one), one.labels...)
		}
	}
}

// count counts the entries of a list once for each number.
func (m *metrics) count(name string, size int64, l *status.List) int {
	if c, is := m.entries[name]; is && c.number == l.Number {
		return c.count
	}
	n := -1
	if size <= countedList {
		if found, err := l.Entries(); err == nil {
			n = found
		}
	}
	if m.entries == nil {
		m.entries = map[string]countedEntries{}
	}
	m.entries[name] = countedEntries{l.Number, n}
	return n
}

// answers are the numbers of OCSP, and of the addresses.
func (m *metrics) answers(x *exposition, now time.Time) {
	s := m.ocsp.Stats()
	x.family("chancery_ocsp_total", "counter", "Answers of OCSP since the start, by what they say.")
	for _, one := range []struct {
		status string
		n      int64
	}{{"good", s.Good}, {"revoked", s.Revoked}, {"unknown", s.Unknown}, {"failed", s.Failed}} {
		x.add(float64(one.n), "status", one.status)
	}
	x.family("chancery_ocsp_signed_total", "counter", "Answers of OCSP that the signer made since the start; the others were kept.")
	x.add(float64(s.Signed))
	x.family("chancery_ocsp_kept", "gauge", "Answers of OCSP that are kept.")
	x.add(float64(s.Kept))
	x.family("chancery_ocsp_kept_bytes", "gauge", "Memory that kept answers take.")
	x.add(float64(s.Octets))
	if !s.Oldest.IsZero() {
		x.family("chancery_ocsp_oldest_age_seconds", "gauge", "Age of the oldest answer of OCSP that is kept. It is signed again when it is asked for in the second half of its life.")
		x.add(now.Sub(s.Oldest).Seconds())
	}
	if probes := m.monitor.probed(); len(probes) > 0 {
		x.family("chancery_probe_up", "gauge", "Whether what certificates say is at an address was there, and in the first half of its life, at the last look.")
		for _, p := range probes {
			x.truth(p.fault == "", "ca", p.authority, "what", p.what)
		}
	}
}

// An exposition is numbers in the text format of Prometheus, version 0.0.4.
type exposition struct {
	b    bytes.Buffer
	name string // of the family that is being written
}

// family begins a family. Each is written once, and its samples follow it.
func (x *exposition) family(name, kind, help string) {
	x.name = name
	fmt.Fprintf(&x.b, "# HELP %s %s\n# TYPE %s %s\n", name, strings.NewReplacer(`\`, `\\`, "\n", `\n`).Replace(help), name, kind)
}

// add writes a sample with labels: name, value, name, value.
func (x *exposition) add(value float64, labels ...string) {
	x.b.WriteString(x.name)
	for i := 0; i+1 < len(labels); i += 2 {
		x.b.WriteString(map[bool]string{true: "{", false: ","}[i == 0])
		fmt.Fprintf(&x.b, `%s="%s"`, labels[i], strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(labels[i+1]))
	}
	if len(labels) > 0 {
		x.b.WriteByte('}')
	}
	x.b.WriteString(" " + strconv.FormatFloat(value, 'f', -1, 64) + "\n")
}

// truth writes 1 for what is so, and 0 for what is not.
func (x *exposition) truth(is bool, labels ...string) {
	if is {
		x.add(1, labels...)
		return
	}
	x.add(0, labels...)
}
