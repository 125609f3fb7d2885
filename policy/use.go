// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"

	"chancery/ca"
)

// Line is the line of authorities that signs under a profile when the request names
// this one, or none. Another than the profile lists is E2122: who trusts a line trusts
// what its officers let it sign.
func Line(p ca.Profile, named string) (string, error) {
	line, ok := p.SigningLine(named)
	if !ok {
		return "", ca.Refused(ca.E2122, "profile "+p.Name+" is not signed for by line "+ca.Show(named), "leave the authority out, or have a security administrator add it: chancery profile set "+p.Name+" --lines "+ca.Show(named)).
			Because("allowed are " + list(append([]string{p.Line}, p.Lines...)) + " (rules line, lines)").At("authority")
	}
	return line, nil
}

// use sets the extended key usages, which come from the profile alone (security
// rule SG-01), and checks that the authority may hand them out: relying parties
// take an authority's own usages as a bound on what it signs.
func use(v *vetting) error {
	p, a := v.profile, v.authority
	line, err := Line(*p, v.request.Line)
	if err != nil {
		return err
	}
	if a.Kind != ca.Issuing || a.Line != line || len(a.Use) == 0 || len(p.Use) == 0 {
		return ca.Refused(ca.E3004, "authority "+a.Name+" cannot sign for profile "+p.Name, "name an issuing authority's line in the profile").
			Because("only an issuing authority of line " + line + " with extended key usages signs for it")
	}
	if a.State != ca.Active {
		return ca.Refused(ca.E3004, "authority "+a.Name+" is "+string(a.State)+" and signs no new certificates", "try again; the active generation of its line signs").
			Because("the newest active generation of a line signs")
	}
	for _, u := range p.Use {
		if _, known := ca.UseOID(u); !known || !slices.Contains(a.Use, u) {
			return ca.Refused(ca.E3004, "authority "+a.Name+" may not hand out certificates for "+ca.Show(u), "use a profile within what the authority may do").
				Because("the authority's own usages are " + list(a.Use))
		}
	}
	v.draft.Use = slices.Clone(p.Use)
	v.draft.Authority = a.Name
	return nil
}
