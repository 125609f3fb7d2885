// SPDX-License-Identifier: Apache-2.0

package check

// NeverCA is what Leaf asks last, alone.
func NeverCA(tbs []byte) error {
	c, err := parse(tbs)
	if err != nil {
		return err
	}
	return neverCA(c)
}
