// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"chancery/policy"
	"chancery/signer"
)

// bundleLife is how long a changed bundle is valid, as that of a founding.
const bundleLife = 10 // years

// A consent says whether something is to be done, and whether that was agreed to.
type consent struct{ dry, yes bool }

// bundle is the policy in force.
func (c *ceremony) bundle(ctx context.Context) (policy.Bundle, error) {
	state, err := c.signer.SetPolicy(ctx, signer.PolicyChange{})
	if err != nil {
		return policy.Bundle{}, err
	}
	return policy.ParseBundle(state.Document)
}

// putInForce asks, and hands a changed bundle to the signer. The answer's text says what
// is so then.
func (c *ceremony) putInForce(ctx context.Context, b policy.Bundle, q consent, x answer) error {
	now := time.Now().UTC().Truncate(time.Second)
	b.Version, b.Issued, b.Expires = b.Version+1, now, now.AddDate(bundleLife, 0, 0)
	document, err := b.Marshal()
	if err != nil {
		return err
	}
	judged, err := c.signer.SetPolicy(ctx, signer.PolicyChange{Document: document, DryRun: true})
	if err != nil {
		return err
	}
	c.told(judged.Notices)
	if q.dry {
		x.text = "nothing was changed\n"
		return c.give(x)
	}
	if err := c.agreed(ctx, q.yes); err != nil {
		return err
	}
	state, err := c.signer.SetPolicy(ctx, signer.PolicyChange{Document: document})
	if err != nil {
		return err
	}
	c.obeyed(ctx, state.Version)
	x.text = fmt.Sprintf("%s %s, policy version %d\n", c.mark(fine), x.text, state.Version)
	return c.give(x)
}

// obeyed waits until the service goes by a version of the policy, so that the next command
// does not come too early.
func (c *ceremony) obeyed(ctx context.Context, version int64) {
	if _, err := os.Stat(c.at.socket("admin")); err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, enterWait)
	defer cancel()
	for {
		if s, err := c.front.Status(ctx); err == nil && s.BundleVersion >= version {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(enterPause):
		}
	}
}
