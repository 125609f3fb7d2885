// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"testing"
	"time"

	"chancery/ca"
	"chancery/signer"
)

// A name from elsewhere does not write to the terminal what it likes.
func TestTheNameOfAnImportIsShownEscaped(t *testing.T) {
	var said bytes.Buffer
	c := &ceremony{app: &app{err: &said}}
	name, err := asn1.Marshal(pkix.Name{CommonName: "good\x1b[2K\rbad"}.ToRDNSequence())
	if err != nil {
		t.Fatal(err)
	}
	x := &x509.Certificate{RawSubject: name, NotAfter: time.Now().Add(1000 * time.Hour)}
	c.importPlan(signer.Import{Name: "a-g1", Line: "a", Kind: ca.Issuing}, []*x509.Certificate{x, x}, bringing{}, false)
	if strings.ContainsAny(said.String(), "\x1b\r") || !strings.Contains(said.String(), `\x1b`) {
		t.Errorf("the terminal gets %q", said.String())
	}
}
