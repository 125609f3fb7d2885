// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"math/big"
	"math/bits"
)

// fermatRounds is how far apart close primes are still found (security rule
// PF-07): keys of real devices broke within the first hundred.
const fermatRounds = 110

// smallPrimes are the odd primes below 752 (PF-07). An honest modulus has no
// factor among them.
var smallPrimes = [...]uint16{
	3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
	101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167, 173, 179, 181, 191, 193,
	197, 199, 211, 223, 227, 229, 233, 239, 241, 251, 257, 263, 269, 271, 277, 281, 283, 293, 307,
	311, 313, 317, 331, 337, 347, 349, 353, 359, 367, 373, 379, 383, 389, 397, 401, 409, 419, 421,
	431, 433, 439, 443, 449, 457, 461, 463, 467, 479, 487, 491, 499, 503, 509, 521, 523, 541, 547,
	557, 563, 569, 571, 577, 587, 593, 599, 601, 607, 613, 617, 619, 631, 641, 643, 647, 653, 659,
	661, 673, 677, 683, 691, 701, 709, 719, 727, 733, 739, 743, 751,
}

// faultOfModulus looks for what makes an RSA modulus cheap to factor, or gives "".
func faultOfModulus(n *big.Int) string {
	switch {
	case n.Bit(0) == 0:
		return "its modulus is even"
	case hasSmallFactor(n):
		return "its modulus has a small factor"
	case isROCA(n):
		return "its primes are those of a smartcard library whose keys can be factored (ROCA, CVE-2017-15361)"
	case closePrimes(n):
		return "the two primes of its modulus are so close that it can be factored"
	}
	return ""
}

// hasSmallFactor divides by products of as many primes as fit a word, so that
// the long division runs a dozen times and not a hundred.
func hasSmallFactor(n *big.Int) bool {
	words := n.Bits()
	for i := 0; i < len(smallPrimes); {
		product, first := uint64(1), i
		for i < len(smallPrimes) && product < 1<<54 { // a further prime has 10 bits
			product *= uint64(smallPrimes[i])
			i++
		}
		rest := modWord(words, product)
		for _, p := range smallPrimes[first:i] {
			if rest%uint64(p) == 0 {
				return true
			}
		}
	}
	return false
}

// rocaOrders are, for the primes from 3 to 167, the orders of 65537 in their groups.
// The library of CVE-2017-15361 took primes that are powers of 65537 modulo the product
// of many small primes, to find them faster; so is their product, modulo each of them.
var rocaOrders = [...]uint8{
	2, 4, 6, 2, 6, 8, 9, 22, 28, 30, 3, 40, 42, 46, 26, 58, 20, 66, 35, 24, 13, 82, 88, 6,
	100, 51, 53, 54, 112, 42, 130, 136, 138, 148, 50, 78, 162, 166,
}

// isROCA tells whether a modulus has the fingerprint of that library: modulo each of
// those primes it is a power of 65537, which is what the elements are whose power with
// the order of 65537 is 1. One honest modulus in two hundred million has it too.
func isROCA(n *big.Int) bool {
	words := n.Bits()
	for i, order := range rocaOrders {
		p := uint64(smallPrimes[i])
		rest, power := modWord(words, p), uint64(1)
		for range order {
			power = power * rest % p
		}
		if power != 1 {
			return false
		}
	}
	return true
}

// modWord is the number modulo m.
func modWord(words []big.Word, m uint64) uint64 {
	var rest uint64
	for i := len(words) - 1; i >= 0; i-- {
		if bits.UintSize == 64 {
			_, rest = bits.Div64(rest, uint64(words[i]), m)
			continue
		}
		_, rest = bits.Div64(rest>>32, rest<<32|uint64(words[i]), m)
	}
	return rest
}

// sieve are moduli whose squares are few: a number that is a square modulo all of
// them is one in three hundred thousand times by chance.
var sieve = [...]uint64{64, 63, 65, 11, 17, 19, 23, 31, 37, 41, 43, 47}

// closePrimes is Fermat's method: if the primes are close, n is a small square
// below a square. Each round first asks the sieve in machine words; the root of
// a large number is taken only when that says yes.
func closePrimes(n *big.Int) bool {
	a := new(big.Int).Sqrt(n)
	if new(big.Int).Mul(a, a).Cmp(n) == 0 {
		return true
	}
	a.Add(a, big.NewInt(1))
	var squares [len(sieve)][65]bool // of each modulus: which residues are squares
	var restA, restN [len(sieve)]uint64
	for i, m := range sieve {
		for x := range m {
			squares[i][x*x%m] = true
		}
		restA[i], restN[i] = modWord(a.Bits(), m), modWord(n.Bits(), m)
	}
	for round := range int64(fermatRounds) {
		if !passes(&squares, &restA, &restN) {
			advance(&restA)
			continue
		}
		x := new(big.Int).Add(a, big.NewInt(round))
		x.Mul(x, x).Sub(x, n)
		root := new(big.Int).Sqrt(x)
		if root.Mul(root, root).Cmp(x) == 0 {
			return true
		}
		advance(&restA)
	}
	return false
}

// passes tells whether a*a-n may be a square.
func passes(squares *[len(sieve)][65]bool, a, n *[len(sieve)]uint64) bool {
	for i, m := range sieve {
		if !squares[i][(a[i]*a[i]+m-n[i])%m] {
			return false
		}
	}
	return true
}

// advance adds one to each residue.
func advance(a *[len(sieve)]uint64) {
	for i, m := range sieve {
		a[i] = (a[i] + 1) % m
	}
}
