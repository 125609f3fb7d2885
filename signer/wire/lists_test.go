// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer/wire"
)

// All lists of a moment come one after another, each whole, and a reader who does not take
// one to its end is told so.
func TestListsPassTheSocketOneAfterAnother(t *testing.T) {
	r, h := founded(t)
	c := wire.Dial(r.sign)
	var scopes []ca.ListScope
	err := c.Lists(t.Context(), h.Number, ca.ListWish{Authority: "issuing-g1"}, func(l ca.List, body io.Reader) error {
		der, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		read, err := x509.ParseRevocationList(der)
		if err != nil || read.Number.Int64() != l.Number || len(read.Raw) != len(der) {
			t.Errorf("%s: %d octets, %v", l.Name(), len(der), err)
		}
		scopes = append(scopes, l.Scope)
		return nil
	})
	if err != nil || !slices.Equal(scopes, []ca.ListScope{ca.CompleteList, ca.DeltaList}) {
		t.Errorf("the lists %q: %v", scopes, err)
	}
	enough := errors.New("enough")
	if err := c.Lists(t.Context(), h.Number, ca.ListWish{Authority: "issuing-g1"}, func(ca.List, io.Reader) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("the reader's error: %v", err)
	}
	if err := c.Lists(t.Context(), h.Number, ca.ListWish{Authority: "issuing-g1"}, func(ca.List, io.Reader) error { return nil }); err == nil {
		t.Error("a list that nobody took is no error")
	}
	var why *ca.Problem
	if err := c.Lists(t.Context(), h.Number, ca.ListWish{Authority: "nobody"}, nil); !errors.As(err, &why) || why.Code != ca.E2101 {
		t.Errorf("of nobody: %v", err)
	}
	if l, err := c.PlanList(t.Context(), h.Number, ca.ListWish{Authority: "issuing-g1"}); err != nil || l.Number == 0 {
		t.Errorf("planned: %+v, %v", l, err)
	}
}

// Lists may take longer than other calls may, on either side: else an authority with so many
// revocations that they do would never have a list again.
func TestListsTakeLongerThanOtherCallsMay(t *testing.T) {
	r, h := founded(t)
	path := filepath.Join(filepath.Dir(r.sign), "hurried.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.server.Hurried(ctx, l, time.Nanosecond) }()
	c := wire.Dial(path)
	c.Hasten(time.Nanosecond)
	lists := 0
	err = c.Lists(t.Context(), h.Number, ca.ListWish{Authority: "issuing-g1"}, func(_ ca.List, body io.Reader) error {
		lists++
		_, err := io.Copy(io.Discard, body)
		return err
	})
	if err != nil || lists != 2 {
		t.Errorf("%d lists, %v", lists, err)
	}
	if _, err := c.PlanList(t.Context(), h.Number, ca.ListWish{Authority: "issuing-g1"}); !errors.Is(err, wire.ErrUnknown) {
		t.Errorf("a call that is slow: %v", err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}

// A stuckReader takes nothing of an answer until it is let go.
type stuckReader struct {
	http.ResponseWriter
	begun, goOn chan struct{}
}

func (w stuckReader) Write(b []byte) (int, error) {
	select {
	case w.begun <- struct{}{}:
	case <-w.goOn:
	}
	<-w.goOn
	return w.ResponseWriter.Write(b)
}

// PR-04: a front that asks for lists and does not read them holds the files of two sets at
// most. Others are refused until it has read them, before anything is made; one that is not
// read to its end keeps nobody from the next.
func TestPR04_ListsThatNobodyReadsAreFew(t *testing.T) {
	r, h := founded(t)
	c := wire.Dial(r.sign)
	ask := func() error {
		return c.Lists(t.Context(), h.Number, ca.ListWish{Authority: "issuing-g1"}, func(_ ca.List, body io.Reader) error {
			_, err := io.Copy(io.Discard, body)
			return err
		})
	}
	goOn, ended := make(chan struct{}), make(chan *httptest.ResponseRecorder)
	for n := range 2 {
		if err := ask(); err != nil {
			t.Fatalf("beside %d sets that are not read: %v", n, err)
		}
		begun := make(chan struct{})
		go func() {
			w := httptest.NewRecorder()
			q := httptest.NewRequest(http.MethodPost, "/v1/crl", strings.NewReader(fmt.Sprintf(`{"session":%d,"authority":"issuing-g1"}`, h.Number)))
			r.server.AnswerLists(stuckReader{w, begun, goOn}, q)
			ended <- w
		}()
		<-begun
	}
	leaves := r.count(audit.CRL)
	for range 100 {
		var why *ca.Problem
		if err := ask(); !errors.As(err, &why) || why.Code != ca.E2301 || why.Kind != ca.BusyKind {
			t.Fatalf("beside two sets that are not read: %v", err)
		}
	}
	if n := r.count(audit.CRL); n != leaves {
		t.Errorf("%d lists were made and refused", n-leaves)
	}
	if _, err := c.PlanList(t.Context(), h.Number, ca.ListWish{Authority: "issuing-g1"}); err != nil {
		t.Errorf("a plan, which makes nothing: %v", err)
	}
	close(goOn)
	for range 2 {
		if w := <-ended; w.Code != http.StatusOK || w.Body.Len() == 0 {
			t.Errorf("a set that was read late: %d, %d octets", w.Code, w.Body.Len())
		}
	}
	if err := ask(); err != nil {
		t.Errorf("after they were read: %v", err)
	}
}

// What breaks off, wherever, is never taken for all of the lists.
func TestListsThatBreakOffAreNotWhole(t *testing.T) {
	head := []byte("\x00\x00\x00\x3c" + `{"authority":"a-g1","number":7,"entries":0,"size":5}        `)
	list := slices.Concat(head, []byte("12345"))
	for name, reply := range map[string]struct {
		body   []byte
		length int
		lists  int
		whole  bool
	}{
		"two lists":                  {slices.Concat(list, list), 2 * len(list), 2, true},
		"none":                       {nil, 0, 0, true},
		"cut in the second's head":   {slices.Concat(list, head[:9]), 2 * len(list), 1, false},
		"cut in the second":          {slices.Concat(list, head, []byte("12")), 2 * len(list), 1, false},
		"cut between them":           {list, 2 * len(list), 1, false},
		"a head cut and said so":     {slices.Concat(list, head[:3]), len(list) + 3, 1, false},
		"a list cut and said so":     {slices.Concat(head, []byte("12")), len(head) + 2, 0, false},
		"a head that is too long":    {[]byte("\x7f\x00\x00\x00{}"), 6, 0, false},
		"a head that is none":        {[]byte("\x00\x00\x00\x02[}"), 6, 0, false},
		"a head with a size below 0": {bytes.Replace(list, []byte(`"size":5}`), []byte(`"size":-5}`), 1)[:len(list)], len(list), 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			server := &http.Server{ReadTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				conn, _, err := w.(http.Hijacker).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				answer := http.Response{StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(reply.length), Body: io.NopCloser(bytes.NewReader(reply.body))}
				_ = answer.Write(conn) // it complains of what is missing
				_ = conn.Close()
			})}
			go server.Serve(l)   //nolint:errcheck // ends with Close
			defer server.Close() //nolint:errcheck // a test's
			lists := 0
			err = wire.Dial(path).Lists(t.Context(), 1, ca.ListWish{}, func(_ ca.List, body io.Reader) error {
				b, err := io.ReadAll(body)
				if err == nil && len(b) == 5 {
					lists++
				}
				return err
			})
			if (err == nil) != reply.whole || lists != reply.lists {
				t.Errorf("%d lists, %v", lists, err)
			}
		})
	}
}
