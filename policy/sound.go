// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"chancery/ca"
)

// Ceilings compiled in; no document passes them.
const (
	maxNames = 100 // security rule PF-01
	// maxDays is ten years: longer than any issuing authority we found lives.
	maxDays = 3650
	// maxPatterns bounds each list of patterns: they are compared one by one for
	// each name of each request.
	maxPatterns = 1000
	maxWord     = 40
	// maxPrefix leaves half of a common name (RFC 5280 appendix A.1) to the name.
	maxPrefix = 32
)

// Defaults of schema 1. They never change; another schema may have others.
const (
	defaultLine  = "issuing"
	defaultNames = 20
)

// Load reads a profile's document, checks it and sets its digest. decode turns
// the text into the structure; package config has it. The error joins a ca.Problem for each
// fault, those of reading and those of what could be read nevertheless.
func Load(document []byte, decode func([]byte) (ca.Profile, error)) (ca.Profile, error) {
	p, err := decode(document)
	if err != nil {
		return ca.Profile{}, alsoUnsound(p, err)
	}
	if p, err = Sound(p); err != nil {
		return ca.Profile{}, err
	}
	p.Digest, p.Document = ca.ProfileDigest(document), string(document)
	return p, nil
}

// alsoUnsound joins the faults of reading a document, and those of what could be read. A key
// that could not be is not called missing too. Of a profile without schema and name nothing
// was read.
func alsoUnsound(p ca.Profile, unread error) error {
	if p.Schema == 0 && p.Name == "" {
		return unread
	}
	all := []error{unread}
	_, err := Sound(p)
	for _, fault := range ca.Problems(err) {
		about := func(q *ca.Problem) bool {
			return q.Field != "" && (within(fault.Field, q.Field) || within(q.Field, fault.Field) || q.Fix == "did you mean "+fault.Field+"?")
		}
		if !slices.ContainsFunc(ca.Problems(unread), about) {
			all = append(all, fault)
		}
	}
	return errors.Join(all...)
}

// within tells whether a field is another one, or in it.
func within(field, other string) bool {
	rest, ok := strings.CutPrefix(field, other)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// Sound fills in the defaults of the profile's schema and checks it. The error
// joins a ca.Problem (E1003) for each fault. What must never be granted has no
// word to grant it: any purpose, CA certificates, OCSP signing (PF-01, PF-09).
func Sound(p ca.Profile) (ca.Profile, error) {
	if p.Line == "" {
		p.Line = defaultLine
	}
	if p.MaxDays == 0 {
		p.MaxDays = p.Days
	}
	if p.Names.Max == 0 {
		p.Names.Max = defaultNames
	}
	for _, word := range []struct {
		of      *string
		usually string
	}{{&p.ServerKeys, warn}, {&p.KeyEncryption, optional}, {&p.Unique, NotUnique}} {
		if *word.of == "" {
			*word.of = word.usually
		}
	}
	unnamed := drop
	if p.Subject.Preserve {
		unnamed = optional
	}
	for i := range subjectFields {
		rule := subjectFields[i].rule(&p.Subject)
		switch {
		case *rule != "":
		case subjectFields[i].oid == ca.OIDEmail:
			*rule = drop
		default:
			*rule = unnamed
		}
	}
	p.Rules = slices.Clone(p.Rules) // they are compiled in their place
	f := faults{of: "profile " + ca.Show(p.Name)}
	f.head(p)
	f.keys(p)
	f.names(p.Names)
	f.subject(p)
	f.identity(p)
	f.extensions(p.Extensions)
	f.rules(p.Rules)
	if err := errors.Join(f.all...); err != nil {
		return ca.Profile{}, err
	}
	return p, nil
}

// The words of unique (R67); the others are ca's.
const (
	NotUnique     = "no"
	UniqueName    = ca.UniqueName
	UniqueSubject = ca.UniqueSubject
)

// The words of server_keys and key_encryption beside those of subjects.
const (
	never    = "never"
	warn     = "warn"
	required = "required"
)

// faults collects what is wrong with one profile, or another thing that has patterns.
type faults struct {
	of  string
	all []error
}

// add notes a fault of a field, unless ok.
func (f *faults) add(ok bool, field, detail string) {
	if !ok {
		f.all = append(f.all, ca.Invalid(ca.E1003, fmt.Sprintf("%s: %s: %s", f.of, field, detail), "correct the profile's document").At(field))
	}
}

// head checks what is neither names nor subject.
func (f *faults) head(p ca.Profile) {
	f.add(p.Schema == 1, "schema", "must be 1, which fixes what the keys mean")
	f.add(isWord(p.Name), "name", "is lower-case letters, digits and '-', at most 40, beginning with a letter")
	f.add(isWord(p.Line), "line", "is lower-case letters, digits and '-', at most 40, beginning with a letter")
	entries(f, "lines", p.Lines, "lines beside the profile's own", func(s string) bool { return isWord(s) && s != p.Line })
	f.add(p.Days >= 1, "days", "must be at least 1")
	f.add(p.MaxDays >= p.Days && p.MaxDays <= maxDays, "max_days", fmt.Sprintf("must be at least days and at most %d", maxDays))
	set(f, "doors", p.Doors, "cli, api or service", func(d ca.Door) bool { return d == ca.DoorCLI || d == ca.DoorAPI || d == ca.DoorService })
	set(f, "use", p.Use, "server, client, email or codesign", func(u string) bool {
		_, known := ca.UseOID(u)
		return known && u != "ocsp" // an OCSP responder speaks for the authority
	})
	f.word("unique", p.Unique, NotUnique, UniqueSubject, UniqueName)
	// Who has no common name would be as everybody else who has none.
	f.add(p.Unique == NotUnique || p.Subject.CommonName == supplied, "unique", `compares common names: set subject.common_name = "supplied"`)
}

// keys checks what is said of keys, and of what they may do.
func (f *faults) keys(p ca.Profile) {
	f.word("server_keys", p.ServerKeys, never, warn)
	f.word("key_encryption", p.KeyEncryption, required, optional)
	entries(f, "key_usage", p.KeyUsage, strings.Join(ca.UsageBits(), ", "), func(bit string) bool { _, ok := ca.UsageBit(bit); return ok })
	has := func(bit string) bool { return slices.Contains(p.KeyUsage, bit) }
	signs := slices.ContainsFunc(p.Use, func(u string) bool { return u != "email" })
	f.add(len(p.KeyUsage) == 0 || !signs || has("digital_signature"), "key_usage", "lacks digital_signature, without which nobody signs in, serves TLS 1.3 or signs code")
	f.add(!has("encipher_only") && !has("decipher_only") || has("key_agreement") && has("encipher_only") != has("decipher_only"), "key_usage", "encipher_only and decipher_only each narrow key_agreement, and mean nothing without it or together (RFC 5280 §4.2.1.3)")
	set(f, "keys", p.Keys, "ecdsa-p256, ecdsa-p384, ecdsa-p521, ed25519, or rsa-2048 to rsa-8192", func(k string) bool {
		bits, ok := rsaBits(k)
		return ok && k == fmt.Sprintf("rsa-%d", bits) || slices.Contains([]string{"ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519"}, k)
	})
}

// set checks a list that must not be empty nor say a thing twice.
func set[T ~string](f *faults, field string, words []T, allowed string, ok func(T) bool) {
	f.add(len(words) > 0, field, "must not be empty: what is not named is refused; allowed are "+allowed)
	entries(f, field, words, allowed, ok)
}

// word wants one of a few.
func (f *faults) word(field, value string, allowed ...string) {
	f.add(slices.Contains(allowed, value), field, ca.Show(value)+" is none of "+strings.Join(allowed, ", "))
}

// entries checks each word of a list.
func entries[T ~string](f *faults, field string, words []T, allowed string, ok func(T) bool) {
	if len(words) > maxPatterns {
		f.add(false, field, fmt.Sprintf("has more than %d entries", maxPatterns))
		return
	}
	seen := make(map[T]bool, len(words))
	for i, w := range words {
		at := fmt.Sprintf("%s[%d]", field, i)
		f.add(ok(w), at, ca.Show(string(w))+" is not allowed here; allowed are "+allowed)
		f.add(!seen[w], at, ca.Show(string(w))+" stands twice")
		seen[w] = true
	}
}

// names checks the patterns.
func (f *faults) names(r ca.NameRules) {
	f.add(r.Max >= 1 && r.Max <= maxNames, "names.max", fmt.Sprintf("must be 1 to %d", maxNames))
	f.add(len(r.DNS)+len(r.IP)+len(r.Email)+len(r.URI) > 0, "names", "allows no name, and every certificate carries one")
	f.add(!r.FromCN || len(r.DNS) > 0, "names.from_cn", "takes a DNS name, and names.dns allows none")
	entries(f, "names.dns", r.DNS, `a whole name, "*.example.org", or "*"`, isDNSPattern)
	entries(f, "names.ip", r.IP, "an address or a prefix such as 10.0.0.0/8", isIPPattern)
	entries(f, "names.email", r.Email, `an address or "@example.org"`, isEmailPattern)
	entries(f, "names.uri", r.URI, "an absolute URI ending in '/'", func(s string) bool {
		n, err := ca.NewName(ca.URI, s)
		return err == nil && n.Value == s && strings.HasSuffix(s, "/")
	})
}

// isDNSPattern wants names in their canonical form, or they would never match.
func isDNSPattern(s string) bool {
	if s == "*" {
		return true
	}
	host := strings.TrimPrefix(s, "*.")
	n, err := ca.NewName(ca.DNS, host)
	return err == nil && n.Value == host && !strings.HasPrefix(host, "*")
}

// isIPPattern wants a prefix without host bits, or one address.
func isIPPattern(s string) bool {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p == p.Masked() && p.String() == s && !p.Addr().Is4In6()
	}
	n, err := ca.NewName(ca.IP, s)
	return err == nil && n.Value == s
}

// isEmailPattern takes no "*": it is a letter in an address (RFC 5322 §3.2.3), and
// whoever writes "*@example.org" means "@example.org".
func isEmailPattern(s string) bool {
	address := s
	if strings.HasPrefix(s, "@") {
		address = "x" + s
	}
	n, err := ca.NewName(ca.Email, address)
	return err == nil && n.Value == address && !strings.Contains(s, "*")
}

// subject checks the words of the subject rules.
func (f *faults) subject(p ca.Profile) {
	f.word("subject.email", p.Subject.Email, drop, copyEmail, moveEmail)
	f.add(p.Subject.Email == drop || len(p.Names.Email) > 0, "subject.email", "makes names of addresses, and names.email allows none")
	for i := range subjectFields {
		s := &subjectFields[i]
		rule := *s.rule(&p.Subject)
		if s.oid == ca.OIDEmail {
			continue
		}
		if value, ok := strings.CutPrefix(rule, fixed); ok {
			fault := faultOfValue(s, value)
			f.add(fault == "", "subject."+s.key, "the fixed value "+fault)
			continue
		}
		f.add(slices.Contains([]string{drop, optional, supplied, match}, rule), "subject."+s.key, ca.Show(rule)+` is not "drop", "optional", "supplied", "match" or "fixed:VALUE"`)
	}
	f.add(!p.Subject.CommonNameInNames || !strings.HasPrefix(p.Subject.CommonName, fixed), "subject.common_name_in_names", "contradicts a fixed common name")
	prefix := p.Subject.CommonNamePrefix
	f.add(prefix == "" || p.Subject.CommonNameInNames, "subject.common_name_prefix", "stands before one of the names: set common_name_in_names")
	f.add(len(prefix) <= maxPrefix && (prefix == "" || printable(prefix)), "subject.common_name_prefix", fmt.Sprintf("is at most %d letters, digits, or of ' ()+,-./:=?", maxPrefix))
}

// identity refuses what lets a requester be whoever they say: a certificate for
// signing in, given without approval, whose names or common name are free. It is
// the best known mistake of directory-integrated authorities (PF-09).
func (f *faults) identity(p ca.Profile) {
	if !slices.Contains(p.Use, "client") {
		return
	}
	const anybody = " with use client lets anybody be anybody"
	f.add(!slices.Contains(p.Names.DNS, "*") || p.Names.Granted, "names.dns", `"*"`+anybody+"; set names.granted")
	for _, all := range []string{"0.0.0.0/0", "::/0"} {
		f.add(!slices.Contains(p.Names.IP, all) || p.Names.Granted, "names.ip", all+anybody+"; set names.granted")
	}
	for i := range subjectFields {
		s := &subjectFields[i]
		rule := *s.rule(&p.Subject)
		if rule != optional && rule != supplied {
			continue
		}
		switch s.oid {
		case ca.OIDCountry, ca.OIDState, ca.OIDLocality: // where somebody is, and not who
		case ca.OIDCommonName:
			f.add(p.Subject.CommonNameInNames, "subject.common_name", "a free common name"+anybody+"; set common_name_in_names")
		default:
			// Kubernetes takes an organization for a group, others a unit, title or user id.
			f.add(false, "subject."+s.key, "a free "+s.name+anybody+` or in any group; say "fixed:VALUE", "match" or "drop"`)
		}
	}
}

// extensions checks what is taken and added (security rule PF-09).
func (f *faults) extensions(r ca.ExtensionRules) {
	f.add(len(r.Take) <= maxExtensions && len(r.Add) <= maxExtensions, "extensions", fmt.Sprintf("takes or adds more than %d", maxExtensions))
	entries(f, "extensions.take", r.Take, "tls-feature, and object identifiers of extensions that are not ours, and cannot make an authority, a purpose or somebody else of the holder", func(word string) bool {
		oid := ca.ExtensionOID(word)
		return oid != "" && ca.Grantable(oid) && (word != oid || oid != ca.OIDTLSFeature)
	})
	taken := map[string]bool{}
	for _, word := range r.Take {
		taken[ca.ExtensionOID(word)] = true
	}
	for i, a := range r.Add[:min(len(r.Add), maxExtensions)] {
		at := fmt.Sprintf("extensions.add[%d]", i)
		oid := ca.OIDPolicies
		if len(a.Policies) > 0 {
			f.policies(at, a)
		} else {
			e, fault := added(a)
			f.add(fault == "", at, fault)
			oid = e.OID
		}
		f.add(oid == "" || !taken[oid], at, extensionName(oid)+" is taken or added already")
		taken[oid] = true
	}
}

// policies checks certificate policies that are added. Any policy is for authorities.
func (f *faults) policies(at string, a ca.AddedExtension) {
	f.add(a.OID == "" && a.Hex == "" && a.Base64 == "" && len(a.TLSFeature) == 0 && !a.Critical, at, "policies stand alone: the extension has a place and criticality of its own")
	f.add(len(a.Policies) <= ca.MaxPolicies, at+".policies", fmt.Sprintf("has more than %d", ca.MaxPolicies))
	seen := map[string]bool{}
	for k, p := range a.Policies[:min(len(a.Policies), ca.MaxPolicies)] {
		place := fmt.Sprintf("%s.policies[%d]", at, k)
		err := p.Check()
		f.add(err == nil, place, shown(fmt.Sprint(err)))
		f.add(p.OID != ca.OIDAnyPolicy && !seen[p.OID], place, ca.Show(p.OID)+" is any policy, or stands twice")
		seen[p.OID] = true
	}
}

// isWord is the form of names of profiles and lines: they become file names and
// parts of addresses.
func isWord(s string) bool {
	if s == "" || len(s) > maxWord || s[0] < 'a' || s[0] > 'z' || s[len(s)-1] == '-' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
