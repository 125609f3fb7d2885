// SPDX-License-Identifier: Apache-2.0

package main

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chancery/ca"
	"chancery/config"
)

// Where another server hands out what is published, this machine need not reach it: that is
// told and no warning, neither in /readyz nor by doctor. A server that is reached, and hands out
// nothing, is one; so is a name that is not known where nobody else hands anything out.
func TestAnAddressThatIsServedElsewhereNeedNotBeReachedFromHere(t *testing.T) {
	t.Parallel()
	nobody, refused := "http://pki..lab.example", "http://"+freePort(t) // the first is no name to ask for
	for _, c := range []struct {
		name, directory, at string
		warned              bool
	}{
		{"served elsewhere, and not reached", "/srv/pki", nobody, false},
		{"served elsewhere, and refused", "/srv/pki", refused, true},
		{"served by nobody", "", nobody, true},
		{"served here", "/srv/pki", nobody + ":8080", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := config.Default()
			s.PKIURL, s.Publish.Directory = c.at, c.directory
			a := ca.Authority{Name: "issuing-g1", Kind: ca.Issuing, NotAfter: time.Now().AddDate(1, 0, 0), CRL: c.at + "/pki/issuing-g1.crl", Issuer: c.at + "/pki/issuing-g1.crt"}
			m := &monitor{shelf: fixedShelf{a}, lists: t.TempDir(), elsewhere: servedElsewhere(s), log: slog.New(slog.DiscardHandler), now: time.Now}
			m.round(t.Context())
			got := m.checks()[0]
			if (got.Level == ca.Warned) != c.warned || got.Message == "" || len(m.probed()) != 3 || m.probed()[0].fault == "" {
				t.Errorf("%+v", got)
			}
		})
	}
	h := hand{t, filepath.Join(t.TempDir(), "data")}
	h.done("init", "--names", "lab.example", "--pki-url", nobody, "--recovery-file", h.file("words"))
	if s := h.types("doctor", "--only", "addresses"); !strings.Contains(s.out, "not at "+nobody) {
		t.Errorf("it says\n%s%s", s.out, s.err)
	}
	c := h.command(t.Context(), "doctor", "--only", "addresses")
	c.Env = append(c.Env, "CHANCERY_PUBLISH_DIRECTORY="+t.TempDir())
	if s := h.runs(c); s.code != 0 || !strings.Contains(s.out, "cannot be asked from this machine") || strings.Contains(s.out, "not at "+nobody) {
		t.Errorf("exit %d\n%s%s", s.code, s.out, s.err)
	}
}
