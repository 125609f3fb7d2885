// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"chancery/ca"
)

// noon is the clock of these tests.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// A wish is everything Vet is given.
type wish struct {
	profile   ca.Profile
	authority ca.Authority
	request   ca.Request
	csr       ca.CSR
	grants    []Grant
	now       time.Time
}

// good is a wish that passes every rule.
func good() wish {
	document := []byte("the document")
	spki := []byte("a public key")
	w := wish{
		profile: ca.Profile{
			Schema: 1, Name: "server", Line: "issuing", Doors: []ca.Door{ca.DoorCLI, ca.DoorAPI}, Use: []string{"server"},
			Days: 90, MaxDays: 397, Keys: []string{"ecdsa-p256", "ed25519", "rsa-3072"},
			Names: ca.NameRules{
				Max: 3, DNS: []string{"lab.example", "*.lab.example"}, IP: []string{"10.0.0.0/8", "192.0.2.7", "fd00::/8"},
				Email: []string{"@lab.example", "ca@other.example"}, URI: []string{"https://lab.example/a/"},
			},
			Subject: ca.SubjectRules{CommonName: "optional", Organization: "drop", Unit: "drop", Country: "drop", State: "drop", Locality: "drop"},
			Digest:  ca.ProfileDigest(document),
		},
		authority: ca.Authority{
			Name: "issuing-g1", Line: "issuing", Kind: ca.Issuing, State: ca.Active, Key: sha256.Sum256([]byte("its key")),
			Use: []string{"server", "client", "email"}, NotBefore: noon.AddDate(-1, 0, 0), NotAfter: noon.AddDate(4, 0, 0),
		},
		csr: ca.CSR{
			Raw: []byte("a request"), SPKI: spki, Key: sha256.Sum256(spki), KeyType: "ecdsa-p256", Bits: 256,
			Subject: ca.Subject{{OID: ca.OIDCommonName, Value: "nas.lab.example"}},
			Names:   []ca.Name{{Type: ca.DNS, Value: "nas.lab.example"}},
		},
		now: noon,
	}
	w.request = ca.Request{
		ID: "r", Door: ca.DoorAPI, Profile: "server", Digest: w.profile.Digest, CSR: w.csr.Raw, At: noon,
		From: ca.Actor{ID: "uid:1000", Method: "peer", UID: 1000},
	}
	return w
}

func (w wish) vet() (Cleared, error) {
	return Vet(Rules{Profile: w.profile, Authority: w.authority, Grants: w.grants}, w.request, w.csr, w.now)
}

// A trial changes a good wish and says what becomes of it: a code, or "" if it
// is still cleared.
type trial struct {
	name   string
	change func(*wish)
	code   ca.Code
	field  string
}

// run judges each trial; a refused one must hold nothing.
func run(t *testing.T, trials []trial) {
	t.Helper()
	for _, c := range trials {
		t.Run(c.name, func(t *testing.T) {
			w := good()
			c.change(&w)
			cleared, err := w.vet()
			if c.code == "" {
				if err != nil || cleared.c == nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			p := problem(t, err)
			if p.Code != c.code {
				t.Errorf("refused with %s (%s), want %s", p.Code, p.Detail, c.code)
			}
			if c.field != "" && p.Field != c.field {
				t.Errorf("names the field %q, want %q", p.Field, c.field)
			}
			if p.Detail == "" || p.Fix == "" || !ca.PlainText(p.Detail+p.Why+p.Fix+p.Field) {
				t.Errorf("is no message for people: %+v", p)
			}
			if cleared.c != nil {
				t.Error("refused and cleared at once")
			}
		})
	}
}

// problem wants an error to be shown to people.
func problem(t *testing.T, err error) *ca.Problem {
	t.Helper()
	var p *ca.Problem
	if !errors.As(err, &p) {
		t.Fatalf("gave %v, want a ca.Problem", err)
	}
	return p
}

// draft is what a changed good wish becomes.
func draft(t *testing.T, change func(*wish)) (ca.Draft, []string) {
	t.Helper()
	w := good()
	change(&w)
	c, err := w.vet()
	if err != nil {
		t.Fatal(err)
	}
	return c.Draft(), c.Notices()
}

// says tells whether one of the notices has the text.
func says(notices []string, text string) bool {
	return slices.ContainsFunc(notices, func(n string) bool { return strings.Contains(n, text) })
}

// Check says why a profile is not sound.
func Check(p ca.Profile) error {
	_, err := Sound(p)
	return err
}
