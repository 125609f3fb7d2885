// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"crypto/sha256"
	"fmt"

	"chancery/access"
	"chancery/ca"
	"chancery/policy"
)

// Policies gives the policies that were put in force below a leaf of the log, newest first,
// at most so many, to whoever may read the log. None is the end.
func (r *Registrar) Policies(ctx context.Context, who ca.Actor, below int64, limit int) ([]ca.PolicyVersion, error) {
	if err := r.allow(ctx, who, access.ReadLog); err != nil {
		return nil, err
	}
	out := []ca.PolicyVersion{}
	if r.o.Archive == nil {
		return out, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	var newer policy.Bundle
	for {
		page, err := r.o.Archive.Policies(ctx, below)
		if err != nil || len(page) == 0 {
			return out, err
		}
		for _, record := range page {
			v, bundle, err := policyVersion(record)
			if err != nil {
				return nil, err
			}
			if n := len(out); n > 0 && newer.Version > 0 && bundle.Version > 0 {
				out[n-1].Changes = append(out[n-1].Changes, policy.Changes(bundle, newer)...)
			}
			if len(out) == limit { // this one was read for what the last changed of it
				return out, nil
			}
			out, newer, below = append(out, v), bundle, record.Index
		}
	}
}

// policyVersion reads a policy of the log. One that an earlier version of the program wrote
// in another form is told without its bundle.
func policyVersion(r Record) (ca.PolicyVersion, policy.Bundle, error) {
	body, at, err := readPolicy(r)
	if err != nil {
		return ca.PolicyVersion{}, policy.Bundle{}, fmt.Errorf("read the policy of leaf %d: %w", r.Index, err)
	}
	v := ca.PolicyVersion{Leaf: r.Index, At: at, SHA256: sha256.Sum256(body.Document), Changes: []string{}}
	b, err := policy.ParseBundle(body.Document)
	if err != nil {
		v.Changes = append(v.Changes, "this version of the program cannot read it: "+err.Error())
		return v, policy.Bundle{}, nil
	}
	v.Version, v.By = b.Version, fmt.Sprintf("uid:%d", b.UID)
	return v, b, nil
}
