// SPDX-License-Identifier: Apache-2.0

package status

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"chancery/ca"
	"chancery/format"
)

// StorePassword opens the trust stores at the addresses. It is what Java's own stores
// have, and hides nothing: a certificate is public.
const StorePassword = "changeit"

// Forms are the forms of a bundle, by the ending of their files.
var Forms = []string{"pem", "p7b", "jks", "p12"}

// mediaTypes are those of the forms: RFC 8555 §9.1, and what servers call the others.
var mediaTypes = map[string]string{
	"pem": "application/pem-certificate-chain", "p7b": "application/x-pkcs7-certificates", "jks": "application/x-java-keystore", "p12": "application/x-pkcs12",
}

// BundleFile writes a bundle in one of the Forms; password is that of jks and p12. The
// same bundle is always the same octets.
func BundleFile(b ca.Bundle, form, password string) ([]byte, error) {
	if len(b.Members) == 0 {
		return nil, ca.NotFound(ca.E2101, "there is no authority for the bundle of "+ca.Show(b.Line), "chancery ca list")
	}
	trusted := make([]format.Item, len(b.Members))
	for i, a := range b.Members {
		trusted[i] = format.Item{DER: a.Certificate, Name: a.Name}
	}
	entries := format.Trusted(trusted)
	switch form {
	case "pem":
		return bundlePEM(b)
	case "p7b":
		return format.P7B(b.Certificates(), nil)
	case "jks":
		return format.JKS(entries, []byte(password), newest(b), salts(b))
	case "p12":
		return format.TrustStore(entries, format.Modern, []byte(password), salts(b))
	}
	return nil, fmt.Errorf("a bundle has no form %q", form)
}

// bundlePEM is the bundle with what it is in lines before it, which readers of PEM
// pass over (RFC 7468 §2).
func bundlePEM(b ca.Bundle) ([]byte, error) {
	of := "of all lines"
	if b.Line != "" {
		of = "of line " + b.Line
	}
	body, err := format.PEM(format.Contents{Certificates: format.Items(b.Certificates()...)}, func(der []byte) (string, error) {
		for _, a := range b.Members {
			if bytes.Equal(a.Certificate, der) {
				return fmt.Sprintf("\n# %s: %s, %s, until %s\n", a.Name, a.Kind, a.State, a.NotAfter.UTC().Format(time.DateOnly)), nil
			}
		}
		return "", nil
	})
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "# Trust bundle %d %s\n# sha256 %s\n# made of %s\n%s", b.Number, of, b.Hash, strings.Join(names(b), ", "), body), nil
}

func names(b ca.Bundle) []string {
	out := make([]string, len(b.Members))
	for i, a := range b.Members {
		out[i] = a.Name
	}
	return out
}

// newest is when the youngest certificate of a bundle began: the date of its entries,
// since that of the day would make each file another.
func newest(b ca.Bundle) (t time.Time) {
	for _, a := range b.Members {
		if a.NotBefore.After(t) {
			t = a.NotBefore
		}
	}
	return t
}

// salts are the salts of a store whose password everybody knows: they follow from the
// bundle, so that whoever fetches it twice gets the same file, and hide nothing.
func salts(b ca.Bundle) *rand.ChaCha8 {
	return rand.NewChaCha8(sha256.Sum256(binary.BigEndian.AppendUint64(b.Hash[:], uint64(b.Number)))) //nolint:gosec // a number of versions
}
