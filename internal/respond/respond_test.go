// SPDX-License-Identifier: Apache-2.0

package respond

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"chancery/ca"
)

func TestABodyThatBreaksOffIsTheSendersFault(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader(`{"a":1`), iotest.ErrReader(io.ErrUnexpectedEOF)))
	r.Header.Set("Content-Type", "application/json")
	_, err := Body[map[string]int](httptest.NewRecorder(), r, MaxBody)
	var p *ca.Problem
	if !errors.As(err, &p) || p.Code != ca.E1401 || p.Kind != ca.InvalidKind {
		t.Error(err)
	}
}

func TestABodyOfJustTheLimitIsRead(t *testing.T) {
	const frame = `{"a":""}`
	for _, extra := range []int{0, 1} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"a":"`+strings.Repeat("x", MaxBody-len(frame)+extra)+`"}`))
		r.Header.Set("Content-Type", "application/json")
		if _, err := Body[map[string]string](httptest.NewRecorder(), r, MaxBody); (err == nil) != (extra == 0) {
			t.Errorf("%d octets above the limit: %v", extra, err)
		}
	}
}

func TestAValueThatCannotBeEncodedIsNoHalfAnswer(t *testing.T) {
	w, log := httptest.NewRecorder(), new(strings.Builder)
	JSON(w, slog.New(slog.NewTextHandler(log, nil)), http.StatusOK, func() {})
	if w.Code != http.StatusInternalServerError || w.Body.Len() > 0 || !strings.Contains(log.String(), "encode an answer") {
		t.Errorf("%d %q, log %q", w.Code, w.Body, log)
	}
}

func TestEachProblemOfAJoinIsAnswered(t *testing.T) {
	err := errors.Join(ca.Invalid(ca.E1003, "one", "").At("days"), ca.Invalid(ca.E1003, "two", ""))
	d := Explain(httptest.NewRequest(http.MethodPost, "/", nil), "id", slog.New(slog.DiscardHandler), err)
	if want := []Fault{{Detail: "one", Pointer: "#/days"}, {Detail: "two"}}; d.Detail != "one" || !slices.Equal(d.Errors, want) {
		t.Errorf("%+v", d)
	}
}

// What is missing from a call without a body is a parameter.
func TestAFaultOfAQueryIsAParameter(t *testing.T) {
	d := Explain(httptest.NewRequest(http.MethodGet, "/", nil), "id", slog.New(slog.DiscardHandler), ca.Invalid(ca.E1305, "one", "").At("name"))
	if want := []Fault{{Detail: "one", Parameter: "name"}}; !slices.Equal(d.Errors, want) {
		t.Errorf("%+v", d.Errors)
	}
}

// Whatever the header, the choice is an offer or a refusal; and an offer named with
// weight 0 is never chosen.
func FuzzAccept(f *testing.F) {
	for _, s := range []string{"", "*/*", "a/b;q=0.5, a/*;q=0.1", "a/b;q=0,*/*", "a/b;q=1e400", ",,;=\"", "a/b;q=\"1", "A/B"} {
		f.Add(s)
	}
	offers := []string{"a/b", "a/c", "d/e"}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept", header)
		got, err := Accept(r, offers...)
		var refusal *Refusal
		if err == nil != slices.Contains(offers, got) || err != nil && (!errors.As(err, &refusal) || refusal.Status != http.StatusNotAcceptable) {
			t.Errorf("%q: %q, %v", header, got, err)
		}
		r.Header.Set("Accept", "a/b;q=0, "+header)
		if got, _ := Accept(r, offers...); got == "a/b" && !strings.Contains(strings.ToLower(header), "a/b") {
			t.Errorf("%q chooses what it refuses", header)
		}
	})
}
