// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"chancery/ca"
)

// What is known to go wrong in directory-integrated authorities cannot be expressed here:
// a test for each item of security rule PF-09. Those about doors and roles are in
// packages status, access and internal/csr.

// A field of the subject that says who somebody is, or in which group, is free in no
// profile for signing in.
func TestPF09_NobodyChoosesAnIdentityToSignInWith(t *testing.T) {
	for i := range subjectFields {
		f := &subjectFields[i]
		for _, word := range []string{optional, supplied} {
			for _, use := range [][]string{{"client"}, {"server", "client"}, {"email", "client"}} {
				p := good().profile
				p.Use, p.Subject = use, ca.SubjectRules{}
				*f.rule(&p.Subject) = word
				where := slices.Contains([]string{ca.OIDCountry, ca.OIDState, ca.OIDLocality}, f.oid)
				if err := Check(p); (err == nil) != where {
					t.Errorf("%s %s with use %v: %v", f.key, word, use, err)
				}
			}
		}
	}
	// A common name that is one of the names is as free as the names are.
	w := good()
	w.profile.Use, w.profile.Subject = []string{"client"}, ca.SubjectRules{CommonName: supplied, CommonNameInNames: true}
	w.csr.Subject = ca.Subject{{OID: ca.OIDCommonName, Value: "root"}}
	if _, err := w.vet(); problem(t, err).Code != ca.E2120 {
		t.Errorf("the common name root: %v", err)
	}
}

func TestPF09_NoProfileIsForAnyPurposeOrNone(t *testing.T) {
	for _, use := range [][]string{nil, {}, {"any"}, {"*"}, {""}, {"2.5.29.37.0"}, {"server", "2.5.29.37.0"}, {"1.3.6.1.5.5.7.3.2"}, {"ocsp"}} {
		p := good().profile
		p.Use = use
		if Check(p) == nil {
			t.Errorf("use %q is sound", use)
		}
		// Nor does a profile that nobody checked lead to such a draft.
		w := good()
		w.profile.Use, w.authority.Use = use, append([]string{"server"}, use...)
		if c, err := w.vet(); err == nil && !slices.Contains(use, "ocsp") {
			t.Errorf("use %q is cleared as %v", use, c.Draft().Use)
		}
	}
}

// There is no word to ask for somebody else: the certificate is whose request it is, and
// the purpose by which other authorities let agents enrol cannot be had.
func TestPF09_NobodyEnrolsOnBehalfOfOthers(t *testing.T) {
	for f := range reflect.TypeFor[ca.Request]().Fields() {
		if f.Type == reflect.TypeFor[ca.Actor]() && f.Name != "From" {
			t.Errorf("a request has a second actor: %s", f.Name)
		}
	}
	const agent = "1.3.6.1.4.1.311.20.2.1"
	p := good().profile
	p.Use = []string{agent}
	if Check(p) == nil {
		t.Error("a profile makes agents")
	}
	_, notices := draft(t, func(w *wish) { w.csr.Use = []string{agent} })
	if !says(notices, "set by the profile: server") {
		t.Errorf("an agent's purpose was asked for, and told was %q", notices)
	}
	// A name of one's own is no word for another's: grants count for whoever asks alone.
	run(t, []trial{{"somebody else's grant", func(w *wish) {
		w.profile.Names.Granted = true
		w.grants = []Grant{{To: "uid:1", Profiles: []string{"server"}, DNS: []string{"*"}}}
	}, ca.E2124, "dns[0]"}})
}

// No key of a profile or bundle, whatever it is called, takes names from elsewhere than
// the request's extension, its subject as the profile says, or lets one be set for all.
func TestPF09_NoSwitchTakesNamesFromAttributes(t *testing.T) {
	var keys []string
	var walk func(reflect.Type)
	walk = func(of reflect.Type) {
		for f := range of.Fields() {
			keys = append(keys, strings.ToLower(f.Name))
			for ; f.Type.Kind() == reflect.Slice; f.Type = f.Type.Elem() {
			}
			if f.Type.Kind() == reflect.Struct && f.Type.PkgPath() == of.PkgPath() {
				walk(f.Type)
			}
		}
	}
	walk(reflect.TypeFor[ca.Profile]())
	walk(reflect.TypeFor[Bundle]())
	for _, key := range keys {
		if strings.Contains(key, "attribute") || strings.Contains(key, "san") {
			t.Errorf("there is a key %s", key)
		}
	}
	if !slices.Contains(keys, "fromcn") || !slices.Contains(keys, "grants") {
		t.Errorf("the walk misses keys: %q", keys)
	}
}

func TestPF09_OnePersonIsNotManagerAndOfficer(t *testing.T) {
	admins := []ca.Role{ca.CAAdmin, ca.SecurityAdmin, ca.SystemAdmin}
	for _, a := range admins {
		for _, b := range append([]ca.Role{ca.Auditor}, admins...) {
			if a == b {
				continue
			}
			bundle := goodBundle()
			bundle.Assurance, bundle.Accounts = ca.Separated, map[int][]ca.Role{7: {a, b}}
			if _, err := bundle.Marshal(); err == nil {
				t.Errorf("one account is %s and %s", a, b)
			}
		}
	}
}

// A sign-in names a certificate or a key: never a name in it.
func TestPF09_NoNameInACertificateIsAnAccount(t *testing.T) {
	for f := range reflect.TypeFor[SignIn]().Fields() {
		if !slices.Contains([]string{"Issuer", "Serial", "Key", "UID"}, f.Name) {
			t.Errorf("a sign-in also goes by %s", f.Name)
		}
	}
	b := goodBundle()
	b.SignIns = []SignIn{{UID: 1000}}
	if _, err := b.Marshal(); err == nil {
		t.Error("a sign-in that names no certificate")
	}
}

// Some directories give the members of a group's policy the group's rights.
func TestPF09_NoRequestBringsAPolicy(t *testing.T) {
	for _, take := range [][]string{{"2.5.29.32"}, {"certificate-policies"}, {"policies"}} {
		p := good().profile
		p.Extensions.Take = take
		if Check(p) == nil {
			t.Errorf("a profile takes %q", take)
		}
	}
	d, notices := draft(t, func(w *wish) {
		w.csr.Extensions = []ca.Extension{{OID: "2.5.29.32", Value: []byte{0x30, 6, 0x30, 4, 6, 2, 0x2a, 3}}}
	})
	if len(d.Policies)+len(d.Extensions) > 0 || !says(notices, "certificate policies: asked for, not taken") {
		t.Errorf("has %v %v, told %q", d.Policies, d.Extensions, notices)
	}
}

func TestPF09_NoRequestBringsApplicationPolicies(t *testing.T) {
	for _, oid := range []string{"1.3.6.1.4.1.311.21.10", "1.3.6.1.4.1.311.21.11", "1.3.6.1.4.1.311.21.7", "1.3.6.1.4.1.311.20.2", "2.5.29.37"} {
		p := good().profile
		p.Extensions.Take = []string{oid}
		if Check(p) == nil {
			t.Errorf("a profile takes %s", oid)
		}
		p = good().profile
		p.Extensions.Add = []ca.AddedExtension{{OID: oid, Hex: "3000"}}
		if Check(p) == nil {
			t.Errorf("a profile adds %s", oid)
		}
		run(t, []trial{{"taken by a profile that nobody checked: " + oid, func(w *wish) {
			w.profile.Extensions.Take = []string{oid}
			w.csr.Extensions = []ca.Extension{{OID: oid, Value: []byte{0x30, 0}}}
		}, ca.E2126, ""}})
	}
}

// What binds a certificate to its holder, names and key identifiers, has no word to leave
// it out, and neither has what names an account of a directory to put it in.
func TestPF09_WhatBindsACertificateCannotBeSwitchedOff(t *testing.T) {
	for _, oid := range []string{"2.5.29.17", "2.5.29.14", "2.5.29.35", "1.3.6.1.4.1.311.25.2"} {
		if ca.Grantable(oid) {
			t.Errorf("a profile may say what is in %s", oid)
		}
	}
	p := good().profile
	p.Names = ca.NameRules{}
	if Check(p) == nil {
		t.Error("a profile without names")
	}
	w := good()
	w.csr.Names, w.csr.Subject = nil, nil
	if _, err := w.vet(); problem(t, err).Code != ca.E2106 {
		t.Errorf("a request without names: %v", err)
	}
}
