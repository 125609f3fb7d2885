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

// A Backoff spaces out wrong tries: after the fifth the wait is one second, and
// each further one doubles it up to fifteen minutes. It sleeps never and holds
// no clock; its owner serialises the calls. The zero value allows.
type Backoff struct {
	wrong int
	until time.Time
}

// Allow refuses a try before the wait is over, and says when that is.
func (b *Backoff) Allow(now time.Time) error {
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

// Failed counts a wrong try made at now.
func (b *Backoff) Failed(now time.Time) {
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

// Succeeded forgets the wrong tries.
func (b *Backoff) Succeeded() { *b = Backoff{} }
