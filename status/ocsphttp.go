// SPDX-License-Identifier: Apache-2.0

package status

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// write answers with a response. What was asked by GET without a nonce may be kept on the
// way, for a few seconds (RFC 5019 §6.2): Expires says the same as max-age, and not the
// end of the answer, for caches that know nothing else would keep it until then.
func (o *OCSP) write(w http.ResponseWriter, r *http.Request, said spoken, nonce bool) {
	h := w.Header()
	h["Content-Type"] = responseType
	h["X-Content-Type-Options"] = nosniff
	if r.Method == http.MethodPost || nonce {
		h["Cache-Control"] = noStore
		h["Content-Length"] = []string{strconv.Itoa(len(said.der))}
		_, _ = w.Write(said.der) // whoever is gone is gone
		return
	}
	now := o.o.Now()
	age := min(o.o.Age, said.next.Sub(now)).Truncate(time.Second)
	sum := sha256.Sum256(said.der)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	h["Cache-Control"] = []string{"max-age=" + strconv.Itoa(max(0, int(age/time.Second))) + ", public, no-transform, must-revalidate"}
	h["Etag"] = []string{tag}
	h["Expires"] = o.stamped(now.Add(age))
	h["Last-Modified"] = []string{said.this.UTC().Format(http.TimeFormat)}
	if has(r.Header["If-None-Match"], tag) {
		delete(h, "Content-Type")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h["Content-Length"] = []string{strconv.Itoa(len(said.der))}
	_, _ = w.Write(said.der) // whoever is gone is gone
}

// Values of headers that are always the same. They are not written to: net/http copies
// them out.
var (
	responseType = []string{"application/ocsp-response"}
	nosniff      = []string{"nosniff"}
	noStore      = []string{"no-store"}
)

// has tells whether If-None-Match names a tag, weakly (RFC 9110 §13.1.2).
func has(lines []string, tag string) bool {
	for _, line := range lines {
		for one := range strings.SplitSeq(line, ",") {
			if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == tag {
				return true
			}
		}
	}
	return false
}

// A stamp is a second as headers write it.
type stamp struct {
	second int64
	text   []string
}

// stamped writes a time as headers do. Thousands of answers have the same within a second.
func (o *OCSP) stamped(t time.Time) []string {
	if last := o.expires.Load(); last != nil && last.second == t.Unix() {
		return last.text
	}
	s := &stamp{t.Unix(), []string{t.UTC().Format(http.TimeFormat)}}
	o.expires.Store(s)
	return s.text
}
