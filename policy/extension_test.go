// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"chancery/ca"
)

// R71: extensions come from the profile, or from the request where the profile takes
// them; about all others the requester is told.
func TestR71_ExtensionsAreTakenAddedOrTold(t *testing.T) {
	staple := ca.Extension{OID: ca.OIDTLSFeature, Value: []byte{0x30, 3, 2, 1, 5}}
	note := ca.Extension{OID: "1.3.6.1.4.1.32473.1", Value: []byte{0x0c, 2, 'o', 'k'}}
	big := ca.Extension{OID: note.OID, Value: append([]byte{4, 0x82, 4, 0}, make([]byte, 1024)...)}
	take := []string{"tls-feature", note.OID}
	policies := []ca.CertPolicy{{OID: "1.2.3"}}
	for _, c := range []struct {
		name  string
		rules ca.ExtensionRules
		asked []ca.Extension
		want  string // OIDs of what is in the draft, or the code of the refusal
		told  []string
	}{
		{"nothing", ca.ExtensionRules{}, nil, "", nil},
		{"R71: asked for in vain", ca.ExtensionRules{}, []ca.Extension{staple, note}, "", []string{"extension tls-feature: asked for, not taken", "extension \"1.3.6.1.4.1.32473.1\": asked for, not taken"}},
		{"taken", ca.ExtensionRules{Take: take}, []ca.Extension{note, staple}, ca.OIDTLSFeature + " " + note.OID, nil},
		{"taken, and not asked for", ca.ExtensionRules{Take: take}, []ca.Extension{note}, note.OID, nil},
		{"taken, and asked for as critical", ca.ExtensionRules{Take: take}, []ca.Extension{{OID: note.OID, Critical: true, Value: note.Value}}, note.OID, []string{"taken, but not as critical"}},
		{"added", ca.ExtensionRules{Add: []ca.AddedExtension{{TLSFeature: []string{"status_request"}}, {OID: note.OID, Critical: true, Base64: "DAJvaw=="}}}, nil, ca.OIDTLSFeature + " !" + note.OID, nil},
		{"added, and asked for alike", ca.ExtensionRules{Add: []ca.AddedExtension{{TLSFeature: []string{"status_request"}}}}, []ca.Extension{staple}, ca.OIDTLSFeature, nil},
		{"added, and asked for otherwise", ca.ExtensionRules{Add: []ca.AddedExtension{{OID: note.OID, Hex: "0500"}}}, []ca.Extension{note}, note.OID, []string{"asked for otherwise; set by the profile"}},
		{"policies", ca.ExtensionRules{Add: []ca.AddedExtension{{Policies: policies}}}, []ca.Extension{{OID: ca.OIDPolicies, Value: []byte{0x30, 0}}}, "policies", []string{"certificate policies: asked for otherwise"}},
		{"policies asked for in vain", ca.ExtensionRules{}, []ca.Extension{{OID: ca.OIDPolicies, Value: []byte{0x30, 0}}}, "", []string{"certificate policies: asked for, not taken"}},
		{"another TLS feature", ca.ExtensionRules{Take: take}, []ca.Extension{{OID: ca.OIDTLSFeature, Value: []byte{0x30, 3, 2, 1, 17}}}, "E2126", nil},
		{"one too large", ca.ExtensionRules{Take: take}, []ca.Extension{big}, "E2126", nil},
		{"one that is no DER", ca.ExtensionRules{Take: take}, []ca.Extension{{OID: note.OID, Value: []byte("ok")}}, "E2126", nil},
		{"an empty one", ca.ExtensionRules{Take: take}, []ca.Extension{{OID: note.OID}}, "E2126", nil},
		{"PF-09: by a profile that nobody read", ca.ExtensionRules{Take: []string{"2.5.29.19"}}, []ca.Extension{{OID: "2.5.29.19", Value: []byte{0x30, 3, 1, 1, 0xff}}}, "E2126", nil},
		{"PF-09: added by a profile that nobody read", ca.ExtensionRules{Add: []ca.AddedExtension{{OID: "2.5.29.19", Hex: "30030101ff"}}}, nil, "E2126", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := good()
			w.profile.Extensions, w.csr.Extensions = c.rules, c.asked
			cleared, err := w.vet()
			if err != nil {
				if p := problem(t, err); string(p.Code) != c.want {
					t.Errorf("refused with %s %q, want %q", p.Code, p.Detail, c.want)
				}
				return
			}
			var got []string
			d := cleared.Draft()
			for _, e := range d.Extensions {
				mark := ""
				if e.Critical {
					mark = "!"
				}
				got = append(got, mark+e.OID)
			}
			if len(d.Policies) > 0 {
				got = append(got, "policies")
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("has %q, want %q", got, c.want)
			}
			if n := cleared.Notices(); len(n) != len(c.told) {
				t.Errorf("told %q, want %q", n, c.told)
			}
			for _, text := range c.told {
				if !says(cleared.Notices(), text) {
					t.Errorf("told %q, want %q", cleared.Notices(), text)
				}
			}
			if len(d.Extensions) > 0 {
				d.Extensions[0].Value[0] ^= 1
				if bytes.Equal(cleared.Draft().Extensions[0].Value, d.Extensions[0].Value) {
					t.Error("IS-10: a cleared draft was changed")
				}
			}
		})
	}
}

// Key usage bits of the profile, by what the key's type can have; what was asked for
// otherwise is told.
func TestKeyUsageIsTheProfiles(t *testing.T) {
	all := []string{"digital_signature", "non_repudiation", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"}
	for _, c := range []struct {
		name, keyType string
		set           []string
		use, asked    []string
		want, told    string
	}{
		{"usual", "ecdsa-p256", nil, nil, nil, "[]", ""},
		{"usual, as asked for", "ecdsa-p256", nil, []string{"server"}, []string{"digital_signature"}, "[]", ""},
		{"usual of RSA, as asked for", "rsa-3072", nil, nil, []string{"key_encipherment", "digital_signature"}, "[]", ""},
		{"another than asked for", "ecdsa-p256", nil, nil, []string{"digital_signature", "key_encipherment"}, "[]", "key usage: asked for digital_signature, key_encipherment; set by the profile: digital_signature"},
		{"another use than asked for", "ecdsa-p256", nil, []string{"client", "1.2.3"}, nil, "[]", "extended key usage: asked for client, 1.2.3; set by the profile: server"},
		{"all, of RSA", "rsa-3072", all, nil, nil, "[digital_signature non_repudiation key_encipherment data_encipherment]", ""},
		{"all, of a curve", "ecdsa-p256", all, nil, nil, "[digital_signature non_repudiation key_agreement encipher_only]", ""},
		{"all, of Ed25519", "ed25519", all, nil, nil, "[digital_signature non_repudiation]", ""},
		{"none left", "ed25519", []string{"key_encipherment", "key_agreement"}, nil, nil, "E2204", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := good()
			w.profile.KeyUsage, w.csr.KeyType, w.csr.KeyUsage, w.csr.Use = c.set, c.keyType, c.asked, c.use
			cleared, err := w.vet()
			if err != nil {
				if p := problem(t, err); string(p.Code) != c.want || p.Field != "key" {
					t.Errorf("refused with %+v", p)
				}
				return
			}
			if got := fmt.Sprint(cleared.Draft().KeyUsage); got != c.want {
				t.Errorf("the key usage is %s, want %s", got, c.want)
			}
			if n := cleared.Notices(); (c.told == "") != (len(n) == 0) || !says(append(n, ""), c.told) {
				t.Errorf("told %q, want %q", n, c.told)
			}
		})
	}
}
