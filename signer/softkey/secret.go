// SPDX-License-Identifier: Apache-2.0

package softkey

import (
	"fmt"
	"log/slog"
)

// redacted is what every formatter prints in place of a secret (LG-01).
const redacted = "[redacted]"

// A Secret is a passphrase or key that prints as [redacted] whatever prints it.
// The bytes stand behind two pointers, because fmt calls no methods on the hidden
// fields of somebody else's struct, and with a wrong verb such as %s it even looks
// behind one; copies share the bytes, and Wipe wipes them for all. The zero Secret
// is empty.
type Secret struct{ held **[]byte }

// NewSecret takes b over: the caller must not use it again.
func NewSecret(b []byte) Secret {
	p := &b
	return Secret{&p}
}

// Reveal gives the bytes themselves, which Wipe will overwrite.
func (s Secret) Reveal() []byte {
	if s.held == nil {
		return nil
	}
	return **s.held
}

// Empty tells whether there is nothing in it, or nothing any more.
func (s Secret) Empty() bool { return len(s.Reveal()) == 0 }

// Wipe overwrites the bytes with zeros and empties the secret.
func (s Secret) Wipe() {
	if s.held == nil {
		return
	}
	clear(**s.held)
	**s.held = nil
}

// String prints [redacted].
func (s Secret) String() string { return redacted }

// GoString prints [redacted].
func (s Secret) GoString() string { return redacted }

// Format prints [redacted] for every verb: a wrong verb such as %d would
// otherwise print the value behind the methods' back.
func (s Secret) Format(f fmt.State, _ rune) { redact(f) }

// LogValue prints [redacted] in any slog handler.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON prints "[redacted]".
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// redact has nobody to give a writer's error to; fmt ignores it as well.
func redact(f fmt.State) { _, _ = f.Write([]byte(redacted)) }
