// SPDX-License-Identifier: Apache-2.0

package csr

import (
	"crypto/rand"
	"math/big"
	"testing"
)

// rocaPrime makes a prime of 1024 bits as the library of CVE-2017-15361 did: a multiple
// of the product of the primes up to 167, and a power of 65537 modulo that product.
func rocaPrime(t *testing.T) *big.Int {
	t.Helper()
	product := big.NewInt(2)
	for i := range rocaOrders {
		product.Mul(product, big.NewInt(int64(smallPrimes[i])))
	}
	for {
		k, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), uint(1025-product.BitLen())))
		if err != nil {
			t.Fatal(err)
		}
		a, err := rand.Int(rand.Reader, product)
		if err != nil {
			t.Fatal(err)
		}
		k.SetBit(k, 1023-product.BitLen(), 1)
		p := k.Mul(k, product)
		p.Add(p, new(big.Int).Exp(big.NewInt(65537), a, product))
		if p.BitLen() == 1024 && p.Bit(1022) == 1 && p.ProbablyPrime(4) {
			return p
		}
	}
}

// The orders are what they say, counted out.
func TestROCAOrders(t *testing.T) {
	for i, order := range rocaOrders {
		p := uint64(smallPrimes[i])
		n, power := 1, 65537%p
		for power != 1 {
			power, n = power*(65537%p)%p, n+1
		}
		if n != int(order) {
			t.Errorf("the order of 65537 modulo %d is %d, and not %d", p, n, order)
		}
	}
}

// PF-07: of honest moduli none has the fingerprint.
func TestPF07_HonestModuliAreNotROCA(t *testing.T) {
	for range 2000 {
		n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 2048))
		if err != nil {
			t.Fatal(err)
		}
		if isROCA(n.SetBit(n, 0, 1)) {
			t.Fatalf("%x", n)
		}
	}
}
