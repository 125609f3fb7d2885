// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"chancery/ca"
)

const (
	// maxExtensions bounds each list of extensions of a profile; with ours that is below
	// what the fast checker reads.
	maxExtensions = 8
	// maxAdded and maxTaken bound a value in octets: twice what a profile adds, or a
	// request brings, leaves room for a hundred names within a certificate (LN-01).
	maxAdded = 2048
	maxTaken = 1024
)

// mustStaple is the one feature of RFC 7633 that clients know, as a value: they refuse
// the certificate unless the server shows a fresh OCSP response.
var mustStaple = []byte{0x30, 3, 2, 1, 5}

// statusRequest is its word in tls_feature.
const statusRequest = "status_request"

// usage sets the key usage, where the profile says otherwise than usual, and says what
// was asked for in vain.
func usage(v *vetting) error {
	p := v.profile
	set := usual(v.draft.KeyType, p.Use)
	if len(p.KeyUsage) > 0 {
		set = slices.DeleteFunc(slices.Clone(p.KeyUsage), func(bit string) bool { return !fitsKey(bit, v.draft.KeyType) })
		if len(set) == 0 {
			return ca.Refused(ca.E2204, "a key of type "+v.draft.KeyType+" can do nothing of what profile "+p.Name+" is for", "make a key of another type").
				Because("rule key_usage is " + list(p.KeyUsage)).At("key")
		}
		v.draft.KeyUsage = set
	}
	v.overridden("key usage", v.csr.KeyUsage, set)
	v.overridden("extended key usage", v.csr.Use, p.Use)
	return nil
}

// overridden tells about a wish that is not what is set.
func (v *vetting) overridden(what string, asked, set []string) {
	same := len(asked) == len(set) && !slices.ContainsFunc(asked, func(a string) bool { return !slices.Contains(set, a) })
	if len(asked) > 0 && !same {
		v.notice(fmt.Sprintf("%s: asked for %s; set by the profile: %s", what, list(asked), list(set)))
	}
}

// usual is the key usage where a profile says nothing: RSA keys of servers also serve
// the key exchange of old TLS.
func usual(keyType string, use []string) []string {
	if strings.HasPrefix(keyType, "rsa-") && slices.Contains(use, "server") {
		return []string{"digital_signature", "key_encipherment"}
	}
	return []string{"digital_signature"}
}

// fitsKey tells whether a key can do what a usage bit says (RFC 8813 §3, RFC 4055 §1.2,
// RFC 8410 §5): RSA keys encrypt keys and agree on none, those on curves the other way
// round, and Ed25519 only signs.
func fitsKey(bit, keyType string) bool {
	switch bit {
	case "digital_signature", "non_repudiation":
		return true
	case "key_encipherment", "data_encipherment":
		return strings.HasPrefix(keyType, "rsa-")
	case "key_agreement", "encipher_only", "decipher_only":
		return strings.HasPrefix(keyType, "ecdsa-")
	}
	return false
}

// extensions takes what the profile adds, and what it takes from requests; about all
// else that was asked for the requester is told (R71).
func extensions(v *vetting) error {
	rules := v.profile.Extensions
	for _, a := range rules.Add {
		if len(a.Policies) > 0 {
			v.draft.Policies = slices.Clone(a.Policies)
			continue
		}
		e, fault := added(a)
		if fault != "" {
			return ca.Refused(ca.E2126, "profile "+v.profile.Name+" adds an extension that "+fault, "have a security administrator correct the profile")
		}
		v.draft.Extensions = append(v.draft.Extensions, e)
	}
	for _, word := range rules.Take {
		oid := ca.ExtensionOID(word)
		at := slices.IndexFunc(v.csr.Extensions, func(e ca.Extension) bool { return e.OID == oid })
		if at < 0 {
			continue
		}
		e := v.csr.Extensions[at]
		if err := takeable(e); err != nil {
			return err
		}
		if e.Critical {
			v.notice("extension " + extensionName(oid) + ": taken, but not as critical")
		}
		v.draft.Extensions = append(v.draft.Extensions, ca.Extension{OID: oid, Value: bytes.Clone(e.Value)})
	}
	for _, e := range v.csr.Extensions {
		if !slices.ContainsFunc(rules.Take, func(word string) bool { return ca.ExtensionOID(word) == e.OID }) {
			v.untaken(e)
		}
	}
	return nil
}

// untaken tells about an extension that was asked for.
func (v *vetting) untaken(e ca.Extension) {
	name := "extension " + extensionName(e.OID)
	at := slices.IndexFunc(v.draft.Extensions, func(own ca.Extension) bool { return own.OID == e.OID })
	switch {
	case at >= 0 && !bytes.Equal(v.draft.Extensions[at].Value, e.Value), e.OID == ca.OIDPolicies && len(v.draft.Policies) > 0:
		v.notice(name + ": asked for otherwise; set by the profile")
	case at < 0:
		v.notice(name + ": asked for, not taken from requests")
	}
}

// takeable judges an extension of a request that the profile takes. What could make an
// authority was refused when the profile was read; it is asked again, because a profile
// might be obeyed that nobody read.
func takeable(e ca.Extension) error {
	refused := func(why string) error {
		return ca.Refused(ca.E2126, "the request's extension "+extensionName(e.OID)+" "+why, "make the request again without it").At("extensions." + e.OID)
	}
	switch {
	case !ca.Grantable(e.OID):
		return refused("is never taken from a request")
	case len(e.Value) > maxTaken:
		return refused(fmt.Sprintf("has %d octets, at most %d are taken", len(e.Value), maxTaken))
	case e.OID == ca.OIDTLSFeature && !bytes.Equal(e.Value, mustStaple):
		return refused("asks for another TLS feature than must-staple (status_request, RFC 7633)")
	case !isElement(e.Value):
		return refused("is not one element of DER")
	}
	return nil
}

// extensionName is the word for an extension, or its object identifier.
func extensionName(oid string) string {
	switch oid {
	case ca.OIDTLSFeature:
		return "tls-feature"
	case ca.OIDPolicies:
		return "certificate policies"
	}
	return ca.Show(oid)
}

// added is the extension that an entry of extensions.add makes, policies apart; fault
// says what is wrong with it.
func added(a ca.AddedExtension) (e ca.Extension, fault string) {
	forms := 0
	for _, there := range []bool{a.Hex != "", a.Base64 != "", len(a.Policies) > 0, len(a.TLSFeature) > 0} {
		if there {
			forms++
		}
	}
	if forms != 1 {
		return e, "has not one of hex, base64, policies and tls_feature"
	}
	if len(a.TLSFeature) > 0 {
		if !slices.Equal(a.TLSFeature, []string{statusRequest}) || a.OID != "" || a.Critical {
			return e, `has another tls_feature than ["status_request"], or an oid, or is critical`
		}
		return ca.Extension{OID: ca.OIDTLSFeature, Value: bytes.Clone(mustStaple)}, ""
	}
	if !ca.Grantable(a.OID) || a.OID == ca.OIDTLSFeature {
		return e, ca.Show(a.OID) + " has a key of its own, is always ours, or could make something else of a certificate"
	}
	e = ca.Extension{OID: a.OID, Critical: a.Critical}
	var err error
	if e.Value, err = hex.DecodeString(a.Hex); a.Hex == "" {
		e.Value, err = base64.StdEncoding.DecodeString(a.Base64)
	}
	if err != nil || len(e.Value) > maxAdded || !isElement(e.Value) {
		return e, fmt.Sprintf("has a value that is not one element of DER of at most %d octets", maxAdded)
	}
	return e, ""
}

// isElement tells whether octets are one whole element of DER by its length: a value
// that ends elsewhere makes decoders drop the whole certificate. What is in it is not
// read.
func isElement(b []byte) bool {
	if len(b) < 2 || b[0]&0x1f == 0x1f || b[0] == 0 { // no extension begins with a long tag
		return false
	}
	n, head := int(b[1]), 2
	switch {
	case n == 0x81 && len(b) > 2 && b[2] >= 0x80:
		n, head = int(b[2]), 3
	case n == 0x82 && len(b) > 3 && b[2] > 0:
		n, head = int(b[2])<<8|int(b[3]), 4
	case n >= 0x80:
		return false
	}
	return len(b) == head+n
}
