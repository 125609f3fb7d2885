// SPDX-License-Identifier: Apache-2.0

package respond

import (
	"context"

	"chancery/ca"
)

type actorKey struct{}

// AsActor is ctx with who has signed in, for the door behind whoever proved it.
func AsActor(ctx context.Context, who ca.Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, who)
}

// Actor is who has signed in, false if nobody has.
func Actor(ctx context.Context) (ca.Actor, bool) {
	who, ok := ctx.Value(actorKey{}).(ca.Actor)
	return who, ok
}
