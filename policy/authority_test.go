// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"
	"time"

	"chancery/ca"
)

// A founding is what VetAuthority is given.
type founding struct {
	draft   ca.AuthorityDraft
	issuer  ca.Authority
	keyType string
}

func goodFounding() founding {
	return founding{
		draft: ca.AuthorityDraft{Subject: ca.Subject{{OID: ca.OIDOrganization, Value: "Lab"}, {OID: ca.OIDCommonName, Value: "Issuing"}},
			NotBefore: noon, NotAfter: noon.AddDate(5, 0, 0), Use: []string{"server", "client"}},
		issuer:  ca.Authority{Name: "root-g1", Line: "root", Kind: ca.Root, NotBefore: noon.AddDate(-1, 0, 0), NotAfter: noon.AddDate(19, 0, 0)},
		keyType: "ecdsa-p256",
	}
}

// R43, SG-04, PF-05, PF-06: what a new authority must be, below another and alone.
func TestAuthoritiesAreVetted(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*founding)
		code   ca.Code
		notice string
	}{
		{"an issuing one", func(*founding) {}, "", ""},
		{"R43: P-384", func(f *founding) { f.keyType = "ecdsa-p384" }, "", ""},
		{"R43: Ed25519", func(f *founding) { f.keyType = "ed25519" }, "", ""},
		{"R43: RSA 3072", func(f *founding) { f.keyType = "rsa-3072" }, "", ""},
		{"R43: RSA 2048", func(f *founding) { f.keyType = "rsa-2048" }, ca.E2204, ""},
		{"R43: RSA too large", func(f *founding) { f.keyType = "rsa-16384" }, ca.E2204, ""},
		{"R43: RSA 4096", func(f *founding) { f.keyType = "rsa-4096" }, "", ""},
		{"KY-05: P-521, which the signer makes none of", func(f *founding) { f.keyType = "ecdsa-p521" }, ca.E2204, ""},
		{"KY-05: RSA 8192 likewise", func(f *founding) { f.keyType = "rsa-8192" }, ca.E2204, ""},
		{"R43: DSA", func(f *founding) { f.keyType = "dsa-3072" }, ca.E2204, ""},
		{"no name", func(f *founding) { f.draft.Subject = nil }, ca.E2120, ""},
		{"a path length too long", func(f *founding) { f.draft.PathLen = 17 }, ca.E1101, ""},
		{"SG-04: no usages", func(f *founding) { f.draft.Use = nil }, ca.E3004, ""},
		{"an intermediate without usages", func(f *founding) { f.draft.Use, f.draft.PathLen = nil, 1 }, "", ""},
		{"any purpose", func(f *founding) { f.draft.Use = []string{"any"} }, ca.E1101, ""},
		{"a usage twice", func(f *founding) { f.draft.Use = []string{"server", "server"} }, ca.E1101, ""},
		{"R16: usages of its issuer", func(f *founding) { f.issuer.Use = []string{"client", "server", "email"} }, "", ""},
		{"R16: usages its issuer lacks", func(f *founding) { f.issuer.Use = []string{"client"} }, ca.E3004, ""},
		{"R16: none below some", func(f *founding) {
			f.issuer.Use, f.draft.Use, f.draft.PathLen = []string{"client"}, nil, 1
		}, ca.E3004, ""},
		{"a constraint nobody reads alike", func(f *founding) { f.draft.Constraints.Permitted = []ca.Subtree{{Type: ca.DNS, Value: ".lab.example"}} }, ca.E2113, ""},
		{"a policy that is none", func(f *founding) { f.draft.Policies = []ca.CertPolicy{{OID: "x"}} }, ca.E1101, ""},
		{"PF-05: its own name within the chain's constraints", func(f *founding) { f.issuer.Constraints = limits(t, "dn:O=Lab & dns:lab.example") }, "", ""},
		{"PF-05: its own name outside", func(f *founding) { f.issuer.Constraints = limits(t, "dn:O=Other") }, ca.E2114, ""},
		{"below an issuing authority", func(f *founding) { f.issuer.Kind = ca.Issuing }, ca.E3004, ""},
		{"below an intermediate", func(f *founding) { f.issuer.Kind = ca.Intermediate }, "", ""},
		{"PF-06: an issuer with less than a day", func(f *founding) { f.issuer.NotAfter = noon.Add(day - time.Second) }, ca.E3004, ""},
		{"PF-06: an issuer that has not begun", func(f *founding) { f.issuer.NotBefore = noon.Add(time.Second) }, ca.E3004, ""},
		{"PF-06: shortened", func(f *founding) { f.issuer.NotAfter = noon.AddDate(1, 0, 0) }, "", "shortened"},
		{"PF-06: within two lifetimes", func(f *founding) { f.issuer.NotAfter = noon.AddDate(9, 0, 0) }, "", "successor"},
		{"it would end before it begins", func(f *founding) { f.draft.NotAfter = noon }, ca.E3004, ""},
	} {
		f := goodFounding()
		c.change(&f)
		f.draft.Issuer = &f.issuer
		d, notices, err := VetAuthority(f.draft, f.keyType, noon)
		if c.code != "" {
			if p := problem(t, err); p.Code != c.code || p.Fix == "" {
				t.Errorf("%s: refused with %+v, want %s", c.name, p, c.code)
			}
			continue
		}
		if err != nil || d.NotBefore.Before(f.issuer.NotBefore) || d.NotAfter.After(f.issuer.NotAfter) {
			t.Errorf("%s: lives %v to %v, %v", c.name, d.NotBefore, d.NotAfter, err)
		}
		if (c.notice == "") != (len(notices) == 0) || !says(append(notices, ""), c.notice) {
			t.Errorf("%s: notices are %q", c.name, notices)
		}
	}
	f := goodFounding()
	f.draft.PathLen, f.draft.Use = -1, nil
	if _, _, err := VetAuthority(f.draft, f.keyType, noon); err != nil {
		t.Errorf("a root: %v", err)
	}
	f.draft.NotBefore, f.draft.Issuer = f.issuer.NotBefore.Add(-time.Hour), &f.issuer
	if d, _, err := VetAuthority(f.draft, f.keyType, noon); err != nil || !d.NotBefore.Equal(f.issuer.NotBefore) {
		t.Errorf("begins %v, before its issuer's %v: %v", d.NotBefore, f.issuer.NotBefore, err)
	}
}
