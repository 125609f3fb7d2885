// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"maps"
	"slices"
	"strings"

	"chancery/ca"
	"chancery/policy"
)

// A view is what a settling found to be in force. It is immutable.
type view struct {
	session  ca.Session
	bundle   policy.Bundle
	profiles map[string]ca.Profile
	// authorities are bound: they know what their chains let them sign.
	authorities []ca.Authority
	settled     settled
	weak        func(spki []byte) string
}

// rules gives what a request is judged by, and fills in the profile's version.
func (v *view) rules(q *ca.Request) (policy.Rules, error) {
	if p := v.knows(q.Profile); p != nil {
		return policy.Rules{}, p
	}
	p := v.profiles[q.Profile]
	if q.Digest.IsZero() {
		q.Digest = p.Digest
	}
	var err error
	if q.Line, err = v.lineOf(q.Line); err != nil {
		return policy.Rules{}, err
	}
	line, err := policy.Line(p, q.Line)
	if err != nil {
		return policy.Rules{}, err
	}
	newest := ca.Signing(v.authorities, line) // the one that the signer takes
	switch {
	case newest != nil:
		rules := v.bundle.Rules(p, *newest)
		rules.Weak = v.weak
		return rules, nil
	case len(v.authorities) == 0:
		return policy.Rules{}, noAuthority()
	}
	return policy.Rules{}, ca.NobodySigns(line, v.authorities)
}

// knows refuses a profile that is not in force, nil for one that is.
func (v *view) knows(profile string) *ca.Problem {
	if _, ok := v.profiles[profile]; ok {
		return nil
	}
	known := slices.Sorted(maps.Keys(v.profiles))
	return ca.NotFound(ca.E2118, "there is no profile "+ca.Show(profile), "use one of "+strings.Join(known[:min(len(known), maxCandidates)], ", "))
}

// lineOf is the line that a requester's word means, which may be the name of the generation
// that signs for it: who names another one shall not get a certificate of a key that he
// did not mean.
func (v *view) lineOf(named string) (string, error) {
	at := slices.IndexFunc(v.authorities, func(a ca.Authority) bool { return a.Name == named })
	line := slices.ContainsFunc(v.authorities, func(a ca.Authority) bool { return a.Line == named })
	switch {
	case named == "" || line || at < 0:
		return named, nil
	case v.authorities[at].Kind != ca.Issuing:
		return "", ca.Refused(ca.E2122, named+" signs authorities, and no requests", "name an issuing authority: chancery ca list").At("authority")
	case v.authorities[at].State != ca.Active:
		return "", ca.Refused(ca.E2122, named+" is "+string(v.authorities[at].State)+" and signs no new certificates", "name its line, whose active generation signs: "+v.authorities[at].Line).At("authority")
	}
	return v.authorities[at].Line, nil
}

// chain gives the certificates from a generation up to its root.
func (v *view) chain(name string) [][]byte {
	var out [][]byte
	for range v.authorities { // no chain is longer, whatever the parents say
		parent := ""
		for _, a := range v.authorities {
			if a.Name == name {
				out, parent = append(out, a.Certificate), a.Parent
			}
		}
		if parent == "" || parent == name {
			break
		}
		name = parent
	}
	return out
}
