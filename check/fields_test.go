// SPDX-License-Identifier: Apache-2.0

package check_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"chancery/ca"
	"chancery/check"
	"chancery/encode"
)

// A field says what a field of a struct may become, and who notices.
type field[T any] struct {
	turns []func(*T)
	// unwritten: the encoder does not write the field, so its bytes stay.
	unwritten bool
	// unread: the checker has no use for the field, because it does not show in
	// the bytes and says nothing about whether they may be signed.
	unread bool
}

// covers fails if the table lacks a field of T or names one that is gone: who
// adds a field decides here who watches over it.
func covers[T any](t *testing.T, table map[string]field[T]) {
	t.Helper()
	typ := reflect.TypeFor[T]()
	for f := range typ.Fields() {
		if len(table[f.Name].turns) == 0 {
			t.Errorf("no mutation of %s.%s", typ, f.Name)
		}
	}
	if len(table) != typ.NumField() {
		t.Errorf("the table has %d fields, %s has %d", len(table), typ, typ.NumField())
	}
}

// turned runs a mutation on a copy and demands that it changed something.
func turned[T any](t *testing.T, v T, turn func(*T)) T {
	t.Helper()
	was := fmt.Sprintf("%#v", v)
	turn(&v)
	if fmt.Sprintf("%#v", v) == was {
		t.Error("the mutation changes nothing")
	}
	return v
}

// mutate holds encoder and checker against each other over one struct: build
// encodes a value, accept checks bytes against a value.
func mutate[T any](t *testing.T, v T, table map[string]field[T], build func(T) ([]byte, error), accept func([]byte, T) error) {
	t.Helper()
	covers(t, table)
	right, err := build(v)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range table {
		written, read := false, true
		for i, turn := range f.turns {
			w := turned(t, v, turn)
			tbs, err := build(w)
			if err != nil || !bytes.Equal(tbs, right) {
				written = true
			}
			if err == nil && !bytes.Equal(tbs, right) && accept(tbs, v) == nil {
				t.Errorf("%s, mutation %d: the builder's mistake passes", name, i)
			}
			if accept(right, w) == nil {
				read = false
			}
		}
		if written == f.unwritten {
			t.Errorf("%s: written is %t, the table says %t", name, written, !f.unwritten)
		}
		if read == f.unread {
			t.Errorf("%s: read is %t, the table says %t", name, read, !f.unread)
		}
	}
}

func flip(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)-1] ^= 1
	return b
}

// Each field of a draft.
func TestMutatedDraftIsCaught(t *testing.T) {
	w := extended(t, "rsa-2048")
	other := spki(t, "ecdsa-p256")
	subject := func(turn func(ca.Subject) ca.Subject) func(*ca.Draft) {
		return func(d *ca.Draft) { d.Subject = turn(slices.Clone(d.Subject)) }
	}
	names := func(turn func([]ca.Name) []ca.Name) func(*ca.Draft) {
		return func(d *ca.Draft) { d.Names = turn(slices.Clone(d.Names)) }
	}
	table := map[string]field[ca.Draft]{
		"Subject": {turns: []func(*ca.Draft){
			subject(func(ca.Subject) ca.Subject { return nil }),
			subject(func(s ca.Subject) ca.Subject { return s[1:] }),
			subject(func(s ca.Subject) ca.Subject { return append(s, s[0]) }),
			subject(func(s ca.Subject) ca.Subject { slices.Reverse(s); return s }),
			subject(func(s ca.Subject) ca.Subject { s[0].Value = "FR"; return s }),
			subject(func(s ca.Subject) ca.Subject { s[0].OID = ca.OIDLocality; return s }),
			subject(func(s ca.Subject) ca.Subject { s[2].Type = ca.UTF8String; return s }),
			subject(func(s ca.Subject) ca.Subject { s[2].Type = ca.IA5String; return s }),
		}},
		"Names": {turns: []func(*ca.Draft){
			names(func([]ca.Name) []ca.Name { return nil }),
			names(func(n []ca.Name) []ca.Name { return n[1:] }),
			names(func(n []ca.Name) []ca.Name { return n[:5] }),
			names(func(n []ca.Name) []ca.Name { return append(n, n[0]) }),
			names(func(n []ca.Name) []ca.Name { n[0], n[1] = n[1], n[0]; return n }),
			names(func(n []ca.Name) []ca.Name { n[0].Value = "nax.lab.example"; return n }),
			names(func(n []ca.Name) []ca.Name { n[0].Type = ca.Email; return n }),
			names(func(n []ca.Name) []ca.Name { n[3].Value = "10.0.0.8"; return n }),
			names(func(n []ca.Name) []ca.Name { n[3].Value = "::ffff:10.0.0.7"; return n }),
			names(func(n []ca.Name) []ca.Name { n[5].Value += "/"; return n }),
		}},
		"SPKI": {turns: []func(*ca.Draft){func(d *ca.Draft) { d.SPKI = other }, func(d *ca.Draft) { d.SPKI = flip(d.SPKI) }}},
		"Key":  {turns: []func(*ca.Draft){func(d *ca.Draft) { d.Key[0] ^= 1 }}, unwritten: true},
		// It shows in the key usage, which is the draft's own here.
		"KeyType": {turns: []func(*ca.Draft){func(d *ca.Draft) { d.KeyType = "ecdsa-p256" }}, unwritten: true},
		"NotBefore": {turns: []func(*ca.Draft){
			func(d *ca.Draft) { d.NotBefore = d.NotBefore.Add(time.Second) },
			func(d *ca.Draft) { d.NotBefore = d.NotBefore.Add(-time.Second) },
		}},
		"NotAfter": {turns: []func(*ca.Draft){
			func(d *ca.Draft) { d.NotAfter = d.NotAfter.Add(time.Second) },
			func(d *ca.Draft) { d.NotAfter = d.NotAfter.AddDate(30, 0, 0) },
		}},
		"Use": {turns: []func(*ca.Draft){
			func(d *ca.Draft) { d.Use = nil },
			func(d *ca.Draft) { d.Use = []string{"server"} },
			func(d *ca.Draft) { d.Use = []string{"client"} },
			func(d *ca.Draft) { d.Use = []string{"client", "server"} },
			func(d *ca.Draft) { d.Use = []string{"server", "server"} },
			func(d *ca.Draft) { d.Use = []string{"server", "client", "email"} },
			func(d *ca.Draft) { d.Use = []string{"server", "ocsp"} },
		}},
		"KeyUsage": {turns: []func(*ca.Draft){
			func(d *ca.Draft) { d.KeyUsage = nil },
			func(d *ca.Draft) { d.KeyUsage = []string{"digital_signature"} },
			func(d *ca.Draft) { d.KeyUsage = append(slices.Clone(d.KeyUsage), "data_encipherment") },
			func(d *ca.Draft) { d.KeyUsage = append(slices.Clone(d.KeyUsage), "key_agreement") },
			func(d *ca.Draft) { d.KeyUsage = append(slices.Clone(d.KeyUsage), "decipher_only") },
			func(d *ca.Draft) { d.KeyUsage = append(slices.Clone(d.KeyUsage), "key_cert_sign") },
		}},
		"Policies": {turns: []func(*ca.Draft){
			func(d *ca.Draft) { d.Policies = nil },
			func(d *ca.Draft) { d.Policies = d.Policies[1:] },
			func(d *ca.Draft) { d.Policies = append(slices.Clone(d.Policies), ca.CertPolicy{OID: "1.2.3"}) },
			func(d *ca.Draft) { d.Policies = append(slices.Clone(d.Policies), ca.CertPolicy{OID: ca.OIDAnyPolicy}) },
			func(d *ca.Draft) { d.Policies = []ca.CertPolicy{{OID: d.Policies[0].OID}, d.Policies[1]} },
		}},
		"Extensions": {turns: []func(*ca.Draft){
			func(d *ca.Draft) { d.Extensions = nil },
			func(d *ca.Draft) { d.Extensions = d.Extensions[1:] },
			func(d *ca.Draft) { d.Extensions = d.Extensions[:1] },
			func(d *ca.Draft) { d.Extensions = slices.Clone(d.Extensions); slices.Reverse(d.Extensions) },
			func(d *ca.Draft) { d.Extensions = append(slices.Clone(d.Extensions), d.Extensions[0]) },
			func(d *ca.Draft) { d.Extensions = slices.Clone(d.Extensions); d.Extensions[0].Critical = false },
			func(d *ca.Draft) { d.Extensions = slices.Clone(d.Extensions); d.Extensions[1].Critical = true },
			func(d *ca.Draft) { d.Extensions = slices.Clone(d.Extensions); d.Extensions[0].Value = []byte{5, 0} },
			func(d *ca.Draft) {
				d.Extensions = append(slices.Clone(d.Extensions), ca.Extension{OID: "2.5.29.36", Value: []byte{0x30, 0}})
			},
		}},
		"Authority":     {turns: []func(*ca.Draft){func(d *ca.Draft) { d.Authority = "issuing-g2" }}},
		"Profile":       {turns: []func(*ca.Draft){func(d *ca.Draft) { d.Profile = "vpn" }}, unwritten: true},
		"ProfileDigest": {turns: []func(*ca.Draft){func(d *ca.Draft) { d.ProfileDigest[0] ^= 1 }}, unwritten: true},
	}
	issuer, err := encode.NewIssuer(w.authority)
	if err != nil {
		t.Fatal(err)
	}
	mutate(t, w.draft, table,
		func(d ca.Draft) ([]byte, error) { return issuer.TBS(d, w.serial) },
		func(tbs []byte, d ca.Draft) error { return check.Leaf(tbs, d, w.serial, w.profile, w.authority) })
	// The serial number is a parameter, not a field.
	for _, serial := range []ca.Serial{"410001699999990102030405060708090a0b0d", "41", "", "ff0001699999990102030405060708090a0b0c"} {
		if tbs, err := issuer.TBS(w.draft, serial); err == nil && w.check(tbs) == nil {
			t.Errorf("serial number %q passes for another", serial)
		}
		if check.Leaf(w.tbs, w.draft, serial, w.profile, w.authority) == nil {
			t.Errorf("another serial number passes for %q", serial)
		}
	}
}

// authorityFields are the mutations of an authority as an issuer.
func authorityFields(t *testing.T) map[string]field[ca.Authority] {
	type turns = []func(*ca.Authority)
	subject, err := encode.SubjectDER(ca.Subject{{OID: ca.OIDCommonName, Value: "Other"}})
	if err != nil {
		t.Fatal(err)
	}
	other := spki(t, "ecdsa-p384")
	return map[string]field[ca.Authority]{
		"Name":        {turns: turns{func(a *ca.Authority) { a.Name = "issuing-g2" }}},
		"Line":        {turns: turns{func(a *ca.Authority) { a.Line = "vpn" }}, unwritten: true},
		"Kind":        {turns: turns{func(a *ca.Authority) { a.Kind = ca.AuthorityKind("other") }}},
		"State":       {turns: turns{func(a *ca.Authority) { a.State = ca.Retiring }}, unwritten: true, unread: true},
		"Parent":      {turns: turns{func(a *ca.Authority) { a.Parent = "root-g2" }}, unwritten: true, unread: true},
		"Key":         {turns: turns{func(a *ca.Authority) { a.Key[0] ^= 1 }}, unwritten: true},
		"KeyType":     {turns: turns{func(a *ca.Authority) { a.KeyType = "ecdsa-p384" }, func(a *ca.Authority) { a.KeyType = "rsa-2048" }}},
		"Certificate": {turns: turns{func(a *ca.Authority) { a.Certificate = flip(a.Certificate)[1:] }}, unwritten: true, unread: true},
		"Subject":     {turns: turns{func(a *ca.Authority) { a.Subject = flip(a.Subject) }, func(a *ca.Authority) { a.Subject = subject }}},
		"SPKI": {turns: turns{func(a *ca.Authority) { a.SPKI = other },
			func(a *ca.Authority) { a.SPKI, a.KeyType, a.Key = other, "ecdsa-p384", sha256.Sum256(other) }}},
		"SKI":       {turns: turns{func(a *ca.Authority) { a.SKI = flip(a.SKI) }, func(a *ca.Authority) { a.SKI = nil }}},
		"Use":       {turns: turns{func(a *ca.Authority) { a.Use = []string{"email"} }}},
		"NotBefore": {turns: turns{func(a *ca.Authority) { a.NotBefore = noon.Add(time.Second) }}, unwritten: true},
		"NotAfter":  {turns: turns{func(a *ca.Authority) { a.NotAfter = noon.AddDate(0, 0, 90).Add(-2 * time.Second) }}, unwritten: true},
		"Until":     {turns: turns{func(a *ca.Authority) { a.Until = noon.AddDate(0, 0, 90).Add(-2 * time.Second) }}, unwritten: true},
		"CRL":       {turns: turns{func(a *ca.Authority) { a.CRL += "x" }}},
		"Issuer":    {turns: turns{func(a *ca.Authority) { a.Issuer += "x" }}},
		"OCSP":      {turns: turns{func(a *ca.Authority) { a.OCSP += "x" }, func(a *ca.Authority) { a.OCSP = "" }}},
		"Shards":    {turns: turns{func(a *ca.Authority) { a.Shards = 2 }}},
		"Hash": {turns: turns{func(a *ca.Authority) { a.Hash = ca.SHA384 }, func(a *ca.Authority) { a.Hash = ca.SHA512 },
			func(a *ca.Authority) { a.Hash = "sha1" }}}, // R128
		"AKI": {turns: turns{func(a *ca.Authority) { a.AKI = ca.AKIIssuer }, func(a *ca.Authority) { a.AKI = "issuer" }}},
		// What is in force is policy's matter; the bytes show only what a new CA's draft says.
		"Constraints": {turns: turns{func(a *ca.Authority) { a.Constraints = []ca.NameConstraints{everyConstraint(t)} }}, unwritten: true, unread: true},
		// Nor is what becomes of a generation after its certificate was signed.
		"Version":      {turns: turns{func(a *ca.Authority) { a.Version++ }}, unwritten: true, unread: true},
		"Activated":    {turns: turns{func(a *ca.Authority) { a.Activated++ }}, unwritten: true, unread: true},
		"External":     {turns: turns{func(a *ca.Authority) { a.External = true }}, unwritten: true, unread: true},
		"Earlier":      {turns: turns{func(a *ca.Authority) { a.Earlier = [][]byte{{1}} }}, unwritten: true, unread: true},
		"Fields":       {turns: turns{func(a *ca.Authority) { a.Fields = ca.Subject{{OID: "1.2"}} }}, unwritten: true, unread: true},
		"Revoked":      {turns: turns{func(a *ca.Authority) { a.Revoked = []ca.AuthorityRevocation{{By: "root-g2"}} }}, unwritten: true, unread: true},
		"OCSPByItself": {turns: turns{func(a *ca.Authority) { a.OCSPByItself = true }}, unwritten: true, unread: true},
		"Fallen":       {turns: turns{func(a *ca.Authority) { a.Fallen = "root-g1" }}, unwritten: true, unread: true},
		"Past":         {turns: turns{func(a *ca.Authority) { a.Past = &ca.Past{Awaited: true} }}, unwritten: true, unread: true},
		"Cross":        {turns: turns{func(a *ca.Authority) { a.Cross = []ca.CrossCertificate{{By: "root-g2"}} }}, unwritten: true, unread: true},
	}
}

// Each field of the authority that signs a leaf.
func TestMutatedAuthorityIsCaught(t *testing.T) {
	w := good(t, "ecdsa-p256")
	mutate(t, w.authority, authorityFields(t),
		func(a ca.Authority) ([]byte, error) {
			issuer, err := encode.NewIssuer(a)
			if err != nil {
				return nil, err
			}
			return issuer.TBS(w.draft, w.serial)
		},
		func(tbs []byte, a ca.Authority) error { return check.Leaf(tbs, w.draft, w.serial, w.profile, a) })
}

// Each field of the authority that signs a CA certificate.
func TestMutatedIssuerOfAnAuthorityIsCaught(t *testing.T) {
	root, _ := issuing(t, "ecdsa-p256")
	d := rootDraft(t, "ed25519")
	d.Issuer, d.PathLen, d.Use = &root, 0, []string{"server", "client"}
	table := authorityFields(t)
	for name, turn := range map[string]func(*field[ca.Authority]){
		// A CA certificate names no generation and no line, and its purposes are not
		// those its issuer may hand out to others: a root has none.
		"Name": func(f *field[ca.Authority]) { f.unwritten, f.unread = true, true },
		"Line": func(f *field[ca.Authority]) { f.unread = true },
		"Use":  func(f *field[ca.Authority]) { f.unwritten, f.unread = true, true },
		"Kind": func(f *field[ca.Authority]) { f.unwritten = true },
		// The issuer's own certificate is read here.
		"Certificate": func(f *field[ca.Authority]) { f.unread = false },
		"NotAfter":    func(*field[ca.Authority]) {},
		"Shards":      func(f *field[ca.Authority]) { f.unwritten, f.unread = true, true },
		// The draft says which form the key identifier has in a CA certificate.
		"AKI": func(f *field[ca.Authority]) { f.unwritten, f.unread = true, true },
	} {
		f := table[name]
		turn(&f)
		table[name] = f
	}
	with := func(a ca.Authority) ca.AuthorityDraft { d := d; d.Issuer = &a; return d }
	mutate(t, root, table,
		func(a ca.Authority) ([]byte, error) { return encode.Authority(with(a)) },
		func(tbs []byte, a ca.Authority) error { return check.Authority(tbs, with(a)) })
}

// Each field of the draft of a CA certificate.
func TestMutatedAuthorityDraftIsCaught(t *testing.T) {
	root, _ := issuing(t, "ecdsa-p256")
	other, _ := issuing(t, "ecdsa-p384")
	type turns = []func(*ca.AuthorityDraft)
	table := map[string]field[ca.AuthorityDraft]{
		"Serial": {turns: turns{func(d *ca.AuthorityDraft) { d.Serial = "41" }, func(d *ca.AuthorityDraft) { d.Serial = "" }}},
		"Subject": {turns: turns{func(d *ca.AuthorityDraft) { d.Subject = d.Subject[1:] }, func(d *ca.AuthorityDraft) { d.Subject = nil },
			func(d *ca.AuthorityDraft) { d.Subject = append(slices.Clone(d.Subject), d.Subject[0]) }}},
		"SPKI":      {turns: turns{func(d *ca.AuthorityDraft) { d.SPKI = spki(t, "ecdsa-p384") }}},
		"SKI":       {turns: turns{func(d *ca.AuthorityDraft) { d.SKI = []byte{1, 2, 3} }}},
		"NotBefore": {turns: turns{func(d *ca.AuthorityDraft) { d.NotBefore = d.NotBefore.Add(time.Second) }}},
		"NotAfter":  {turns: turns{func(d *ca.AuthorityDraft) { d.NotAfter = d.NotAfter.Add(-time.Second) }}},
		"PathLen": {turns: turns{func(d *ca.AuthorityDraft) { d.PathLen = -1 }, func(d *ca.AuthorityDraft) { d.PathLen = 1 },
			func(d *ca.AuthorityDraft) { d.PathLen = -2 }}},
		"Use": {turns: turns{func(d *ca.AuthorityDraft) { d.Use = nil }, func(d *ca.AuthorityDraft) { d.Use = []string{"server"} },
			func(d *ca.AuthorityDraft) { d.Use = []string{"client", "server"} }}},
		"Issuer": {turns: turns{func(d *ca.AuthorityDraft) { d.Issuer = nil }, func(d *ca.AuthorityDraft) { d.Issuer = &other }}},
		"Constraints": {turns: turns{func(d *ca.AuthorityDraft) { d.Constraints = ca.NameConstraints{} },
			func(d *ca.AuthorityDraft) { d.Constraints.Permitted = d.Constraints.Permitted[1:] }, func(d *ca.AuthorityDraft) { d.Constraints.Excluded = nil },
			func(d *ca.AuthorityDraft) {
				d.Constraints.Permitted, d.Constraints.Excluded = d.Constraints.Excluded[:3], d.Constraints.Permitted
			}}},
		"Policies": {turns: turns{func(d *ca.AuthorityDraft) { d.Policies = nil }, func(d *ca.AuthorityDraft) { d.Policies = d.Policies[1:] },
			func(d *ca.AuthorityDraft) { d.Policies = append(slices.Clone(d.Policies), d.Policies[0]) },
			func(d *ca.AuthorityDraft) { d.Policies = []ca.CertPolicy{{OID: d.Policies[0].OID}, d.Policies[1]} }}},
		"AKI":  {turns: turns{func(d *ca.AuthorityDraft) { d.AKI = ca.AKIIssuer }, func(d *ca.AuthorityDraft) { d.AKI = "issuer" }}},
		"Hash": {turns: turns{func(d *ca.AuthorityDraft) { d.Hash = ca.SHA512 }, func(d *ca.AuthorityDraft) { d.Hash = "sha1" }}},
	}
	d := rootDraft(t, "ed25519")
	d.Issuer, d.PathLen, d.Use = &root, 0, []string{"server", "client"}
	d.Constraints, d.Policies = everyConstraint(t), somePolicies()
	mutate(t, d, table, encode.Authority, check.Authority)
	d = rootDraft(t, "ecdsa-p256")
	d.PathLen, d.Use, d.Constraints, d.Policies = 0, []string{"server", "client"}, everyConstraint(t), somePolicies()
	table["Issuer"] = field[ca.AuthorityDraft]{turns: turns{func(d *ca.AuthorityDraft) { d.Issuer = &root }}}
	mutate(t, d, table, encode.Authority, check.Authority)
}

// Each field of a profile that shows in a certificate: bytes that say what the
// draft says are refused if the profile does not allow it.
func TestLeafObeysEachRuleOfTheProfile(t *testing.T) {
	w := extended(t, "rsa-2048")
	type turns = []func(*ca.Profile)
	table := map[string]field[ca.Profile]{
		"Schema":  {turns: turns{func(p *ca.Profile) { p.Schema = 2 }}, unwritten: true, unread: true},
		"Name":    {turns: turns{func(p *ca.Profile) { p.Name = "vpn" }}, unwritten: true},
		"Line":    {turns: turns{func(p *ca.Profile) { p.Line = "vpn" }}, unwritten: true},
		"Doors":   {turns: turns{func(p *ca.Profile) { p.Doors = nil }}, unwritten: true, unread: true},
		"Use":     {turns: turns{func(p *ca.Profile) { p.Use = []string{"server"} }}, unwritten: true},
		"Days":    {turns: turns{func(p *ca.Profile) { p.Days = 1 }}, unwritten: true, unread: true},
		"MaxDays": {turns: turns{func(p *ca.Profile) { p.MaxDays = 89 }}, unwritten: true},
		"Strict":  {turns: turns{func(p *ca.Profile) { p.Strict = true }}, unwritten: true, unread: true},
		"Keys":    {turns: turns{func(p *ca.Profile) { p.Keys = []string{"rsa-3072", "ecdsa-p256"} }}, unwritten: true},
		"Names": {turns: turns{func(p *ca.Profile) { p.Names.Max = 5 }, func(p *ca.Profile) { p.Names.DNS = []string{"*.other.example"} },
			func(p *ca.Profile) { p.Names.IP = []string{"10.0.0.0/8"} }, func(p *ca.Profile) { p.Names.Email = nil },
			func(p *ca.Profile) { p.Names.URI = []string{"spiffe://other.example/"} }, func(p *ca.Profile) { p.Names.Wildcards = false }}, unwritten: true},
		"Subject": {turns: turns{func(p *ca.Profile) { p.Subject.CommonName = "drop" }, func(p *ca.Profile) { p.Subject.Organization = "" },
			func(p *ca.Profile) { p.Subject.Country = "fixed:FR" }, func(p *ca.Profile) { p.Subject.State = "supplied" },
			func(p *ca.Profile) { p.Subject.Unit = "fixed:A" }, func(p *ca.Profile) { p.Subject.Title = "supplied" },
			func(p *ca.Profile) { p.Subject.Organization = "match" }, func(p *ca.Profile) { p.Subject.Country = "match" },
			func(p *ca.Profile) { p.Subject.Domain = "match" },
			func(p *ca.Profile) { p.Subject.CommonNameInNames, p.Subject.CommonNamePrefix = true, "system:node:" }}, unwritten: true},
		"KeyUsage": {turns: turns{func(p *ca.Profile) { p.KeyUsage = nil }, func(p *ca.Profile) { p.KeyUsage = p.KeyUsage[1:] }, func(p *ca.Profile) { p.KeyUsage = p.KeyUsage[:1] }}, unwritten: true},
		"Extensions": {turns: turns{func(p *ca.Profile) { p.Extensions.Take = nil }, func(p *ca.Profile) { p.Extensions.Take = []string{"1.2.3"} },
			func(p *ca.Profile) { p.Extensions.Add = nil }, func(p *ca.Profile) { p.Extensions.Add = p.Extensions.Add[1:] }, func(p *ca.Profile) { p.Extensions.Add = p.Extensions.Add[:1] },
			func(p *ca.Profile) {
				p.Extensions.Add = slices.Clone(p.Extensions.Add)
				p.Extensions.Add[0].Hex = "0500"
			},
			func(p *ca.Profile) {
				p.Extensions.Add = slices.Clone(p.Extensions.Add)
				p.Extensions.Add[0].Critical = false
			},
			func(p *ca.Profile) {
				p.Extensions.Add = append(slices.Clone(p.Extensions.Add), ca.AddedExtension{OID: "1.2", Base64: "BQA="})
			}}, unwritten: true},
		// What decides whether there is a certificate at all, and not what is in it.
		"Lines":           {turns: turns{func(p *ca.Profile) { p.Lines = []string{"vpn"} }}, unwritten: true, unread: true},
		"ServerKeys":      {turns: turns{func(p *ca.Profile) { p.ServerKeys = "never" }}, unwritten: true, unread: true},
		"KeyEncryption":   {turns: turns{func(p *ca.Profile) { p.KeyEncryption = "required" }}, unwritten: true, unread: true},
		"Unique":          {turns: turns{func(p *ca.Profile) { p.Unique = "subject" }}, unwritten: true, unread: true},
		"Hold":            {turns: turns{func(p *ca.Profile) { p.Hold = true }}, unwritten: true, unread: true},
		"RevokeChallenge": {turns: turns{func(p *ca.Profile) { p.RevokeChallenge = true }}, unwritten: true, unread: true},
		"Rules":           {turns: turns{func(p *ca.Profile) { p.Rules = []ca.Rule{{Require: "false"}} }}, unwritten: true, unread: true},
		"Document":        {turns: turns{func(p *ca.Profile) { p.Document = "x" }}, unwritten: true, unread: true},
		"Digest":          {turns: turns{func(p *ca.Profile) { p.Digest[0] ^= 1 }}, unwritten: true},
	}
	mutate(t, w.profile, table,
		func(ca.Profile) ([]byte, error) { return w.tbs, nil },
		func(tbs []byte, p ca.Profile) error { return check.Leaf(tbs, w.draft, w.serial, p, w.authority) })
}
