// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"chancery/ca"
)

const logID = "00112233445566778899aabbccddeeff"

// goodBundle has no fault.
func goodBundle() Bundle {
	return Bundle{
		V: 1, Version: 7, Log: logID, Issued: noon, Expires: noon.AddDate(1, 0, 0), Assurance: ca.Solo, UID: 1000,
		Accounts:   map[int][]ca.Role{1000: {ca.Requester, ca.SecurityAdmin}, 0: {ca.SystemAdmin}},
		Profiles:   []Document{{"server", "schema = 1\n# <&> \u2028 ä\n"}, {"client", "x"}},
		Exceptions: []string{"single-tier"},
	}
}

func TestABundleReadsBackAndWritesTheSameBytes(t *testing.T) {
	for _, b := range []Bundle{goodBundle(), {V: 1, Version: 1, Log: logID, Issued: noon, Expires: noon.Add(time.Second), Assurance: ca.Separated, Profiles: []Document{{"a", "b"}}}} {
		document, err := b.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseBundle(document)
		if err != nil || !reflect.DeepEqual(got, b) {
			t.Fatalf("read back\n%+v, %v, want\n%+v", got, err, b)
		}
		if again, err := got.Marshal(); err != nil || !bytes.Equal(again, document) {
			t.Errorf("wrote\n%s, %v, want\n%s", again, err, document)
		}
	}
	// Fractions and zones are gone after writing.
	b := goodBundle()
	b.Issued, b.Expires = b.Issued.In(time.FixedZone("", 7200)).Add(time.Millisecond), b.Expires.Add(999*time.Millisecond)
	got, err := b.Marshal()
	want, _ := goodBundle().Marshal()
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("wrote\n%s, %v, want\n%s", got, err, want)
	}
}

// SG-05: a bundle has one spelling, so a signature over the bytes is one over
// what they mean.
func TestSG05_ABundleIsReadInOneFormOnly(t *testing.T) {
	document, err := goodBundle().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	text := string(document)
	swap := func(old, replacement string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("the bundle has no %s", old)
		}
		return strings.Replace(text, old, replacement, 1)
	}
	cases := map[string]string{
		"nothing":                   "",
		"null":                      "null",
		"an unknown key":            swap(`{"v":1`, `{"v":1,"w":1`),
		"an unknown key below":      swap(`{"name":"client"`, `{"name":"client","use":"any"`),
		"a key twice":               swap(`"version":7`, `"version":7,"version":7`),
		"a key twice, once lower":   swap(`"version":7`, `"version":3,"version":7`),
		"a key in another case":     swap(`"version":7`, `"Version":7`),
		"a key in two cases":        swap(`"version":7`, `"version":7,"VERSION":9`),
		"an account twice":          swap(`"accounts":{`, `"accounts":{"0":["auditor"],`),
		"an account in two digits":  swap(`"0":[`, `"00":[`),
		"keys in another order":     swap(`"v":1,"version":7`, `"version":7,"v":1`),
		"space between":             swap(`,"log"`, `, "log"`),
		"a line break at the end":   text + "\n",
		"another bundle after it":   text + text,
		"half of it":                text[:len(text)/2],
		"another escape":            swap(`"server"`, `"s\u0065rver"`),
		"a number with a point":     swap(`"version":7`, `"version":7.0`),
		"a number with an exponent": swap(`"version":7`, `"version":7e0`),
		"another zone":              swap(`12:00:00Z`, `12:00:00+00:00`),
		"a fraction of a second":    swap(`12:00:00Z`, `12:00:00.5Z`),
		"an empty list":             swap(`"exceptions":["single-tier"]`, `"exceptions":[]`),
		"bytes that are no text":    swap(`single-tier`, "single\xfftier"),
		"a byte order mark":         "\ufeff" + text,
		"too long":                  swap(`single-tier`, strings.Repeat("x", MaxBundle)),
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b, err := ParseBundle([]byte(c))
			if p := problem(t, err); p.Code != ca.E2121 || !ca.PlainText(p.Detail) {
				t.Errorf("refused with %s: %q", p.Code, p.Detail)
			}
			if !reflect.DeepEqual(b, Bundle{}) {
				t.Errorf("and yet gave %+v", b)
			}
		})
	}
	for i := range document {
		if b, err := ParseBundle(document[:i]); err == nil {
			t.Fatalf("the first %d octets are a bundle: %+v", i, b)
		}
	}
}

func TestABundleRefusesFaults(t *testing.T) {
	cases := map[string]func(*Bundle){
		"another format":                func(b *Bundle) { b.V = 2 },
		"version 0":                     func(b *Bundle) { b.Version = 0 },
		"a negative version":            func(b *Bundle) { b.Version = -1 },
		"no log":                        func(b *Bundle) { b.Log = "" },
		"a log in capitals":             func(b *Bundle) { b.Log = strings.ToUpper(logID) },
		"a log that is too long":        func(b *Bundle) { b.Log += "0" },
		"a letter within the log":       func(b *Bundle) { b.Log = "0011223344556677x899aabbccddeeff" },
		"no expiry":                     func(b *Bundle) { b.Expires = time.Time{} },
		"an end at the beginning":       func(b *Bundle) { b.Expires = b.Issued },
		"no beginning":                  func(b *Bundle) { b.Issued = time.Time{} },
		"the year 10000":                func(b *Bundle) { b.Expires = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"no assurance":                  func(b *Bundle) { b.Assurance = "" },
		"another assurance":             func(b *Bundle) { b.Assurance = "none" },
		"a negative account of init":    func(b *Bundle) { b.UID = -1 },
		"a negative account":            func(b *Bundle) { b.Accounts[-1] = []ca.Role{ca.Auditor} },
		"an account without roles":      func(b *Bundle) { b.Accounts[5] = nil },
		"a role that does not exist":    func(b *Bundle) { b.Accounts[5] = []ca.Role{"root"} },
		"a role twice":                  func(b *Bundle) { b.Accounts[5] = []ca.Role{ca.Auditor, ca.Auditor} },
		"no profiles":                   func(b *Bundle) { b.Profiles = nil },
		"a profile twice":               func(b *Bundle) { b.Profiles[1].Name = "server" },
		"a profile with a path as name": func(b *Bundle) { b.Profiles[1].Name = "../x" },
		"a profile without a document":  func(b *Bundle) { b.Profiles[1].Document = "" },
		"a profile that is no text":     func(b *Bundle) { b.Profiles[1].Document = "\xff" },
		"an empty exception":            func(b *Bundle) { b.Exceptions = []string{""} },
		"an exception with an escape":   func(b *Bundle) { b.Exceptions = []string{"\x1b[2J"} },
		"a long exception":              func(b *Bundle) { b.Exceptions = []string{strings.Repeat("x", maxException+1)} },
		"too many exceptions":           func(b *Bundle) { b.Exceptions = slices.Repeat([]string{"x"}, maxExceptions+1) },
		"too many profiles":             func(b *Bundle) { b.Profiles = many(maxProfiles + 1) },
		"too much":                      func(b *Bundle) { b.Profiles[0].Document = strings.Repeat("x", MaxBundle) },
		"too many accounts": func(b *Bundle) {
			for i := range maxAccounts + 1 {
				b.Accounts[i] = []ca.Role{ca.Auditor}
			}
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			b := goodBundle()
			change(&b)
			document, err := b.Marshal()
			if err == nil { // what Marshal lets pass, reading must not
				_, err = ParseBundle(document)
			}
			if p := problem(t, err); p.Code != ca.E2121 || !ca.PlainText(p.Detail) {
				t.Errorf("refused with %s: %q", p.Code, p.Detail)
			}
		})
	}
}

func many(n int) []Document {
	out := make([]Document, n)
	for i := range out {
		out[i] = Document{fmt.Sprintf("p%d", i), "x"}
	}
	return out
}

func TestRO01_ASeparatedBundleKeepsRolesApart(t *testing.T) {
	roles := []ca.Role{ca.Requester, ca.CAAdmin, ca.SecurityAdmin, ca.SystemAdmin, ca.Auditor}
	for i, r := range roles {
		for j, other := range roles {
			if i == j {
				continue
			}
			b := goodBundle()
			b.Accounts = map[int][]ca.Role{5: {r, other}}
			if _, err := b.Marshal(); err != nil {
				t.Errorf("solo: %s and %s: %v", r, other, err)
			}
			b.Assurance = ca.Separated
			_, err := b.Marshal()
			// A requester may be an administrator, and nobody else two things.
			together := (r == ca.Requester || other == ca.Requester) && r != ca.Auditor && other != ca.Auditor
			if (err == nil) != together {
				t.Errorf("separated: %s and %s: %v", r, other, err)
			}
		}
	}
}

func TestSG05_ABundleIsAcceptedOnlyIfItRises(t *testing.T) {
	cases := []struct {
		name   string
		change func(old, next *Bundle)
		code   ca.Code
	}{
		{"the next version", func(_, _ *Bundle) {}, ""},
		{"a much later version", func(_, next *Bundle) { next.Version = 1 << 62 }, ""},
		{"the first of a log", func(old, _ *Bundle) { *old = Bundle{} }, ""},
		{"the same version", func(old, next *Bundle) { next.Version = old.Version }, ca.E2121},
		{"an older version", func(old, next *Bundle) { next.Version = old.Version - 1 }, ca.E2121},
		{"another log", func(_, next *Bundle) { next.Log = strings.Repeat("0", 32) }, ca.E2121},
		{"expired", func(_, next *Bundle) { next.Issued, next.Expires = noon.AddDate(-1, 0, 0), noon }, ca.E2121},
		{"expired, as the first", func(old, next *Bundle) {
			*old = Bundle{}
			next.Issued, next.Expires = noon.AddDate(-1, 0, 0), noon
		}, ca.E2121},
		{"a second to live", func(_, next *Bundle) { next.Expires = noon.Add(time.Second) }, ""},
		{"RO-07: from separated to solo", func(old, _ *Bundle) { old.Assurance = ca.Separated }, ca.E2121},
		{"RO-07: from solo to separated", func(_, next *Bundle) { next.Assurance, next.Accounts = ca.Separated, nil }, ""},
		{"another account for the init key", func(_, next *Bundle) { next.UID++ }, ca.E2121},
		{"a clock that differs a little", func(_, next *Bundle) { next.Issued = noon.Add(bundleAhead) }, ""},
		{"from the future", func(_, next *Bundle) { next.Issued = noon.Add(bundleAhead + time.Second) }, ca.E3003},
		{"no bundle", func(_, next *Bundle) { *next = Bundle{} }, ca.E2121},
		{"faulty", func(_, next *Bundle) { next.Profiles = nil }, ca.E2121},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			old, next := goodBundle(), goodBundle()
			next.Version++
			c.change(&old, &next)
			err := Accept(old, next, noon)
			if c.code == "" {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			if p := problem(t, err); p.Code != c.code || p.Fix == "" {
				t.Errorf("refused with %s (%s), want %s", p.Code, p.Detail, c.code)
			}
		})
	}
}

func TestBundleMessageIsAnotherForEachLogAndDocument(t *testing.T) {
	a := BundleMessage([]byte("document"), logID)
	digest := sha256.Sum256([]byte("document"))
	if want := "chancery policy bundle v1\n" + logID + "\n" + string(digest[:]); string(a) != want {
		t.Errorf("the message is %q, want %q", a, want)
	}
	for _, other := range [][]byte{BundleMessage([]byte("document "), logID), BundleMessage([]byte("document"), strings.Repeat("0", 32)), BundleMessage(nil, "")} {
		if bytes.Equal(a, other) {
			t.Error("two bundles have one message")
		}
	}
}

func TestLoadReadsEveryProfileOrNone(t *testing.T) {
	// The documents of this test are JSON: which language they are in is the decoder's affair.
	decode := func(document []byte) (p ca.Profile, err error) { return p, json.Unmarshal(document, &p) }
	text := func(change func(*ca.Profile)) string {
		p := good().profile
		p.Digest = ca.Digest{}
		change(&p)
		out, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	b := goodBundle()
	b.Profiles = []Document{{"server", text(func(*ca.Profile) {})}, {"other", text(func(p *ca.Profile) { p.Name, p.Line = "other", "" })}}
	got, err := b.Load(decode)
	if err != nil || len(got) != 2 || got["server"].Digest != ca.ProfileDigest([]byte(b.Profiles[0].Document)) || got["other"].Line != "issuing" {
		t.Fatalf("loaded %+v, %v", got, err)
	}
	for name, document := range map[string]string{
		"unsound":       text(func(p *ca.Profile) { p.Name, p.Use = "other", nil }),
		"another name":  text(func(*ca.Profile) {}),
		"not decodable": "{",
	} {
		b.Profiles[1].Document = document
		if got, err := b.Load(decode); err == nil || got != nil || !strings.Contains(err.Error(), `"other"`) && !strings.Contains(err.Error(), "other calls itself") {
			t.Errorf("%s: loaded %+v, %v", name, got, err)
		}
	}
	if _, err := Load([]byte("x"), func([]byte) (ca.Profile, error) { return ca.Profile{}, errors.New("no") }); err == nil {
		t.Error("a document that cannot be read is loaded")
	}
}

// The law: what parses marshals to identical bytes, and passes its own check.
func FuzzBundle(f *testing.F) {
	document, err := goodBundle().Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(document)
	f.Add([]byte(strings.Replace(string(document), `"version":7`, `"VERSION":7`, 1)))
	f.Add([]byte(strings.Replace(string(document), `"accounts":{`, `"accounts":{"0":["auditor"],`, 1)))
	f.Add([]byte(`{"v":1,"version":1,"log":"` + logID + `","issued":"2026-11-21T12:00:00Z","expires":"2026-11-21T12:00:01Z","assurance":"solo","uid":0,"accounts":null,"profiles":[{"name":"a","document":"b"}]}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		b, err := ParseBundle(document)
		if err != nil {
			if p := problem(t, err); p.Code != ca.E2121 || !ca.PlainText(p.Detail) {
				t.Fatalf("refused with %s: %q", p.Code, p.Detail)
			}
			return
		}
		again, err := b.Marshal()
		if err != nil || !bytes.Equal(again, document) {
			t.Fatalf("marshals to\n%q, %v, was\n%q", again, err, document)
		}
		if err := Accept(Bundle{}, b, b.Issued); err != nil {
			t.Fatalf("parses, and is no bundle: %v", err)
		}
	})
}
