// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"

	"chancery/ca"
)

// use sets the extended key usages, which come from the profile alone (security
// rule SG-01), and checks that the authority may hand them out: relying parties
// take an authority's own usages as a bound on what it signs.
func use(v *vetting) error {
	p, a := v.profile, v.authority
	if a.Kind != ca.Issuing || a.Line != p.Line || len(a.Use) == 0 || len(p.Use) == 0 {
		return ca.Refused(ca.E3004, "authority "+a.Name+" cannot sign for profile "+p.Name, "name an issuing authority's line in the profile").
			Because("only an issuing authority of line " + p.Line + " with extended key usages signs for it")
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
