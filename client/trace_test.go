// SPDX-License-Identifier: Apache-2.0

package client

import (
	"strings"
	"testing"
)

// What somebody pastes into a question to others has no secret in it.
func TestATraceShowsNoSecret(t *testing.T) {
	t.Parallel()
	got := string(masked([]byte(`{"name":"ci","token":"chy_hidden","all":[{"Passphrase":"hidden","words":"hidden"}],"private_key":"hidden","days":3}`)))
	if strings.Contains(got, "hidden") || !strings.Contains(got, `"name":"ci"`) || !strings.Contains(got, `"days":3`) {
		t.Error(got)
	}
	if masked([]byte("hidden")) != nil {
		t.Error("what is no JSON is shown")
	}
}
