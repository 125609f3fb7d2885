// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"

	"chancery/ca"
)

// Loadable says whether the key of an authority may be loaded to sign online (security rule
// SG-04): an issuing one's certificate has path length 0 and extended key usages, or an
// exception online:NAME of the bundle answers for it. online tells the first of a certificate
// in DER; see check.Online. The Problem is E3004.
func (b Bundle) Loadable(a ca.Authority, online func(cert []byte) error) error {
	if a.Kind != ca.Issuing {
		return nil
	}
	err := online(a.Certificate)
	if err == nil || slices.Contains(b.Exceptions, "online:"+a.Name) {
		return nil
	}
	return ca.Refused(ca.E3004, fmt.Sprintf("%s may not sign online", a.Name),
		"an issuing authority needs path length 0 and extended key usages: have it made again so, or with its key and its parent here: chancery ca import-cert --key FILE --for server,client --resign PARENT").Because(err.Error())
}
