// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"

	"chancery/ca"
)

// door checks that the request means this profile, in this version, and came by
// a way the profile opens.
func door(v *vetting) error {
	p := v.profile
	if v.request.Profile != p.Name {
		return ca.NotFound(ca.E2118, "there is no profile "+ca.Show(v.request.Profile), "use one that the policy in force has")
	}
	// A zero digest means nobody read the document the profile claims to be.
	if p.Digest.IsZero() || v.request.Digest != p.Digest {
		return ca.Conflict(ca.E2119, "profile "+p.Name+" changed since the request was made", "try again").
			Because("a request is judged by the version its sender saw (security rule SG-05)")
	}
	if !slices.Contains(p.Doors, v.request.Door) {
		return ca.Refused(ca.E2108, fmt.Sprintf("profile %s does not take requests by way of %s", p.Name, ca.Show(string(v.request.Door))), "use another profile, or one of the ways it allows").
			Because("allowed ways are " + list(p.Doors) + " (rule doors)")
	}
	v.draft.Profile, v.draft.ProfileDigest = p.Name, p.Digest
	return nil
}

// list joins words for a message, at most twelve of them.
func list[T ~string](words []T) string {
	const most = 12
	out := ""
	for i, w := range words {
		if i == most {
			return fmt.Sprintf("%s and %d more", out, len(words)-most)
		}
		if i > 0 {
			out += ", "
		}
		out += string(w)
	}
	if out == "" {
		return "none"
	}
	return out
}
