// SPDX-License-Identifier: Apache-2.0

package check_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"chancery/ca"
	"chancery/check"
	"chancery/encode"
)

// der is nested elements written by hand: a tag, then contents joined.
func der(tag byte, contents ...[]byte) []byte {
	c := bytes.Join(contents, nil)
	return append(header(tag, len(c)), c...)
}

const (
	keyUsage         = "\x55\x1d\x0f"
	extKeyUsage      = "\x55\x1d\x25"
	basicConstraints = "\x55\x1d\x13"
)

// SG-02: bytes that would make a CA, or carry an extension nobody listed, are
// refused from the bytes alone and by Leaf. R31.
func TestSG02BytesOfACAAreRefused(t *testing.T) {
	anyUse := []byte("\x06\x04\x55\x1d\x25\x00")
	server := []byte("\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01")
	for _, tt := range []struct {
		name, oid string
		value     []byte
	}{
		{"CA:TRUE", basicConstraints, der(0x30, der(1, []byte{0xff}))},
		{"CA:TRUE with a path length", basicConstraints, der(0x30, der(1, []byte{0xff}), der(2, []byte{0}))},
		{"CA:TRUE as BER writes it", basicConstraints, der(0x30, der(1, []byte{1}))},
		{"CA:FALSE in full", basicConstraints, der(0x30, der(1, []byte{0}))},
		{"a path length alone", basicConstraints, der(0x30, der(2, []byte{0}))},
		{"keyCertSign", keyUsage, der(3, []byte{2, 0x84})},
		{"cRLSign", keyUsage, der(3, []byte{1, 0x82})},
		{"keyCertSign and cRLSign alone", keyUsage, der(3, []byte{1, 6})},
		{"keyCertSign in a second octet's company", keyUsage, der(3, []byte{7, 0x84, 0x80})},
		{"any use", extKeyUsage, der(0x30, anyUse)},
		{"any use behind another", extKeyUsage, der(0x30, server, anyUse)},
		{"no use at all", extKeyUsage, der(0x30)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := good(t, "ecdsa-p256")
			root := tree(t, w.tbs)
			list, i := extensionNode(t, root, tt.oid)
			e := list.kids[i]
			e.kids[len(e.kids)-1] = leafNode(4, tt.value...)
			if check.NeverCA(root.der()) == nil {
				t.Error("NeverCA passes it")
			}
			if w.check(root.der()) == nil {
				t.Error("Leaf passes it")
			}
		})
	}
	for name, oid := range map[string]string{
		"certificatePolicies": "\x55\x1d\x20", "nameConstraints": "\x55\x1d\x1e", "policyMappings": "\x55\x1d\x21",
		"issuerAltName": "\x55\x1d\x12", "OCSP no check": "\x2b\x06\x01\x05\x05\x07\x30\x01\x05",
		"Netscape's certificate type": "\x60\x86\x48\x01\x86\xf8\x42\x01\x01", "our key usage with another arc": "\x55\x1d\x0f\x01",
	} {
		t.Run("unknown extension "+name, func(t *testing.T) {
			w := good(t, "ecdsa-p256")
			list, _ := extensionNode(t, tree(t, w.tbs), keyUsage)
			for i := range len(list.kids) + 1 {
				root := tree(t, w.tbs)
				list, _ := extensionNode(t, root, keyUsage)
				extra := &node{tag: 0x30, kids: []*node{leafNode(6, []byte(oid)...), leafNode(4, 5, 0)}}
				list.kids = append(list.kids[:i:i], append([]*node{extra}, list.kids[i:]...)...)
				if check.NeverCA(root.der()) == nil || w.check(root.der()) == nil {
					t.Errorf("at place %d it passes", i)
				}
			}
		})
	}
}

// SG-02: no CA certificate of ours passes as a leaf, and no leaf as a CA.
func TestSG02LeavesAndAuthoritiesAreNotMistakenForEachOther(t *testing.T) {
	w := good(t, "ecdsa-p256")
	if err := check.NeverCA(w.tbs); err != nil {
		t.Errorf("a leaf is taken for a CA: %v", err)
	}
	d := rootDraft(t, "ecdsa-p256")
	tbs, err := encode.Authority(d)
	if err != nil {
		t.Fatal(err)
	}
	if check.NeverCA(tbs) == nil || w.check(tbs) == nil {
		t.Error("a root passes as a leaf")
	}
	if check.Authority(w.tbs, d) == nil {
		t.Error("a leaf passes as a root")
	}
}

// LN-01: 16 KiB is the most, and one octet more is refused for its size.
func TestLN01SizeIsBounded(t *testing.T) {
	for _, tt := range []struct {
		name string
		size int
		want bool
	}{{"16 KiB is walked", check.MaxTBS, false}, {"an octet more is not", check.MaxTBS + 1, true}} {
		t.Run(tt.name, func(t *testing.T) {
			tbs := append([]byte{0x30, 0x82, byte((tt.size - 4) >> 8), byte(tt.size - 4)}, make([]byte, tt.size-4)...)
			err := check.NeverCA(tbs)
			if err == nil || strings.Contains(err.Error(), "more than") != tt.want {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TI-01: one form per instant: UTCTime to 2049, GeneralizedTime from 2050.
func TestTI01OneFormOfEachTime(t *testing.T) {
	for _, tt := range []struct {
		name string
		tag  byte
		text string
		end  time.Time
		pass bool
	}{
		{"the last second of 2049 as UTCTime", 0x17, "491231235959Z", time.Date(2049, 12, 31, 23, 59, 59, 0, time.UTC), true},
		{"the last second of 2049 as GeneralizedTime", 0x18, "20491231235959Z", time.Date(2049, 12, 31, 23, 59, 59, 0, time.UTC), false},
		{"the first second of 2050 as GeneralizedTime", 0x18, "20500101000000Z", time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC), true},
		{"the first second of 2050 as UTCTime", 0x17, "500101000000Z", time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC), false},
		{"a year of 2027 as UTCTime", 0x17, "270101000000Z", time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), true},
		{"no seconds", 0x17, "2701010000Z", time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), false},
		{"no zone", 0x17, "270101000000", time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), false},
		{"an offset", 0x17, "270101000000+0000", time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), false},
		{"a fraction", 0x18, "20500101000000.0Z", time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC), false},
		{"a leap second", 0x17, "261231235960Z", time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), false},
		{"the hour 24", 0x17, "261231240000Z", time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), false},
		{"the 32nd of December", 0x17, "261232000000Z", time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), false},
		{"month 13", 0x17, "261301000000Z", time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), false},
		{"a minus for a digit", 0x17, "27010100000-Z", time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := good(t, "ecdsa-p256")
			w.authority.NotAfter, w.profile.MaxDays, w.draft.NotAfter = noon.AddDate(40, 0, 0), 20_000, tt.end
			root := tree(t, build(t, w))
			root.kids[4].kids[1] = leafNode(tt.tag, []byte(tt.text)...)
			if err := w.check(root.der()); (err == nil) != tt.pass {
				t.Errorf("got %v, want pass %t", err, tt.pass)
			}
		})
	}
}

// SG-04: an online issuing authority has path length 0 and a set of uses.
func TestSG04OnlineAuthoritiesHavePathLengthZeroAndUses(t *testing.T) {
	root, online := issuing(t, "ecdsa-p256")
	if err := check.Online(online.Certificate); err != nil {
		t.Errorf("a fit authority is refused: %v", err)
	}
	for _, tt := range []struct {
		name string
		turn func(*ca.AuthorityDraft)
	}{
		{"no path length", func(d *ca.AuthorityDraft) { d.PathLen = -1 }},
		{"a path length of 1", func(d *ca.AuthorityDraft) { d.PathLen = 1 }},
		{"no uses", func(d *ca.AuthorityDraft) { d.Use = nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := rootDraft(t, "ecdsa-p256")
			d.Issuer, d.PathLen, d.Use = &root, 0, []string{"server"}
			tt.turn(&d)
			if check.Online(authority(t, "issuing-g2", "ecdsa-p256", d).Certificate) == nil {
				t.Error("it may sign online")
			}
		})
	}
	w := good(t, "ecdsa-p256")
	cut := online.Certificate[:len(online.Certificate)-1]
	for name, cert := range map[string][]byte{"a leaf": sign(t, w.tbs, "ecdsa-p256"), "a root": root.Certificate, "nothing": nil, "half": cut,
		"an octet behind": append(bytes.Clone(online.Certificate), 0), "too large": make([]byte, 1<<20)} {
		if check.Online(cert) == nil {
			t.Errorf("%s may sign online", name)
		}
	}
	for i := range online.Certificate {
		if check.Online(online.Certificate[:i]) == nil {
			t.Errorf("cut to %d octets it may sign online", i)
		}
	}
	// Any use among the uses is as good as none.
	tbs, _ := grow(online.Certificate)
	list, i := extensionNode(t, tbs[0].kids[0], extKeyUsage)
	list.kids[i].kids[1] = leafNode(4, der(0x30, []byte("\x06\x04\x55\x1d\x25\x00"))...)
	if check.Online(tbs[0].der()) == nil {
		t.Error("an authority for any use may sign online")
	}
}

// An authority below another keeps within it: path length, time, kind.
func TestAuthorityKeepsWithinItsIssuer(t *testing.T) {
	for _, tt := range []struct {
		name    string
		rootLen int
		turn    func(*ca.AuthorityDraft)
		pass    bool
	}{
		{"below a root without limit", -1, func(d *ca.AuthorityDraft) { d.PathLen = 3 }, true},
		{"below a root with room", 1, func(*ca.AuthorityDraft) {}, true},
		{"below a root without room", 0, func(*ca.AuthorityDraft) {}, false},
		{"as deep as its root", 1, func(d *ca.AuthorityDraft) { d.PathLen = 1 }, false},
		{"without limit below one", 1, func(d *ca.AuthorityDraft) { d.PathLen = -1 }, false},
		{"before its root", -1, func(d *ca.AuthorityDraft) { d.NotBefore = noon.AddDate(-2, 0, 0) }, false},
		{"beyond its root", -1, func(d *ca.AuthorityDraft) { d.NotAfter = noon.AddDate(20, 0, 1) }, false},
		{"below an issuing authority", -1, func(d *ca.AuthorityDraft) { d.Issuer.Kind = ca.Issuing }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rd := rootDraft(t, "ecdsa-p256")
			rd.PathLen = tt.rootLen
			root := authority(t, "root-g1", "ecdsa-p256", rd)
			d := rootDraft(t, "ed25519")
			d.Issuer, d.PathLen = &root, 0
			tt.turn(&d)
			tbs, err := encode.Authority(d)
			if err != nil {
				t.Fatal(err)
			}
			if err := check.Authority(tbs, d); (err == nil) != tt.pass {
				t.Errorf("got %v, want pass %t", err, tt.pass)
			}
		})
	}
}

// The patterns of a profile, name by name.
func TestLeafObeysThePatterns(t *testing.T) {
	for _, tt := range []struct {
		typ           ca.NameType
		pattern, name string
		wildcards     bool
		pass          bool
	}{
		{ca.DNS, "*", "a.example", false, true},
		{ca.DNS, "*", "*.a.example", false, false},
		{ca.DNS, "*", "*.a.example", true, true},
		{ca.DNS, "*.lab.example", "a.b.lab.example", false, true},
		{ca.DNS, "*.lab.example", "lab.example", false, false},
		{ca.DNS, "*.lab.example", "evillab.example", false, false},
		{ca.DNS, "lab.example", "lab.example", false, true},
		{ca.DNS, "lab.example", "a.lab.example", false, false},
		{ca.IP, "10.0.0.0/8", "10.255.0.1", false, true},
		{ca.IP, "10.0.0.0/8", "11.0.0.1", false, false},
		{ca.IP, "10.0.0.0/8", "fd00::1", false, false},
		{ca.IP, "10.0.0.1", "10.0.0.1", false, true},
		{ca.Email, "@lab.example", "hana@lab.example", false, true},
		{ca.Email, "@lab.example", "hana@evil.lab.example", false, false},
		{ca.Email, "hana@lab.example", "hana@lab.example", false, true},
		{ca.Email, "hana@lab.example", "johanna@lab.example", false, false},
		{ca.Email, "lab.example", "hana@lab.example", false, false},
		{ca.DNS, "*lab.example", "evillab.example", false, false},
		{ca.DNS, "*lab.example", "lab.example", false, false},
		{ca.URI, "https://lab.example/", "https://lab.example/a", false, true},
		{ca.URI, "https://lab.example/", "https://lab.example.evil/", false, false},
	} {
		t.Run(fmt.Sprintf("%s for %s:%s, wildcards %t", tt.pattern, tt.typ, tt.name, tt.wildcards), func(t *testing.T) {
			w := good(t, "ecdsa-p256")
			w.draft.Subject, w.profile.Subject = nil, ca.SubjectRules{}
			w.draft.Names = []ca.Name{{Type: tt.typ, Value: tt.name}}
			p := []string{tt.pattern}
			w.profile.Names = ca.NameRules{Max: 1, Wildcards: tt.wildcards}
			switch tt.typ {
			case ca.DNS:
				w.profile.Names.DNS = p
			case ca.IP:
				w.profile.Names.IP = p
			case ca.Email:
				w.profile.Names.Email = p
			case ca.URI:
				w.profile.Names.URI = p
			}
			if err := w.check(build(t, w)); (err == nil) != tt.pass {
				t.Errorf("got %v, want pass %t", err, tt.pass)
			}
		})
	}
}

// Values that say what the draft says and still must not be signed: the encoder
// would never write them, so they are put into the bytes by hand.
func TestLN01MalformedValuesAreRefusedEvenIfTheDraftHasThem(t *testing.T) {
	for _, tt := range []struct {
		name  string
		typ   ca.NameType
		tag   byte
		value string
		text  string // in the draft, if it is not the value
	}{
		{"an IPv4 address in IPv6's clothes", ca.IP, 0x87, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x0a\x00\x00\x07", "::ffff:10.0.0.7"},
		{"an address of five octets", ca.IP, 0x87, "\x0a\x00\x00\x07\x00", "10.0.0.7"},
		{"a DNS name with NUL", ca.DNS, 0x82, "a\x00.example", ""},
		{"a DNS name with a line break", ca.DNS, 0x82, "a.example\r\n", ""},
		{"a DNS name in Unicode", ca.DNS, 0x82, "bücher.example", ""},
		{"a DNS name too long", ca.DNS, 0x82, strings.Repeat("a", 254), ""},
		{"an e-mail without box", ca.Email, 0x81, "@lab.example", ""},
		{"an e-mail with two hosts", ca.Email, 0x81, "a@b@lab.example", ""},
		{"an e-mail without host", ca.Email, 0x81, "hana", ""},
		{"a URI without scheme", ca.URI, 0x86, "//lab.example/", ""},
		{"a URI without host", ca.URI, 0x86, "urn:a", ""},
		{"a URI that is none", ca.URI, 0x86, "http://[", ""},
		{"a URI with an empty label", ca.URI, 0x86, "http://a..b/", ""},
		{"a name of another type", "upn", 0x80, "hana", ""},
		{"an empty name", ca.DNS, 0x82, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := good(t, "ecdsa-p256")
			w.draft.Subject, w.profile.Subject = nil, ca.SubjectRules{}
			w.draft.Names = []ca.Name{{Type: ca.DNS, Value: "a.example"}}
			w.profile.Names = ca.NameRules{Max: 1, Wildcards: true, DNS: []string{"*"}, IP: []string{"0.0.0.0/0", "::/0"},
				Email: []string{"@lab.example", tt.value}, URI: []string{"http://", "//", "urn:"}}
			root := tree(t, build(t, w))
			if err := w.check(root.der()); err != nil {
				t.Fatal(err)
			}
			list, i := extensionNode(t, root, "\x55\x1d\x11")
			san := list.kids[i].kids[2].kids[0]
			san.kids[0] = leafNode(tt.tag, []byte(tt.value)...)
			if tt.text == "" {
				tt.text = tt.value
			}
			w.draft.Names = []ca.Name{{Type: tt.typ, Value: tt.text}}
			if w.check(root.der()) == nil {
				t.Error("it passes")
			}
		})
	}
	for _, tt := range []struct {
		name, oid, value string
		tag              byte
	}{
		{"a common name with NUL", ca.OIDCommonName, "a\x00b", 0x0c},
		{"a common name that is not UTF-8", ca.OIDCommonName, "a\xff", 0x0c},
		{"a common name of 65 characters", ca.OIDCommonName, strings.Repeat("a", 65), 0x13},
		{"a common name as IA5String with a high octet", ca.OIDCommonName, "ü", 0x16},
		{"a common name as BMPString", ca.OIDCommonName, "ab", 0x1e},
		{"a common name as PrintableString with a star", ca.OIDCommonName, "*.a.example", 0x13},
		{"a country of three letters", ca.OIDCountry, "DEU", 0x13},
		{"a country as UTF8String", ca.OIDCountry, "DE", 0x0c},
		{"an empty common name", ca.OIDCommonName, "", 0x13},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := good(t, "ecdsa-p256")
			w.draft.Subject = ca.Subject{{OID: tt.oid, Value: "DE"}}
			w.profile.Subject = ca.SubjectRules{CommonName: "optional", Country: "optional"}
			root := tree(t, build(t, w))
			if err := w.check(root.der()); err != nil {
				t.Fatal(err)
			}
			root.kids[5].kids[0].kids[0].kids[1] = leafNode(tt.tag, []byte(tt.value)...)
			w.draft.Subject = ca.Subject{{OID: tt.oid, Value: tt.value, Type: ca.StringType(tt.tag)}}
			if w.check(root.der()) == nil {
				t.Error("it passes")
			}
		})
	}
}

// BenchmarkLeaf is what each certificate pays for the second look.
func BenchmarkLeaf(b *testing.B) {
	w := good(b, "ecdsa-p256")
	b.ReportAllocs()
	for b.Loop() {
		if err := w.check(w.tbs); err != nil {
			b.Fatal(err)
		}
	}
}
