// SPDX-License-Identifier: Apache-2.0

package check

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"chancery/ca"
)

// bitsOf are the key usage bits that an end-entity certificate may have, by the names
// that profiles use (RFC 5280 §4.2.1.3).
var bitsOf = map[string]int{
	"digital_signature": digitalSignature, "non_repudiation": 1 << 1, "key_encipherment": keyEncipherment, "data_encipherment": 1 << 3,
	"key_agreement": 1 << 4, "encipher_only": 1 << 7, "decipher_only": 1 << 8,
}

// usageOf joins named bits; none twice.
func usageOf(names []string) (usage int, err error) {
	for _, name := range names {
		bit, ok := bitsOf[name]
		if !ok || usage&bit != 0 {
			return 0, fmt.Errorf("the draft has the key usage %q, which is none, or stands twice", name)
		}
		usage |= bit
	}
	return usage, nil
}

// tlsFeature is the extension of RFC 7633 and its value with status_request alone.
const (
	oidTLSFeature = "1.3.6.1.5.5.7.1.24"
	mustStaple    = "\x30\x03\x02\x01\x05"
)

// Beginnings of the content of object identifiers that no end-entity certificate of ours
// has beside those that stand at their own place (security rule PF-09).
var never = [...]string{
	"\x55\x1d",                                           // 2.5.29: RFC 5280's, constraints and purposes of authorities among them
	"\x2b\x06\x01\x04\x01\x82\x37",                       // 1.3.6.1.4.1.311: templates, identities and application policies
	"\x2b\x06\x01\x04\x01\xd6\x79\x02\x04",               // 1.3.6.1.4.1.11129.2.4: poison and timestamps
	"\x60\x86\x48\x01\x86\xf8\x42\x01\x01",               // 2.16.840.1.113730.1.1: a type that can say CA
	"\x2b\x06\x01\x05\x05\x07\x30\x01\x05",               // 1.3.6.1.5.5.7.48.1.5: nobody asks whether it is revoked
	oidAuthorityInfo, "\x2b\x06\x01\x05\x05\x07\x01\x0b", // 1.3.6.1.5.5.7.1: where issuers are, where subjects are,
	"\x2b\x06\x01\x05\x05\x07\x01\x0e",                                     // proxies that sign others,
	"\x2b\x06\x01\x05\x05\x07\x01\x07", "\x2b\x06\x01\x05\x05\x07\x01\x08", // and whose addresses and networks are whose
	"\x2b\x06\x01\x05\x05\x07\x01\x1c", "\x2b\x06\x01\x05\x05\x07\x01\x1d",
}

// grantedIs demands an extension of the draft as it is there.
func grantedIs(e ca.Extension) due {
	return due{e.OID, encoded(e.OID), e.Critical, func(value []byte) error {
		if !bytes.Equal(value, e.Value) {
			return errors.New("it has another value")
		}
		r := reader{value}
		if len(value) == 0 {
			return errors.New("it is empty")
		}
		if _, err := r.whole(value[0]); err != nil {
			return err
		}
		return r.end()
	}}
}

// grantedWithin holds key usage, policies and further extensions of a draft against the
// profile: all that it adds, and nothing that it does not take.
func grantedWithin(d *ca.Draft, p *ca.Profile) error {
	if err := usageWithin(d, p); err != nil {
		return err
	}
	var policies []ca.CertPolicy
	added := 0
	for _, a := range p.Extensions.Add {
		if len(a.Policies) > 0 {
			policies = a.Policies
			continue
		}
		if added == len(d.Extensions) || !addedIs(d.Extensions[added], a) {
			return fmt.Errorf("the profile adds an extension %s that is not there", a.OID)
		}
		added++
	}
	if !slices.Equal(d.Policies, policies) {
		return errors.New("the certificate policies are not those of the profile")
	}
	for _, e := range d.Extensions[added:] {
		taken := slices.ContainsFunc(p.Extensions.Take, func(word string) bool { return word == e.OID || word == "tls-feature" && e.OID == oidTLSFeature })
		if !taken || e.Critical {
			return fmt.Errorf("the profile does not take the extension %s, or not as critical", e.OID)
		}
	}
	for _, e := range d.Extensions {
		if e.OID == oidTLSFeature && string(e.Value) != mustStaple {
			return errors.New("it has another TLS feature than status_request")
		}
	}
	return nil
}

// notForAny refuses certificate policies with any policy among them: authorities have it.
func notForAny(value []byte) error {
	list, err := policies(value)
	if err == nil && slices.ContainsFunc(list, func(p ca.CertPolicy) bool { return p.OID == ca.OIDAnyPolicy }) {
		err = errors.New("it is for any policy")
	}
	return err
}

// addedIs tells whether an extension is the one that a profile adds.
func addedIs(e ca.Extension, a ca.AddedExtension) bool {
	oid, value, err := a.OID, []byte(mustStaple), error(nil)
	switch {
	case len(a.TLSFeature) > 0:
		oid = oidTLSFeature
	case a.Hex != "":
		value, err = hex.DecodeString(a.Hex)
	default:
		value, err = base64.StdEncoding.DecodeString(a.Base64)
	}
	return err == nil && e.OID == oid && e.Critical == a.Critical && bytes.Equal(e.Value, value)
}

// usageWithin demands the profile's key usage, without the bits that the key's type
// cannot have; and none of its own where the profile has none.
func usageWithin(d *ca.Draft, p *ca.Profile) error {
	cannot := map[string]string{"key_agreement": "rsa", "encipher_only": "rsa", "decipher_only": "rsa", "key_encipherment": "ecdsa", "data_encipherment": "ecdsa"}
	family, _, _ := strings.Cut(d.KeyType, "-")
	var want []string
	for _, bit := range p.KeyUsage {
		if other, limited := cannot[bit]; !limited || other != family && family != "ed25519" {
			want = append(want, bit)
		}
	}
	if !slices.Equal(want, d.KeyUsage) || len(p.KeyUsage) > 0 && len(want) == 0 {
		return errors.New("the key usage is not that of the profile")
	}
	return nil
}

// encoded is the content of an object identifier that is given in decimal; "" if it is none with arcs below 2^31.
func encoded(text string) string {
	var out []byte
	var first uint64
	for i, part := range strings.Split(text, ".") {
		arc, err := parseArc(part)
		switch {
		case err != nil:
			return ""
		case i == 0:
			first = arc
			continue
		case i == 1:
			arc += 40 * first
		}
		group := []byte{byte(arc & 0x7f)}
		for arc >>= 7; arc > 0; arc >>= 7 {
			group = append([]byte{byte(arc&0x7f) | 0x80}, group...)
		}
		out = append(out, group...)
	}
	if !oidIs(out, text) {
		return ""
	}
	return string(out)
}
