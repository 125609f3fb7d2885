// SPDX-License-Identifier: Apache-2.0

package respond

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"

	"chancery/ca"
	"chancery/internal/strict"
)

const (
	// JSONType is the media type of everything that is not an error or a file.
	JSONType = "application/json"
	// RequestIDHeader carries the request's id in each answer.
	RequestIDHeader = "X-Request-Id"
	// MaxBody is the largest body of one call, in octets (security rule PR-04): a
	// request of ca.MaxCSR in base64 with its PEM text, and room for the rest. MaxBatch
	// is that of many requests at once (WB-03, its limit for imports).
	MaxBody, MaxBatch = 256 << 10, 1 << 20
	// retryAfter is in seconds: settling after an interruption takes less.
	retryAfter = "5"
	// maxFault is how much of a reader's complaint is shown, in octets: it quotes
	// keys of the body, which may be long.
	maxFault = 200
)

// JSON answers with a value.
func JSON(w http.ResponseWriter, log *slog.Logger, status int, v any) {
	write(w, log, JSONType, status, v)
}

// Object answers with the bytes of something that can be asked for again: with an
// ETag, or with 304 to whoever has them already (RFC 9110 §13.1.2). Browsers must not
// guess another media type, and nobody keeps a copy (security rule WB-08).
func Object(w http.ResponseWriter, r *http.Request, mediaType string, body []byte) {
	tag := tagOf(mediaType, body)
	h := w.Header()
	h.Set("ETag", tag)
	h.Set("Cache-Control", "no-store")
	if has(r, tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", mediaType)
	h.Set("X-Content-Type-Options", "nosniff")
	// An error here means that the reader hung up.
	_, _ = w.Write(body)
}

// tagOf names a state of something, in one of its forms.
func tagOf(mediaType string, body []byte) string {
	sum := sha256.Sum256(append([]byte(mediaType+"\n"), body...))
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}

// Unchanged refuses a change of something that the caller has not seen as it is now, by
// the ETag of its JSON in If-Match (RFC 9110 §13.1.1): 428 without one (RFC 6585 §3), 412
// with another. A star is no tag: whoever sends it has seen nothing.
func Unchanged(r *http.Request, v any) error {
	lines := r.Header.Values("If-Match")
	if len(lines) == 0 {
		return &Refusal{http.StatusPreconditionRequired, ca.Invalid(ca.E1411, "the call does not say which state of it is to be changed", "fetch it, and send its ETag as If-Match").At("If-Match")}
	}
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write what is to be changed: %w", err)
	}
	now := tagOf(JSONType, append(body, '\n'))
	for _, one := range strings.Split(strings.Join(lines, ","), ",") {
		if strings.TrimSpace(one) == now {
			return nil
		}
	}
	return &Refusal{http.StatusPreconditionFailed, ca.Conflict(ca.E1411, "it was changed since it was fetched", "fetch it again, and look at what was changed").At("If-Match")}
}

// has tells whether the reader has what a tag stands for.
func has(r *http.Request, tag string) bool {
	for _, line := range r.Header.Values("If-None-Match") {
		for _, one := range strings.Split(line, ",") {
			if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == tag {
				return true
			}
		}
	}
	return false
}

// JSONObject answers with a value as Object does.
func JSONObject(w http.ResponseWriter, r *http.Request, log *slog.Logger, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		write(w, log, JSONType, http.StatusInternalServerError, v) // which says so
		return
	}
	Object(w, r, JSONType, append(body, '\n'))
}

// write encodes before it sends, so that a value that cannot be encoded does not
// become half an answer under a status that says all is well.
func write(w http.ResponseWriter, log *slog.Logger, mediaType string, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		log.Error("internal error", "request", w.Header().Get(RequestIDHeader), "error", fmt.Errorf("encode an answer: %w", err))
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// An error here means that the reader hung up.
	_, _ = w.Write(append(body, '\n'))
}

// Body reads a request's body as JSON of type T, at most so many octets, counted as
// they are read. The error is E1401: another media type, too large, an unknown or
// repeated key, or none where T demands one.
func Body[T any](w http.ResponseWriter, r *http.Request, most int64) (T, error) {
	var zero T
	// The media type is demanded because a page on another site can make a browser
	// post text/plain or a form, but not JSON.
	if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != JSONType {
		return zero, &Refusal{http.StatusUnsupportedMediaType, ca.Invalid(ca.E1401, "the body is not "+JSONType, "send JSON with Content-Type: "+JSONType)}
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return zero, &Refusal{http.StatusRequestEntityTooLarge, ca.Invalid(ca.E1401, fmt.Sprintf("the body is larger than %d octets", most), "send less in one call")}
	case err != nil:
		return zero, ca.Invalid(ca.E1401, "the body ended too early", "send the call again")
	}
	return Decode[T](data)
}

// Decode reads JSON that was read before, as strictly as Body. The error is E1401.
func Decode[T any](data []byte) (T, error) {
	v, err := strict.Whole[T](data)
	if err == nil {
		return v, nil
	}
	var zero T
	p := ca.Invalid(ca.E1401, "the body cannot be read: "+short(err.Error()), "correct the body; nothing was done")
	var wrong *strict.TypeError
	var unknown *strict.UnknownError
	var missing *strict.MissingError
	switch {
	case errors.As(err, &missing):
		p = ca.Invalid(ca.E1401, "the body has no "+missing.Member, "set "+missing.Member+"; nothing was done").At(missing.Member)
	case errors.As(err, &wrong):
		p = p.At(wrong.Member)
	case errors.As(err, &unknown) && ca.PlainText(unknown.Member) && len(unknown.Member) <= maxFault: // nothing that deceives is sent back
		p = p.At(unknown.Member)
		switch {
		case unknown.Near != "":
			p.Fix = "did you mean " + unknown.Near + "? Nothing was done"
		case len(unknown.Known) > 0:
			p.Fix = "known are: " + strings.Join(unknown.Known, ", ") + "; nothing was done"
		}
	}
	return zero, p
}

// short cuts a message to maxFault.
func short(s string) string {
	if len(s) <= maxFault {
		return s
	}
	return strings.ToValidUTF8(s[:maxFault], "") + "…"
}
