// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"

	"chancery/ca"
	"chancery/config"
	"chancery/policy"
)

// FuzzLoad reads documents of profiles. The law: a refusal can be shown; what is accepted
// is sound when written and read again, says nothing that could make an authority, and
// what it clears keeps to it.
func FuzzLoad(f *testing.F) {
	for _, set := range policy.Sets() {
		documents, err := policy.ShippedSet(set, []string{"lab.example", "*.lab.example", "10.0.0.0/8"})
		if err != nil {
			f.Fatal(err)
		}
		for _, d := range documents {
			f.Add([]byte(d.Document))
		}
	}
	const head = "schema = 1\nname = \"a\"\ndoors = [\"cli\"]\nuse = [\"server\"]\ndays = 1\nkeys = [\"ed25519\"]\nnames.dns = [\"*\"]\n"
	f.Add([]byte(head + "[[extensions.add]]\noid = \"1.2.3\"\nhex = \"0500\"\n[[extensions.add]]\npolicies = [{ oid = \"1.2.3\" }]\n[[extensions.add]]\ntls_feature = [\"status_request\"]\n"))
	f.Add([]byte(head + "[extensions]\ntake = [\"tls-feature\", \"1.2.3\"]\n[[rule]]\nrequire = \"key.bits > 1\"\nmessage = \"x\"\n"))
	f.Add([]byte(head + "[[rule]]\nrequire = \"[1].map(x, [x, x]).size() > 0 && requester.name.matches('a+')\"\nmessage = \"x\"\n"))
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, document []byte) {
		p, err := policy.Load(document, config.Profile)
		if err != nil {
			for _, one := range faultsOf(err) {
				var problem *ca.Problem
				if !errors.As(one, &problem) || problem.Code != ca.E1003 || !ca.PlainText(problem.Detail+problem.Fix+problem.Field) {
					t.Fatalf("refused with %q, which is no Problem to show", one)
				}
			}
			return
		}
		written, err := toml.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := policy.Load(written, config.Profile)
		if err != nil {
			t.Fatalf("written and read again it is refused: %v\n%s", err, written)
		}
		if second, err := toml.Marshal(again); err != nil || !bytes.Equal(second, written) {
			t.Fatalf("written again it is\n%s, was\n%s", second, written)
		}
		for _, bit := range p.KeyUsage {
			if _, ok := ca.UsageBit(bit); !ok {
				t.Fatalf("it gives the key usage %q", bit)
			}
		}
		for _, word := range p.Extensions.Take {
			if !ca.Grantable(ca.ExtensionOID(word)) {
				t.Fatalf("it takes %q", word)
			}
		}
		lawOfCleared(t, p, now)
	})
}

// faultsOf takes joined errors apart.
func faultsOf(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// lawOfCleared asks for what a profile may well allow.
func lawOfCleared(t *testing.T, p ca.Profile, now time.Time) {
	t.Helper()
	q := ca.Request{ID: "r", Door: p.Doors[0], From: ca.Actor{ID: "uid:1", Method: "peer", UID: 1}, Profile: p.Name, Digest: p.Digest, CSR: []byte("r"), At: now}
	c := ca.CSR{
		Raw: q.CSR, SPKI: []byte("k"), Key: ca.Digest{1}, KeyType: p.Keys[0], Bits: 256,
		Subject:    ca.Subject{{OID: ca.OIDCommonName, Value: "nas.lab.example"}, {OID: ca.OIDOrganization, Value: "Lab"}, {OID: ca.OIDEmail, Value: "hana@lab.example"}},
		Names:      []ca.Name{{Type: ca.DNS, Value: "nas.lab.example"}},
		Extensions: []ca.Extension{{OID: "1.2.3", Value: []byte{5, 0}}, {OID: "2.5.29.19", Value: []byte{0x30, 3, 1, 1, 0xff}}},
	}
	a := ca.Authority{
		Name: "issuing-g1", Line: p.Line, Kind: ca.Issuing, State: ca.Active, Use: []string{"server", "client", "email", "codesign"},
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(20, 0, 0),
	}
	cleared, err := policy.Vet(policy.Rules{Profile: p, Authority: a}, q, c, now)
	if err != nil {
		return
	}
	d := cleared.Draft()
	if slices.ContainsFunc(d.Extensions, func(e ca.Extension) bool { return !ca.Grantable(e.OID) }) || len(d.Names) > p.Names.Max ||
		d.NotAfter.Sub(d.NotBefore) >= time.Duration(p.MaxDays)*24*time.Hour || len(d.Use) == 0 || slices.Contains(d.Use, "ocsp") {
		t.Fatalf("it clears %+v", d)
	}
}
