// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"net/http"
	"runtime/debug"

	"chancery/internal/respond"
)

// survive is deferred around each call: a panic costs that call and no other
// (security rule PR-07). The front holds no key and no log, so that nothing it got
// wrong outlives the call; the count in the service's log says whether it is one
// odd request or many.
func (d *door) survive(w http.ResponseWriter, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	respond.Fail(w, r, d.o.Log, d.panicked(v))
}

// panicked counts a panic and makes an error of it, for the log.
func (d *door) panicked(v any) error {
	return fmt.Errorf("panic %d since the start: %v\n%s", d.panics.Add(1), v, debug.Stack())
}
