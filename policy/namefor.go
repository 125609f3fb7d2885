// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"

	"chancery/ca"
)

// nameFor says which name to ask for in place of one that a profile does not allow. A
// single label, such as alice, is most often meant as a name below a domain, or as the one
// of a person: there it names both in full.
func nameFor(p *ca.Profile, n ca.Name) string {
	if n.Type == ca.DNS && !strings.Contains(n.Value, ".") {
		var full []string
		for _, pattern := range p.Names.Email {
			if strings.HasPrefix(pattern, "@") {
				full = append(full, n.Value+pattern)
				break
			}
		}
		for _, pattern := range p.Names.DNS {
			if domain, below := strings.CutPrefix(pattern, "*."); below {
				full = append(full, n.Value+"."+domain)
				break
			}
		}
		if len(full) > 0 {
			return "give the name in full: " + strings.Join(full, " or ")
		}
	}
	return "use a name the profile allows, or ask a security administrator to widen it"
}
