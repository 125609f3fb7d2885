// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"strings"
	"testing"
	"time"
)

const statementText = "chancery revoke v1\ncertificate issuing-g1-41aa\nreason keyCompromise\ninvalid-since unknown\nuntil 2027-01-31T12:00:00Z\n"

func TestAStatementHasOneText(t *testing.T) {
	s, err := ParseStatement(statementText)
	want := Statement{Certificate: "issuing-g1-41aa", Reason: KeyCompromise, Until: time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)}
	if err != nil || s != want || s.String() != statementText {
		t.Errorf("%+v %v", s, err)
	}
	s.InvalidSince = time.Date(2027, 1, 30, 9, 0, 0, 0, time.FixedZone("", 3600))
	if !strings.Contains(s.String(), "\ninvalid-since 2027-01-30T08:00:00Z\n") {
		t.Error(s)
	}
	for name, change := range map[string][2]string{
		"another domain":            {"revoke v1", "revoke v2"},
		"a line before":             {"chancery", "\nchancery"},
		"no last line feed":         {"12:00:00Z\n", "12:00:00Z"},
		"a line too many":           {"12:00:00Z\n", "12:00:00Z\n\n"},
		"carriage returns":          {"\n", "\r\n"},
		"another order":             {"invalid-since unknown\nuntil 2027-01-31T12:00:00Z", "until 2027-01-31T12:00:00Z\ninvalid-since unknown"},
		"two spaces":                {"reason ", "reason  "},
		"a reason in other letters": {"keyCompromise", "keycompromise"},
		"a reason that is none":     {"keyCompromise", "boredom"},
		"no reason":                 {"keyCompromise", ""},
		"a date by words":           {"unknown", "yesterday"},
		"an empty date":             {"unknown", ""},
		"a zone":                    {"12:00:00Z", "12:00:00+00:00"},
		"a fraction":                {"12:00:00Z", "12:00:00.5Z"},
		"a day that is none":        {"2027-01-31", "2027-02-31"},
		"a bare serial number":      {"issuing-g1-41aa", "41aa"},
		"a serial in capitals":      {"41aa", "41AA"},
		"a leading zero":            {"41aa", "0041aa"},
		"a serial too long":         {"41aa", strings.Repeat("41", 21)},
		"NUL in the name":           {"issuing-g1", "issuing\x00g1"},
		"a name that turns round":   {"issuing-g1", "issuing\u202eg1"},
		"a name too long":           {"issuing-g1", strings.Repeat("i", 600)},
	} {
		text := strings.ReplaceAll(statementText, change[0], change[1])
		if s, err := ParseStatement(text); err == nil {
			t.Errorf("%s is read as %+v", name, s)
		}
	}
	for i := range statementText {
		if _, err := ParseStatement(statementText[:i]); err == nil {
			t.Errorf("cut after %d octets it is read", i)
		}
	}
}

// The law: what is read is written the same way again, so that one signature is about one
// thing; and a text is about one certificate.
func FuzzStatement(f *testing.F) {
	f.Add(statementText)
	f.Add(Statement{Certificate: "a-b-01", Reason: Superseded, InvalidSince: time.Unix(1, 0), Until: time.Unix(0, 0)}.String())
	f.Add("chancery revoke v1\ncertificate -01\nreason unspecified\ninvalid-since 0001-01-01T00:00:00Z\nuntil 9999-12-31T23:59:59Z\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseStatement(text)
		if err != nil {
			return
		}
		if s.String() != text {
			t.Fatalf("%q is read, and written as %q", text, s.String())
		}
		authority, serial, err := ParsePublicName(s.Certificate)
		if c := (Certificate{Authority: authority, Serial: serial}); err != nil || c.PublicName() != s.Certificate || !s.Reason.Listed() {
			t.Fatalf("%+v of %q: %v", s, text, err)
		}
	})
}

func TestOnlyEvidenceGivesCertainNames(t *testing.T) {
	for by, want := range map[string]bool{
		Evidence{Key: &KeyProof{}}.By("a-01"): true, Evidence{Challenge: []byte{1}}.By("a-01"): true, "uid:0": false, "service": false, "": false,
	} {
		if ClaimsEvidence(by) != want {
			t.Errorf("%q", by)
		}
	}
}
