// SPDX-License-Identifier: Apache-2.0

package listen

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"chancery/ca"
)

// Why no new certificate comes is logged once; what is written down beside it names the way
// out of now.
func TestTheNoteNamesTheWayOutOfNow(t *testing.T) {
	var log strings.Builder
	path := filepath.Join(t.TempDir(), "service", "key.pem")
	own := NewOwn(Owned{Path: path, Log: slog.New(slog.DiscardHandler), Told: func(err error) { log.WriteString(err.Error() + "\n") }})
	for _, way := range []string{"chancery ca create", "chancery ca create", "chancery ca activate issuing-g2"} {
		own.complain(ca.Unavailable(ca.E3004, "no authority of line issuing can sign", way))
		if p := Refused(path); p == nil || p.Fix != way {
			t.Errorf("written down is %+v, want %q", p, way)
		}
	}
	if strings.Count(log.String(), "\n") != 1 {
		t.Errorf("it was told\n%s", log.String())
	}
	own.content()
	if p := Refused(path); p != nil {
		t.Errorf("nothing keeps it any more: %+v", p)
	}
}
