// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"chancery/ca"
)

// The words of a subject rule; "fixed:" is followed by the value.
const (
	drop     = "drop"
	optional = "optional"
	supplied = "supplied"
	match    = "match"
	fixed    = "fixed:"
)

// The words of subject.email beside drop.
const (
	copyEmail = "copy"
	moveEmail = "move"
)

// maxSeveral is how often a field stands that may stand several times: deeper trees of
// units or domains were not found.
const maxSeveral = 8

// A subjectField is a field a profile has a rule for.
type subjectField struct {
	oid, name, key string
	// most is the upper bound in characters (RFC 5280 appendix A.1).
	most int
	rule func(*ca.SubjectRules) *string
}

// subjectFields in the order they are encoded, widest first.
var subjectFields = [...]subjectField{
	{ca.OIDDomain, "DC", "domain", 63, func(r *ca.SubjectRules) *string { return &r.Domain }},
	{ca.OIDCountry, "C", "country", 2, func(r *ca.SubjectRules) *string { return &r.Country }},
	{ca.OIDState, "ST", "state", 128, func(r *ca.SubjectRules) *string { return &r.State }},
	{ca.OIDLocality, "L", "locality", 128, func(r *ca.SubjectRules) *string { return &r.Locality }},
	{ca.OIDOrganization, "O", "organization", 64, func(r *ca.SubjectRules) *string { return &r.Organization }},
	{ca.OIDUnit, "OU", "unit", 64, func(r *ca.SubjectRules) *string { return &r.Unit }},
	{ca.OIDTitle, "title", "title", 64, func(r *ca.SubjectRules) *string { return &r.Title }},
	{ca.OIDSurname, "SN", "surname", 64, func(r *ca.SubjectRules) *string { return &r.Surname }},
	{ca.OIDGivenName, "GN", "given_name", 64, func(r *ca.SubjectRules) *string { return &r.GivenName }},
	{ca.OIDSerialNumber, "serialNumber", "serial_number", 64, func(r *ca.SubjectRules) *string { return &r.SerialNumber }},
	{ca.OIDUserID, "UID", "user_id", 255, func(r *ca.SubjectRules) *string { return &r.UserID }},
	{ca.OIDCommonName, "CN", "common_name", 64, func(r *ca.SubjectRules) *string { return &r.CommonName }},
	{ca.OIDEmail, "emailAddress", "email", 255, func(r *ca.SubjectRules) *string { return &r.Email }},
}

// several tells whether a field may stand more than once.
func (f *subjectField) several() bool {
	return f.oid == ca.OIDUnit || f.oid == ca.OIDDomain || f.oid == ca.OIDEmail
}

// subject builds the name field by field. No profile lets a requester write a
// free subject (security rule PF-02): what has no rule is dropped.
func subject(v *vetting) error {
	out := make(ca.Subject, 0, len(subjectFields))
	for i := range subjectFields {
		f := &subjectFields[i]
		values, err := v.field(f)
		if err != nil {
			return err.At("subject." + f.name)
		}
		for _, value := range values {
			out = append(out, ca.Attribute{OID: f.oid, Value: value})
		}
	}
	for _, a := range v.csr.Subject {
		if !slices.ContainsFunc(subjectFields[:], func(f subjectField) bool { return f.oid == a.OID }) {
			v.dropped(a)
		}
	}
	if v.profile.Subject.Preserve {
		out = asAsked(out, v.csr.Subject)
	}
	v.draft.Subject = out
	v.told()
	return nil
}

// asAsked brings fields into the order of the request, those of one type among
// themselves as they are; what was not asked for comes first, since fixed fields are
// mostly wide ones.
func asAsked(s, asked ca.Subject) ca.Subject {
	place := func(a ca.Attribute, nth int) int {
		for i, q := range asked {
			if q.OID != a.OID {
				continue
			}
			if nth == 0 {
				return i
			}
			nth--
		}
		return -1
	}
	places := make(map[ca.Attribute]int, len(s))
	for i, a := range s {
		nth := 0
		for _, earlier := range s[:i] {
			if earlier.OID == a.OID {
				nth++
			}
		}
		if _, known := places[a]; !known {
			places[a] = place(a, nth)
		}
	}
	slices.SortStableFunc(s, func(a, b ca.Attribute) int { return places[a] - places[b] })
	return s
}

// field is what the rule makes of one field; none leaves it out.
func (v *vetting) field(f *subjectField) ([]string, *ca.Problem) {
	rule := *f.rule(&v.profile.Subject)
	var asked []string
	for _, a := range v.csr.Subject {
		if a.OID == f.oid {
			asked = append(asked, a.Value)
		}
	}
	value, isFixed := strings.CutPrefix(rule, fixed)
	switch {
	case isFixed:
		for _, other := range asked {
			if other != value {
				v.notice(fmt.Sprintf("%s was set to %q by the profile; asked for was %s", f.name, value, ca.Show(other)))
			}
		}
		return []string{value}, nil
	case f.oid == ca.OIDEmail:
		return v.emailField(rule, asked), nil
	case rule != optional && rule != supplied && rule != match:
		for _, other := range asked {
			v.dropped(ca.Attribute{OID: f.oid, Value: other})
		}
		return nil, nil
	case len(asked) > 1 && !f.several() || len(asked) > maxSeveral:
		return nil, ca.Invalid(ca.E2120, "the subject has "+f.name+" more than once", "make the request again with one "+f.name)
	case len(asked) == 0 && rule != optional:
		return nil, ca.Refused(ca.E2120, "the subject lacks "+f.name, "make the request again with "+f.name+" in its subject").
			Because("rule subject." + f.key + " is " + rule)
	}
	for i, one := range asked {
		if fault := faultOfValue(f, one); fault != "" {
			return nil, ca.Invalid(ca.E2120, fmt.Sprintf("the subject's %s %s", f.name, fault), "correct the subject and make the request again")
		}
		if slices.Contains(asked[:i], one) && f.oid != ca.OIDDomain {
			return nil, ca.Invalid(ca.E2120, fmt.Sprintf("the subject has %s %s twice", f.name, ca.Show(one)), "make the request again with it once")
		}
	}
	switch {
	case rule == match:
		return asked, v.matches(f, asked)
	case len(asked) == 1 && f.oid == ca.OIDCommonName && v.profile.Subject.CommonNameInNames:
		cn, err := v.commonName(asked[0])
		return []string{cn}, err
	}
	return asked, nil
}

// matches demands a field as the authority's own name has it, value by value, as
// `openssl ca` does (R57).
func (v *vetting) matches(f *subjectField, asked []string) *ca.Problem {
	var own []string
	for _, a := range v.authority.Fields {
		if a.OID == f.oid {
			own = append(own, a.Value)
		}
	}
	if slices.Equal(own, asked) {
		return nil
	}
	return ca.Refused(ca.E2120, fmt.Sprintf("the subject's %s is not that of authority %s", f.name, v.authority.Name), "make the request again with "+f.name+" as the authority has it").
		Because("rule subject." + f.key + " is match, and the authority's is " + list(own))
}

// commonName demands that it is one of the names, and gives it in their
// spelling: old programs look at it, and must not find another name there.
func (v *vetting) commonName(cn string) (string, *ca.Problem) {
	prefix := v.profile.Subject.CommonNamePrefix
	name, prefixed := strings.CutPrefix(cn, prefix)
	for _, n := range v.draft.Names {
		if prefixed && (n.Value == name || n.Type == ca.DNS && strings.EqualFold(n.Value, name)) {
			return prefix + n.Value, nil
		}
	}
	if prefix != "" {
		return "", ca.Refused(ca.E2120, "the common name "+ca.Show(cn)+" is not "+prefix+" and one of the request's names", "ask for "+prefix+"NAME, and for NAME among the alternative names").
			Because("rule subject.common_name_prefix is " + ca.Show(prefix))
	}
	return "", ca.Refused(ca.E2120, "the common name "+ca.Show(cn)+" is not among the request's names", "add it to the alternative names, or leave it out").
		Because("rule subject.common_name_in_names: who checks names does not look at the common name")
}

// faultOfValue judges a value's length and characters, whoever wrote it.
func faultOfValue(f *subjectField, value string) string {
	n := utf8.RuneCountInString(value)
	ascii := len(value) == n
	switch {
	case value == "" || !ca.PlainText(value):
		return "is empty or has control characters"
	case f.oid == ca.OIDCountry && (n != 2 || strings.Trim(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != ""):
		return "is not a country code of two capitals (ISO 3166)"
	case f.oid == ca.OIDSerialNumber && !printable(value):
		return "has a character that is no letter, digit, space or one of '()+,-./:=?" // RFC 5280 appendix A: PrintableString
	case f.oid == ca.OIDDomain && !isLabel(value):
		return "is not one label of a DNS name"
	case f.oid == ca.OIDEmail && !ascii:
		return "is not in ASCII"
	case n > f.most || len(value) > 255:
		return fmt.Sprintf("has more than %d characters", f.most)
	}
	return ""
}

// printable tells whether a PrintableString can hold a value (X.680 §41.4).
func printable(value string) bool {
	return strings.IndexFunc(value, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && !strings.ContainsRune(" '()+,-./:=?", r)
	}) < 0
}

// isLabel is the form of a domain component (RFC 4519 §2.4), in any case.
func isLabel(value string) bool {
	n, err := ca.NewName(ca.DNS, value+".example")
	return err == nil && strings.EqualFold(n.Value, value+".example") && !strings.ContainsAny(value, ".*")
}

// dropped tells the requester about a field that was left out.
func (v *vetting) dropped(a ca.Attribute) {
	v.notice("the subject field " + (ca.Subject{{OID: a.OID}}).String() + ca.Show(a.Value) + " was dropped")
}
