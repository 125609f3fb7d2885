// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"chancery/ca"
	"chancery/client"
)

// obey follows what the profile says of keys that are made for its certificates: whether
// one may be made here at all, if this is the authority's own machine (R38), and whether
// its file must be encrypted (R39). fresh says that one would be made. A profile that is
// not there is refused later, by whoever knows.
func (a *app) obey(ctx context.Context, k *client.Client, q *issuing, fresh bool) error {
	all, err := k.Profiles(ctx)
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.Name != q.Profile {
			continue
		}
		if err := a.mayMake(p, fresh); err != nil {
			return err
		}
		if p.KeyEncryption == "required" && !q.encrypt {
			a.note("profile %s wants the file of the key encrypted", p.Name)
			q.encrypt = true
		}
	}
	return nil
}

// mayMake says whether a key may be made here.
func (a *app) mayMake(p ca.Profile, fresh bool) error {
	_, away, err := a.remote()
	switch {
	case err != nil || away || !fresh:
		return err
	case p.ServerKeys == "never":
		return ca.Refused(ca.E2204, "profile "+p.Name+" takes no key that is made on the authority's own machine", "make the key where it is used, and bring its request: chancery sign FILE.csr --profile "+p.Name).
			Because("rule server_keys: whoever had the key besides its owner could act for him").At("key")
	}
	return nil
}

// madeHere says of a key that was made that it lies where few should.
func (a *app) madeHere() {
	if _, away, err := a.remote(); err == nil && !away {
		a.note("the key was made on the authority's own machine; one for another machine is better made there: chancery sign FILE.csr")
	}
}
