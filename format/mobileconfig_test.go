// SPDX-License-Identifier: Apache-2.0

package format_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os/exec"
	"testing"
	"time"

	"chancery/format"
)

// readsProfile prints a profile as somebody else's reader of property lists understands it.
const readsProfile = `import json, plistlib, sys
def plain(x): return x.hex() if isinstance(x, bytes) else {k: plain(v) for k, v in x.items()} if isinstance(x, dict) else [plain(v) for v in x] if isinstance(x, list) else x
json.dump(plain(plistlib.loads(sys.stdin.buffer.read(), fmt=plistlib.FMT_XML)), sys.stdout)`

type payload struct {
	Certificate                                                                         string `json:"PayloadContent"`
	PayloadType, PayloadIdentifier, PayloadUUID, PayloadDisplayName, PayloadDescription string
	PayloadVersion                                                                      int
}

// R121: a profile holds the very octets of each root, whatever their names are, and is the
// same for the same roots; its id stays when another root joins.
func TestR121_AnAppleProfileHoldsTheRoots(t *testing.T) {
	t.Parallel()
	var roots [][]byte
	for _, name := range []string{"Lab & Söhne <root> ]]>", "Lab root g2"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().AddDate(1, 0, 0)}
		der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		roots = append(roots, der)
	}
	read := func(roots [][]byte) (all struct {
		PayloadContent                              []payload
		PayloadType, PayloadIdentifier, PayloadUUID string
		PayloadVersion                              int
	}) {
		t.Helper()
		text, err := format.AppleProfile("abc", roots)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := format.AppleProfile("abc", roots); err != nil || !bytes.Equal(again, text) {
			t.Errorf("made twice it is not the same: %v", err)
		}
		c := exec.CommandContext(t.Context(), "python3", "-c", readsProfile)
		c.Stdin = bytes.NewReader(text)
		out, err := c.Output()
		if err != nil {
			t.Fatalf("Python does not read it: %v\n%s", err, text)
		}
		if err := json.Unmarshal(out, &all); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return all
	}
	one, both := read(roots[:1]), read(roots)
	if one.PayloadIdentifier != both.PayloadIdentifier || one.PayloadUUID == both.PayloadUUID || both.PayloadType != "Configuration" || both.PayloadVersion != 1 {
		t.Errorf("%+v\n%+v", one, both)
	}
	if len(both.PayloadContent) != 2 || both.PayloadContent[0] != one.PayloadContent[0] || both.PayloadContent[0].PayloadUUID == both.PayloadContent[1].PayloadUUID || both.PayloadContent[0].PayloadIdentifier == both.PayloadContent[1].PayloadIdentifier {
		t.Fatalf("%+v", both.PayloadContent)
	}
	for i, p := range both.PayloadContent {
		c, _ := x509.ParseCertificate(roots[i])
		if p.Certificate != hex.EncodeToString(roots[i]) || p.PayloadType != "com.apple.security.root" || p.PayloadVersion != 1 || len(p.PayloadUUID) != 36 || p.PayloadDisplayName != c.Subject.CommonName {
			t.Errorf("%+v", p)
		}
	}
	if _, err := format.AppleProfile("abc", [][]byte{{1}}); err == nil {
		t.Error("what is no certificate is taken")
	}
}
