// SPDX-License-Identifier: Apache-2.0

package policy

import "chancery/ca"

// Hold says whether certificates of a profile may be held (security rule RV-01): a hold is the
// one revocation that has a way back, and not every verifier knows it. What counts is the
// policy in force, whatever the profile said when the certificate was issued. The Problem is
// E2111. What is held stays so, and may be released, when the profile has changed.
func Hold(profiles map[string]ca.Profile, name string) error {
	p, ok := profiles[name]
	switch {
	case !ok:
		return ca.Refused(ca.E2111, "certificates of profile "+ca.Show(name)+" cannot be held: the policy in force does not have it", "revoke it for another reason, such as superseded").At("reason")
	case !p.Hold:
		return ca.Refused(ca.E2111, "certificates of profile "+name+" cannot be held", "have a security administrator enable it: chancery profile set "+name+" --set hold=true; or revoke it for another reason").
			Because("rule hold is off (security rule RV-01)").At("reason")
	}
	return nil
}
