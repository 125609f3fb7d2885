// SPDX-License-Identifier: Apache-2.0

package softkey

import (
	"fmt"
	"time"

	"chancery/ca"
)

const (
	// freeTries may go wrong before the first wait (KY-06).
	freeTries = 5
	firstWait = time.Second
	longest   = 15 * time.Minute
)

// A backoff spaces out wrong tries: after the fifth the wait is one second, and
// each further one doubles it up to fifteen minutes. It sleeps never and holds
// no clock; its owner serialises the calls. The zero value allows.
type backoff struct {
	wrong int
	until time.Time
}

// allow refuses a try before the wait is over, and says when that is.
func (b *backoff) allow(now time.Time) error {
	left := b.until.Sub(now)
	if left <= 0 {
		return nil
	}
	// A clock that was set back must not lock the owner out for longer than the
	// longest wait.
	if left > longest {
		left, b.until = longest, now.Add(longest)
	}
	return ca.Busy(ca.E3002, fmt.Sprintf("too many wrong tries: the next is possible in %s, at %s", left.Round(time.Second), b.until.UTC().Format(time.RFC3339)),
		"wait until then").Because(fmt.Sprintf("%d tries in a row were wrong", b.wrong))
}

// failed counts a wrong try made at now.
func (b *backoff) failed(now time.Time) {
	b.wrong++
	if b.wrong < freeTries {
		return
	}
	wait := firstWait
	for range b.wrong - freeTries {
		wait *= 2
		if wait >= longest {
			wait = longest
			break
		}
	}
	b.until = now.Add(wait)
}

// succeeded forgets the wrong tries.
func (b *backoff) succeeded() { *b = backoff{} }
