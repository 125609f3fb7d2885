// SPDX-License-Identifier: Apache-2.0

package softkey

import (
	"bytes"
	"testing"
)

// What is concealed is read again in its own context alone, by the same installation alone,
// and not while the keys are locked; no two of the same are alike.
func TestWhatIsConcealedIsReadInItsContextAlone(t *testing.T) {
	ring, other := newKeyring(t, goodPassphrase), newKeyring(t, goodPassphrase)
	sealed, err := ring.Conceal([]byte("secret"), []byte("here"))
	again, err2 := ring.Conceal([]byte("secret"), []byte("here"))
	if err != nil || err2 != nil || bytes.Equal(sealed, again) || bytes.Contains(sealed, []byte("secret")) {
		t.Fatalf("%x %x %v %v", sealed, again, err, err2)
	}
	if got, err := ring.Disclose(sealed, []byte("here")); err != nil || string(got) != "secret" {
		t.Errorf("%q %v", got, err)
	}
	if _, err := ring.Disclose(sealed, []byte("there")); err == nil {
		t.Error("it is read in another context")
	}
	if _, err := other.Disclose(sealed, []byte("here")); err == nil {
		t.Error("another installation reads it")
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := ring.Disclose(bad, []byte("here")); err == nil {
			t.Errorf("octet %d was changed, and it is read", i)
		}
		if _, err := ring.Disclose(sealed[:i], []byte("here")); err == nil {
			t.Errorf("cut after %d octets, it is read", i)
		}
	}
	ring.Lock()
	if _, err := ring.Disclose(sealed, []byte("here")); err == nil {
		t.Error("it is read while the keys are locked")
	}
	if _, err := ring.Conceal(nil, nil); err == nil {
		t.Error("it is sealed while the keys are locked")
	}
}
