// SPDX-License-Identifier: Apache-2.0

// Package lab founds a small installation, and works its signer in the same process as a
// front does over the socket, for the tests of signer and book. No program imports it. It
// opens no signer and no book: those who do differ in disks and clocks. Start at Founding.
package lab

import (
	"context"
	"crypto/rand"
	"sync/atomic"
	"testing"

	"chancery/ca"
	"chancery/config"
	"chancery/internal/csr"
	"chancery/lifecycle"
	"chancery/policy"
	"chancery/signer"
	"chancery/signer/softkey"
)

// Founding is of a root and an issuing authority, under the shipped profiles for
// lab.example and what is below it. Its words are new.
func Founding(t testing.TB, database string) signer.Founding {
	t.Helper()
	words, err := softkey.NewWords(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	profiles, err := policy.Shipped([]string{"lab.example", "*.lab.example"})
	if err != nil {
		t.Fatal(err)
	}
	name := func(cn string) ca.Subject { return ca.Subject{{OID: ca.OIDCommonName, Value: cn}} }
	return signer.Founding{
		Assurance: ca.Solo, Database: database, PKI: "http://ca.lab.example:8080", Words: words.Reveal(), Profiles: profiles,
		Root:    signer.Generation{Name: "root-g1", Line: "root", Subject: name("Lab Root G1"), KeyType: "ecdsa-p384", Days: 7300},
		Issuing: signer.Generation{Name: "issuing-g1", Line: "issuing", Subject: name("Lab Issuing G1"), KeyType: "ecdsa-p256", Days: 1825, Use: []string{"server", "client", "email"}},
	}
}

// Request reads a certification request in DER; see lifecycle.Options.CSR.
func Request(der []byte) (ca.CSR, error) {
	p, err := csr.Parse(der)
	return p.CSR, err
}

// Bundle reads the profiles of a policy bundle; see lifecycle.Options.Bundle.
func Bundle(document []byte) (map[string]ca.Profile, error) {
	b, err := policy.ParseBundle(document)
	if err != nil {
		return nil, err
	}
	return b.Load(config.Profile)
}

// A Front is the signer as the lifecycle knows it: its Issuer and its Log. It remembers the
// session that the last Hello opened, and says it with every call.
type Front struct {
	Signer  *signer.Signer
	session atomic.Int64
}

// Session is the number of the open session.
func (f *Front) Session() int64 { return f.session.Load() }

// Hello implements lifecycle.Log.
func (f *Front) Hello(_ context.Context, database string, next int64) (ca.Session, error) {
	s, err := f.Signer.Hello(signer.Hello{Protocol: signer.Protocol, Version: "test", Boot: "front", Database: database, Next: next})
	if err == nil {
		f.session.Store(s.Number)
	}
	return s, err
}

// Leaves implements lifecycle.Log.
func (f *Front) Leaves(_ context.Context, from int64) ([]lifecycle.Record, error) {
	page, err := f.Signer.Leaves(from)
	out := make([]lifecycle.Record, len(page))
	for i, r := range page {
		out[i] = lifecycle.Record(r)
	}
	return out, err
}

// Leaf is lifecycle.Options.Leaf.
func (f *Front) Leaf(_ context.Context, index int64) (lifecycle.Record, error) {
	r, err := f.Signer.Leaf(index)
	return lifecycle.Record(r), err
}

// Settle implements lifecycle.Log.
func (f *Front) Settle(_ context.Context, all []ca.Settlement) error {
	return f.Signer.Settle(f.Session(), all)
}

// Revoke implements lifecycle.Log.
func (f *Front) Revoke(_ context.Context, steps []ca.Revoking) ([]ca.RevokeAnswer, error) {
	return f.Signer.Revoke(f.Session(), steps)
}

// Append implements lifecycle.Log.
func (f *Front) Append(_ context.Context, e ca.EventBody) (ca.Placed, error) {
	return f.Signer.Append(signer.FrontEvent{Session: f.Session(), Event: e})
}

// Sign implements lifecycle.Issuer.
func (f *Front) Sign(_ context.Context, drafts []policy.Cleared) ([]ca.Answer, error) {
	all := make([]ca.Request, len(drafts))
	for i, d := range drafts {
		all[i] = d.Request()
	}
	return f.Signer.Issue(f.Session(), all)
}
