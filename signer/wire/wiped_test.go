// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"chancery/signer"
)

// An eavesdropper keeps the buffers that it is read into.
type eavesdropper struct {
	io.Reader
	heard [][]byte
}

func (e *eavesdropper) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	e.heard = append(e.heard, p[:n])
	return n, err
}

func (e *eavesdropper) Close() error { return nil }

// KY-06: nothing of a body stays where it was read to, whether it is understood or not,
// and whether its length was said or not.
func TestKY06_ABodyIsWipedWhenItWasRead(t *testing.T) {
	for name, tt := range map[string]struct {
		body  string
		limit int64
		words string
	}{
		"an unlocking":           {`{"words":"zebra zebra zebra"}`, maxBody, "zebra zebra zebra"},
		"what is not understood": {`{"wards":"zebra zebra zebra"}`, maxBody, ""},
		"what is too long":       {`{"words":"zebra zebra zebra"}`, 10, ""},
	} {
		for _, length := range []int64{int64(len(tt.body)), -1} {
			e := &eavesdropper{Reader: strings.NewReader(tt.body)}
			q, err := read[signer.Unlocking](&http.Request{Body: e, ContentLength: length}, tt.limit)
			if q.Words != tt.words || (err == nil) != (tt.words != "") {
				t.Errorf("%s: %+v, %v", name, q, err)
			}
			heard := 0
			for _, b := range e.heard {
				heard += len(b)
				if len(bytes.Trim(b, "\x00")) > 0 {
					t.Errorf("%s: %q is in the buffer still", name, b)
				}
			}
			if heard == 0 {
				t.Errorf("%s: nothing was read", name)
			}
		}
	}
	// What did not arrive whole is not taken for a shorter call.
	if _, err := read[signer.Unlocking](&http.Request{Body: io.NopCloser(strings.NewReader(`{}`)), ContentLength: 5}, maxBody); err == nil {
		t.Error("three octets are missing, and nobody minds")
	}
}
