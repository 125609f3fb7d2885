// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"encoding/json"
	"fmt"

	"chancery/audit"
	"chancery/ca"
)

// said reads what the body of a leaf says into a document. A row of the book could say
// something else: whoever can write in the database must not decide by it.
func (r *Registrar) said(ctx context.Context, id ca.ID, kind audit.Kind, into any) (audit.Leaf, error) {
	v, err := r.ready(ctx)
	if err != nil {
		return audit.Leaf{}, err
	}
	if id.LogNo() != v.session.LogNo {
		return audit.Leaf{}, fmt.Errorf("leaf %d is on log %d, and this one is %d", id.Index(), id.LogNo(), v.session.LogNo)
	}
	return r.bodyOf(ctx, id, kind, into)
}

// bodyOf is said of a leaf that is on this log.
func (r *Registrar) bodyOf(ctx context.Context, id ca.ID, kind audit.Kind, into any) (audit.Leaf, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	read, err := r.o.Leaf(ctx, id.Index())
	if err != nil {
		return audit.Leaf{}, fmt.Errorf("read leaf %d: %w", id.Index(), err)
	}
	l, err := audit.ParseLeaf(read.Leaf)
	if err == nil && (l.Index != id.Index() || read.Index != l.Index) {
		err = fmt.Errorf("leaf %d came", l.Index)
	}
	if err == nil && l.Kind != kind {
		err = fmt.Errorf("it is of kind %v, and not %v", l.Kind, kind)
	}
	if err == nil {
		err = json.Unmarshal(read.Body, into)
	}
	if err != nil {
		return audit.Leaf{}, fmt.Errorf("read leaf %d: %w", id.Index(), err)
	}
	return l, nil
}
