// SPDX-License-Identifier: Apache-2.0

package format

// An Item is one thing in a file.
type Item struct {
	// DER is a certificate (RFC 5280 §4.1), a list (§5.1), a request (RFC 2986 §4)
	// or a key in PKCS#8 (RFC 5958 §2), as the file had it; keys are encoded anew.
	DER []byte
	// Name is the alias or friendly name, "" where the file gives none.
	Name string
}

// Contents is what a file holds, each kind in the file's order and nothing left out.
type Contents struct {
	// Keys are private. Those that Read gives are not encrypted; PEM also writes
	// what EncryptedKey gives.
	Keys         []Item
	Certificates []Item
	Lists        []Item
	Requests     []Item
}

// Items wraps certificates, lists or requests that have no names.
func Items(ders ...[]byte) []Item {
	out := make([]Item, len(ders))
	for i, der := range ders {
		out[i].DER = der
	}
	return out
}

// DERs is the encodings alone.
func DERs(items []Item) [][]byte {
	out := make([][]byte, len(items))
	for i, it := range items {
		out[i] = it.DER
	}
	return out
}
