// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"reflect"
	"testing"
	"time"

	"chancery/ca"
)

func TestTheZeroClearedHoldsNothing(t *testing.T) {
	var c Cleared
	if c.c != nil || !reflect.DeepEqual(c.Draft(), ca.Draft{}) || !reflect.DeepEqual(c.Request(), ca.Request{}) || c.Notices() != nil {
		t.Errorf("the zero Cleared has %v %+v %+v %v", c.c != nil, c.Draft(), c.Request(), c.Notices())
	}
}

// SG-01: a draft is filled from profile, issuer and clock; of the request only
// its key and the names the profile allows are in it.
func TestSG01_ADraftTakesKeyAndNamesFromTheRequestAndNothingElse(t *testing.T) {
	w := good()
	w.csr.Dropped = []string{"basicConstraints CA:TRUE"}
	c, err := w.vet()
	if err != nil {
		t.Fatal(err)
	}
	want := ca.Draft{
		Subject: ca.Subject{{OID: ca.OIDCommonName, Value: "nas.lab.example"}}, Names: w.csr.Names,
		SPKI: w.csr.SPKI, Key: w.csr.Key, KeyType: "ecdsa-p256",
		NotBefore: noon.Add(-5 * time.Minute), NotAfter: noon.Add(-5*time.Minute + 90*day - time.Second),
		Use: []string{"server"}, Authority: "issuing-g1", Profile: "server", ProfileDigest: w.profile.Digest,
	}
	if got := c.Draft(); !reflect.DeepEqual(got, want) {
		t.Errorf("the draft is\n%+v, want\n%+v", got, want)
	}
	if !says(c.Notices(), "basicConstraints CA:TRUE: asked for, not taken") {
		t.Errorf("nobody is told about what was not taken: %q", c.Notices())
	}
	if !reflect.DeepEqual(c.Request(), w.request) {
		t.Errorf("the request became %+v", c.Request())
	}
}

// R134: a request made for another authority's conventions is taken as it is; what is
// not followed is told, and changes nothing.
func TestR134_ARequestForAnotherAuthorityIsTaken(t *testing.T) {
	plain, _ := draft(t, func(*wish) {})
	d, notices := draft(t, func(w *wish) {
		w.csr.Subject = append(ca.Subject{{OID: ca.OIDCountry, Value: "XX"}, {OID: ca.OIDOrganization, Value: "Default Company Ltd"}, {OID: ca.OIDUnit, Value: "A"}, {OID: ca.OIDUnit, Value: "A"}},
			append(w.csr.Subject, ca.Attribute{OID: ca.OIDEmail, Value: "root@localhost"}, ca.Attribute{OID: "1.3.6.1.4.1.311.60.2.1.3", Value: "DE"})...)
		w.csr.Use, w.csr.KeyUsage = []string{"server", "client", "1.3.6.1.5.5.7.3.17"}, []string{"digital_signature", "key_encipherment", "data_encipherment"}
		w.csr.Extensions = []ca.Extension{{OID: "1.3.6.1.4.1.311.20.2", Value: []byte{0x1e, 2, 0, 'W'}}, {OID: "2.16.840.1.113730.1.13", Value: []byte{0x16, 1, 'x'}}}
		w.csr.Dropped = []string{"challenge password", "attribute 1.3.6.1.4.1.311.13.2.3", "subject key identifier"}
	})
	if !reflect.DeepEqual(d, plain) {
		t.Errorf("became\n%+v, want\n%+v", d, plain)
	}
	for _, text := range []string{"C=", "O=", "OU=", "emailAddress=", "extended key usage:", "key usage:", "1.3.6.1.4.1.311.20.2", "2.16.840.1.113730.1.13", "challenge password", "13.2.3", "subject key identifier"} {
		if !says(notices, text) {
			t.Errorf("no notice says %q: %q", text, notices)
		}
	}
}

// IS-10: whatever changes after vetting, configuration or the caller's own
// slices, does not reach the draft.
func TestIS10_AClearedDraftNeverChanges(t *testing.T) {
	w := good()
	w.csr.Dropped = []string{"something"}
	c, err := w.vet()
	if err != nil {
		t.Fatal(err)
	}
	before := c.Draft()
	w.csr.SPKI[0], w.csr.Names[0].Value, w.csr.Subject[0].Value = 'X', "evil.example", "evil"
	w.profile.Use[0], w.authority.Use[0] = "codesign", "codesign"
	d := c.Draft()
	d.SPKI[0], d.Names[0].Value, d.Subject[0].Value, d.Use[0] = 'X', "evil.example", "evil", "codesign"
	c.Notices()[0] = "nothing"
	if got := c.Draft(); !reflect.DeepEqual(got, before) {
		t.Errorf("the draft became\n%+v, was\n%+v", got, before)
	}
	if !says(c.Notices(), "something") {
		t.Error("the notices changed")
	}
}

func TestVetJudgesOnlyWhatWasParsedFromTheRequest(t *testing.T) {
	run(t, []trial{
		{"the request as parsed", func(*wish) {}, "", ""},
		{"another request", func(w *wish) { w.csr.Raw = []byte("another") }, ca.E2203, ""},
		{"no request at all", func(w *wish) { w.csr = ca.CSR{} }, ca.E2203, ""},
		{"no request on both sides", func(w *wish) { w.csr, w.request.CSR = ca.CSR{}, nil }, ca.E2203, ""},
		{"no key", func(w *wish) { w.csr.SPKI = nil }, ca.E2203, ""},
	})
	var zero wish
	if c, err := zero.vet(); err == nil || c.c != nil {
		t.Error("a wish of nothing is cleared")
	}
}

func TestDoor(t *testing.T) {
	run(t, []trial{
		{"the other door", func(w *wish) { w.request.Door = ca.DoorCLI }, "", ""},
		{"a door that is closed", func(w *wish) { w.profile.Doors = []ca.Door{ca.DoorCLI} }, ca.E2108, ""},
		{"a door that does not exist", func(w *wish) { w.request.Door = "acme\x1b" }, ca.E2108, ""},
		{"no door", func(w *wish) { w.request.Door = "" }, ca.E2108, ""},
		{"PF-01: a profile without doors", func(w *wish) { w.profile.Doors = nil }, ca.E2108, ""},
		{"another profile", func(w *wish) { w.request.Profile = "client" }, ca.E2118, ""},
		{"a profile in another case", func(w *wish) { w.request.Profile = "Server" }, ca.E2118, ""},
		{"SG-05: another version", func(w *wish) { w.request.Digest[0] ^= 1 }, ca.E2119, ""},
		{"SG-05: no version", func(w *wish) { w.request.Digest = ca.Digest{} }, ca.E2119, ""},
		{"SG-05: no version on both sides", func(w *wish) { w.request.Digest, w.profile.Digest = ca.Digest{}, ca.Digest{} }, ca.E2119, ""},
	})
}

func TestUse(t *testing.T) {
	run(t, []trial{
		{"two usages of the authority's", func(w *wish) { w.profile.Use = []string{"server", "client"} }, "", ""},
		{"a usage the authority has not", func(w *wish) { w.profile.Use = []string{"server", "codesign"} }, ca.E3004, ""},
		{"PF-09: any purpose", func(w *wish) { w.profile.Use, w.authority.Use = []string{"any"}, []string{"any"} }, ca.E3004, ""},
		{"PF-09: no usage", func(w *wish) { w.profile.Use = nil }, ca.E3004, ""},
		{"SG-04: an authority without usages", func(w *wish) { w.authority.Use = nil }, ca.E3004, ""},
		{"SG-02: a root", func(w *wish) { w.authority.Kind = ca.Root }, ca.E3004, ""},
		{"another line", func(w *wish) { w.authority.Line = "users" }, ca.E3004, ""},
		{"on standby", func(w *wish) { w.authority.State = ca.Standby }, ca.E3004, ""},
		{"retiring", func(w *wish) { w.authority.State = ca.Retiring }, ca.E3004, ""},
		{"no authority", func(w *wish) { w.authority = ca.Authority{} }, ca.E3004, ""},
		{"a line beside the profile's own", func(w *wish) {
			w.profile.Lines, w.request.Line, w.authority.Line = []string{"users"}, "users", "users"
		}, "", ""},
		{"the profile's own line by name", func(w *wish) { w.request.Line = "issuing" }, "", ""},
		{"a line that the profile does not take", func(w *wish) { w.request.Line, w.authority.Line = "users", "users" }, ca.E2122, "authority"},
		{"another line than was asked for", func(w *wish) { w.profile.Lines, w.request.Line = []string{"users"}, "users" }, ca.E3004, ""},
	})
}

func TestKey(t *testing.T) {
	of := func(keyType string) func(*wish) { return func(w *wish) { w.csr.KeyType = keyType } }
	run(t, []trial{
		{"ed25519", of("ed25519"), "", ""},
		{"RSA of the least size", of("rsa-3072"), "", ""},
		{"larger RSA", of("rsa-4096"), "", ""},
		{"the largest RSA", of("rsa-8192"), "", ""},
		{"PF-07: RSA too small for the profile", of("rsa-2048"), ca.E2204, "key"},
		{"PF-07: RSA too large for anybody", of("rsa-16384"), ca.E2204, "key"},
		{"PF-07: RSA of 1024 bits by name", func(w *wish) { w.profile.Keys, w.csr.KeyType = []string{"rsa-2048"}, "rsa-1024" }, ca.E2204, "key"},
		{"another curve", of("ecdsa-p384"), ca.E2204, "key"},
		{"an empty type", of(""), ca.E2204, "key"},
		{"RSA without a size", of("rsa-"), ca.E2204, "key"},
		{"PF-01: a profile without keys", func(w *wish) { w.profile.Keys = nil }, ca.E2204, "key"},
		{"PF-07: the authority's own key", func(w *wish) { w.csr.Key = w.authority.Key }, ca.E2204, "key"},
	})
}
