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
	fixed    = "fixed:"
)

// A subjectField is a field a profile has a rule for.
type subjectField struct {
	oid, name, key string
	// most is the upper bound in characters (RFC 5280 appendix A.1).
	most int
	rule func(*ca.SubjectRules) *string
}

// subjectFields in the order they are encoded, widest first.
var subjectFields = [...]subjectField{
	{ca.OIDCountry, "C", "country", 2, func(r *ca.SubjectRules) *string { return &r.Country }},
	{ca.OIDState, "ST", "state", 128, func(r *ca.SubjectRules) *string { return &r.State }},
	{ca.OIDLocality, "L", "locality", 128, func(r *ca.SubjectRules) *string { return &r.Locality }},
	{ca.OIDOrganization, "O", "organization", 64, func(r *ca.SubjectRules) *string { return &r.Organization }},
	{ca.OIDUnit, "OU", "unit", 64, func(r *ca.SubjectRules) *string { return &r.Unit }},
	{ca.OIDCommonName, "CN", "common_name", 64, func(r *ca.SubjectRules) *string { return &r.CommonName }},
}

// subject builds the name field by field. No profile lets a requester write a
// free subject (security rule PF-02): what has no rule is dropped.
func subject(v *vetting) error {
	out := make(ca.Subject, 0, len(subjectFields))
	for i := range subjectFields {
		f := &subjectFields[i]
		value, err := v.field(f)
		if err != nil {
			return err.At("subject." + f.name)
		}
		if value != "" {
			out = append(out, ca.Attribute{OID: f.oid, Value: value})
		}
	}
	for _, a := range v.csr.Subject {
		if !slices.ContainsFunc(subjectFields[:], func(f subjectField) bool { return f.oid == a.OID }) {
			v.dropped(a)
		}
	}
	v.draft.Subject = out
	return nil
}

// field is what the rule makes of one field; "" leaves it out.
func (v *vetting) field(f *subjectField) (string, *ca.Problem) {
	rule := *f.rule(&v.profile.Subject)
	if value, ok := strings.CutPrefix(rule, fixed); ok {
		for _, a := range v.csr.Subject {
			if a.OID == f.oid && a.Value != value {
				v.notice(fmt.Sprintf("%s was set to %q by the profile; asked for was %s", f.name, value, ca.Show(a.Value)))
			}
		}
		return value, nil
	}
	if rule != optional && rule != supplied {
		for _, a := range v.csr.Subject {
			if a.OID == f.oid {
				v.dropped(a)
			}
		}
		return "", nil
	}
	asked, n := "", 0
	for _, a := range v.csr.Subject {
		if a.OID == f.oid {
			asked, n = a.Value, n+1
		}
	}
	switch {
	case n > 1:
		return "", ca.Invalid(ca.E2120, "the subject has "+f.name+" more than once", "make the request again with one "+f.name)
	case n == 0 && rule == supplied:
		return "", ca.Refused(ca.E2120, "the subject lacks "+f.name, "make the request again with "+f.name+" in its subject").
			Because("rule subject." + f.key + " is " + supplied)
	case n == 0:
		return "", nil
	}
	if fault := faultOfValue(f, asked); fault != "" {
		return "", ca.Invalid(ca.E2120, fmt.Sprintf("the subject's %s %s", f.name, fault), "correct the subject and make the request again")
	}
	if f.oid == ca.OIDCommonName && v.profile.Subject.CommonNameInNames {
		return v.commonName(asked)
	}
	return asked, nil
}

// commonName demands that it is one of the names, and gives it in their
// spelling: old programs look at it, and must not find another name there.
func (v *vetting) commonName(cn string) (string, *ca.Problem) {
	for _, n := range v.draft.Names {
		if n.Value == cn || n.Type == ca.DNS && strings.EqualFold(n.Value, cn) {
			return n.Value, nil
		}
	}
	return "", ca.Refused(ca.E2120, "the common name "+ca.Show(cn)+" is not among the request's names", "add it to the alternative names, or leave it out").
		Because("rule subject.common_name_in_names: who checks names does not look at the common name")
}

// faultOfValue judges a value's length and characters, whoever wrote it.
func faultOfValue(f *subjectField, value string) string {
	n := utf8.RuneCountInString(value)
	switch {
	case value == "" || !ca.PlainText(value):
		return "is empty or has control characters"
	case f.oid == ca.OIDCountry && (n != 2 || strings.Trim(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != ""):
		return "is not a country code of two capitals (ISO 3166)"
	case n > f.most || len(value) > 255:
		return fmt.Sprintf("has more than %d characters", f.most)
	}
	return ""
}

// dropped tells the requester about a field that was left out.
func (v *vetting) dropped(a ca.Attribute) {
	v.notice("the subject field " + (ca.Subject{{OID: a.OID}}).String() + ca.Show(a.Value) + " was dropped")
}
