// SPDX-License-Identifier: Apache-2.0

package signer_test

import (
	"crypto/x509"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"chancery/audit"
	"chancery/ca"
	"chancery/signer"
	"chancery/signer/journal"
)

// numbers are the serial numbers on a list.
func numbers(t testing.TB, der []byte) map[ca.Serial]bool {
	t.Helper()
	l, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	out := map[ca.Serial]bool{}
	for _, e := range l.RevokedCertificateEntries {
		serial, err := ca.SerialFromBytes(e.SerialNumber.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		out[serial] = true
	}
	return out
}

// strange puts on the log what no root made here does: certificates of end entities, one
// revoked, one void; and a revocation from before the key was here, of nobody knows what.
func strange(s *site, of ca.Authority, ends time.Time) (entities []ca.Serial, unknown ca.Serial) {
	s.t.Helper()
	encoded := func(v any) []byte {
		b, err := json.Marshal(v)
		if err != nil {
			s.t.Fatal(err)
		}
		return b
	}
	puts := func(e journal.Entry) int64 {
		placed, err := s.Put(e)
		if err != nil {
			s.t.Fatal(err)
		}
		return placed[0].Index
	}
	for n := range byte(2) {
		serial, err := ca.SerialFromBytes([]byte{0x42, n + 1, 7, 7, 7, 7, 7, 7, 7})
		if err != nil {
			s.t.Fatal(err)
		}
		entities = append(entities, serial)
		intent := puts(journal.Entry{Leaf: audit.Leaf{Kind: audit.Intent, Issuer: of.Key, Serial: serial, Digest: ca.Digest{1}},
			Body: encoded(ca.IntentBody{Authority: of.Name, Kind: ca.EndEntity, NotAfter: ends})})
		if n == 0 {
			puts(journal.Entry{Leaf: audit.Leaf{Kind: audit.Revoked, Issuer: of.Key, Serial: serial, Step: 1},
				Body: encoded(ca.RevokedBody{Intent: intent, Reason: ca.Superseded, By: "uid:1", NotAfter: ends})})
		} else {
			puts(journal.Entry{Leaf: audit.Leaf{Kind: audit.Void, Cites: intent, Issuer: of.Key, Serial: serial}, Body: []byte("{}")})
		}
	}
	unknown, err := ca.SerialFromBytes([]byte{0x42, 9, 7, 7, 7, 7, 7, 7, 7})
	if err != nil {
		s.t.Fatal(err)
	}
	puts(journal.Entry{Leaf: audit.Leaf{Kind: audit.Earlier, Issuer: of.Key, Digest: ca.Digest{2}},
		Body: encoded(ca.EarlierBody{Entries: []ca.EarlierEntry{{Serial: unknown, At: ends.AddDate(-1, 0, 0).Unix()}}})})
	return entities, unknown
}

// RFC 5280 §5.2.5: the list of authorities has the CA certificates that were revoked, and
// what nobody knows to be another's, but no certificate of an end entity; the complete list
// has all. OpenSSL refuses a revoked authority by that list alone.
func TestTheListOfAuthoritiesHasNoEndEntity(t *testing.T) {
	c := ceremonial(t)
	entities, unknown := strange(c.site, c.all["root-g1"], time.Now().AddDate(1, 0, 0))
	c.restarts()
	of := c.creates(c.creation("users-g1", "root-g1", ca.Issuing))
	other := c.creates(c.creation("other-g1", "root-g1", ca.Issuing))
	authority := c.revokesCA("users-g1", ca.Superseded).Serials[0]
	c.restarts()
	made, err := c.ListRoot(signer.RootListing{Authority: "root-g1", Words: c.words})
	if err != nil {
		t.Fatal(err)
	}
	complete, authorities := numbers(t, made.Lists["root-g1"]), numbers(t, made.Lists["root-g1.arl"])
	if want := (map[ca.Serial]bool{authority: true, unknown: true}); !maps.Equal(authorities, want) {
		t.Errorf("the list of authorities has %v, not %v", authorities, want)
	}
	for _, serial := range append(slices.Clone(entities), authority, unknown) {
		if !complete[serial] {
			t.Errorf("the complete list lacks %s", serial)
		}
	}
	above := []string{"root-g1"}
	if out := c.checked(of.Certificate, above, "-crl_check", made.Lists["root-g1.arl"]); !strings.Contains(out, "certificate revoked") {
		t.Errorf("revoked: %s", out)
	}
	if out := c.checked(other.Certificate, above, "-crl_check", made.Lists["root-g1.arl"]); !strings.Contains(out, ": OK") {
		t.Errorf("its sibling: %s", out)
	}
}
