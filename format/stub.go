// SPDX-License-Identifier: Apache-2.0

package format

const (
	magicJKS   = "\xfe\xed\xfe\xed"
	magicJCEKS = "\xce\xce\xce\xce"
)

func (r *reader) jks([]byte) error                  { return unsupported("a Java key store", "") }
func (r *reader) pkcs12([]byte) error               { return unsupported("PKCS#12", "") }
func (r *reader) encryptedKey([]byte, string) error { return unsupported("an encrypted key", "") }
