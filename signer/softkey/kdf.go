// SPDX-License-Identifier: Apache-2.0

package softkey

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"

	"golang.org/x/crypto/argon2"
)

// The bounds of security rule KY-02. The floor is the second recommended option
// of RFC 9106 §4; the ceiling keeps a planted file from taking the machine's
// memory or an hour of its time.
const (
	minMemoryKiB = 64 << 10
	maxMemoryKiB = 4 << 20
	minTime      = 3
	maxTime      = 32
	minLanes     = 1
	maxLanes     = 16
	saltSize     = 16
	keySize      = 32
)

const argon2id = "argon2id"

// Params are the cost of one Argon2id run (RFC 9106 §3.1). The zero value stands
// for the default.
type Params struct {
	// MemoryKiB is the memory in KiB: 64 MiB to 4 GiB.
	MemoryKiB uint32 `json:"memory_kib"`
	// Time is the number of passes: 3 to 32.
	Time uint32 `json:"time"`
	// Lanes is the parallelism: 1 to 16.
	Lanes uint8 `json:"lanes"`
}

// DefaultParams are 256 MiB, four passes and four lanes: about half a second on
// one machine, paid once per start and unlock.
func DefaultParams() Params { return Params{MemoryKiB: 256 << 10, Time: 4, Lanes: 4} }

// FloorParams are the cheapest that are accepted: 64 MiB, three passes, four
// lanes (RFC 9106 §4). Tests and very small machines use them.
func FloorParams() Params { return Params{MemoryKiB: minMemoryKiB, Time: minTime, Lanes: 4} }

// Check refuses costs outside the bounds, before any memory is spent.
func (p Params) Check() error {
	switch {
	case p.MemoryKiB < minMemoryKiB || p.MemoryKiB > maxMemoryKiB:
		return fmt.Errorf("the key derivation takes %d KiB of memory, allowed are %d to %d", p.MemoryKiB, minMemoryKiB, maxMemoryKiB)
	case p.Time < minTime || p.Time > maxTime:
		return fmt.Errorf("the key derivation takes %d passes, allowed are %d to %d", p.Time, minTime, maxTime)
	case p.Lanes < minLanes || p.Lanes > maxLanes:
		return fmt.Errorf("the key derivation takes %d lanes, allowed are %d to %d", p.Lanes, minLanes, maxLanes)
	}
	return nil
}

// A Derivation is what a header says about how human secrets are stretched.
type Derivation struct {
	// Name is "argon2id".
	Name string `json:"name"`
	Params
	// Salt is 16 random octets, drawn once per installation or ceremony.
	Salt octets `json:"salt"`
}

// newDerivation draws a salt for runs of cost p; zero stands for the default.
func newDerivation(p Params) (Derivation, error) {
	if p == (Params{}) {
		p = DefaultParams()
	}
	salt := make([]byte, saltSize)
	if _, err := rand.Read(salt); err != nil {
		return Derivation{}, fmt.Errorf("draw a salt: %w", err)
	}
	return Derivation{Name: argon2id, Params: p, Salt: salt}, nil
}

// check refuses a derivation we do not know or would not pay for.
func (d Derivation) check() error {
	if d.Name != argon2id {
		return fmt.Errorf("the key derivation %q is not known", d.Name)
	}
	if len(d.Salt) != saltSize {
		return fmt.Errorf("the salt has %d octets, wanted %d", len(d.Salt), saltSize)
	}
	return d.Params.Check()
}

// stretch runs the derivation over secret.
func (d Derivation) stretch(secret Secret) (*Stretched, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	return stretch(secret.Reveal(), d.Params, [saltSize]byte(d.Salt))
}

// A Stretched is a human secret after its one Argon2id run. Every wrap made with
// the same salt and cost takes its own key from it by HKDF, so that one run
// opens them all.
type Stretched struct {
	key    Secret
	params Params
	salt   [saltSize]byte
}

// stretch runs Argon2id over secret. The zero Params stand for the default;
// costs out of bounds are refused before any memory is spent.
func stretch(secret []byte, p Params, salt [saltSize]byte) (*Stretched, error) {
	if p == (Params{}) {
		p = DefaultParams()
	}
	if err := p.Check(); err != nil {
		return nil, err
	}
	key := argon2.IDKey(secret, salt[:], p.Time, p.MemoryKiB, p.Lanes, keySize)
	return &Stretched{key: NewSecret(key), params: p, salt: salt}, nil
}

// derivation is how the run was made, for the header of what it will open.
func (s *Stretched) derivation() *Derivation {
	return &Derivation{Name: argon2id, Params: s.params, Salt: s.salt[:]}
}

// Wipe overwrites what was derived.
func (s *Stretched) Wipe() { s.key.Wipe() }

// wrapKey derives the key of one wrap (RFC 5869) from a key-encryption key, a
// random file or a stretched secret. The info names tag, method, purpose and key
// id, so that no two wraps share a key, even under one secret. Extract is not
// skipped: a root of 32 uniform octets loses nothing by it.
func wrapKey(root []byte, m Method, h Header) ([]byte, error) {
	info := "chancery key wrap v1\x00" + string(m) + "\x00" + string(h.Purpose) + "\x00" + h.KeyID
	key, err := hkdf.Key(sha256.New, root, nil, info, keySize)
	if err != nil {
		return nil, fmt.Errorf("derive the wrapping key: %w", err)
	}
	return key, nil
}
