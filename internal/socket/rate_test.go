// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"fmt"
	"testing"
	"time"
)

func TestAFloodOfSourcesIsOneSource(t *testing.T) {
	t.Parallel()
	r := Rate{Most: 10}
	now := time.Unix(1_800_000_000, 0)
	for i := range maxSources {
		r.Exceeds(fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255), now)
	}
	limited := false
	for i := range 2 * r.Most {
		limited = r.Exceeds(fmt.Sprintf("11.0.0.%d:1", i), now) || limited
	}
	if !limited || len(r.count) > maxSources+1 {
		t.Errorf("limited %v, %d sources", limited, len(r.count))
	}
}
