// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"strings"
	"testing"

	"chancery/access"
)

// What an action is called in the code is told to nobody: a refusal says what it is.
func TestARefusalSaysWhatAnActionIs(t *testing.T) {
	for _, a := range actions {
		for _, err := range []error{access.Allow(nil, a), access.AllowNarrowed(a)} {
			if err != nil && (strings.Contains(string(a), "-") && strings.Contains(err.Error(), string(a)) || strings.Contains(err.Error(), "to "+string(a)+" needs")) {
				t.Errorf("%s: %v", a, err)
			}
		}
	}
}
