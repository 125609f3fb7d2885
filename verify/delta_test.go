// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"strings"
	"testing"

	"chancery/ca"
)

// A delta counts upon the lists that it says it completes, and upon no other (RFC 5280
// §5.2.4).
func TestADeltaCountsUponItsBaseAndLaterLists(t *testing.T) {
	for _, tt := range []struct {
		name         string
		base, number int64 // of the delta; the complete list is number 7
		turn         func(delta *x509.RevocationList)
		was, is      ca.Reason // on the complete list, and on the delta; 0 is not there
		wrong        bool      // whether the certificate is refused
	}{
		{"a delta upon its base revokes", 7, 9, nil, 0, ca.KeyCompromise, true},
		{"a delta upon a later list revokes", 3, 9, nil, 0, ca.CertificateHold, true},
		{"a delta takes a hold back", 7, 9, nil, ca.CertificateHold, ca.RemoveFromCRL, false},
		{"a delta that says nothing of it", 7, 9, nil, ca.Superseded, 0, true},
		{"a delta of a later base", 8, 9, nil, 0, ca.KeyCompromise, false},
		{"a delta as old as the list", 3, 7, nil, ca.CertificateHold, ca.RemoveFromCRL, true},
		{"a delta older than the list", 3, 5, nil, ca.CertificateHold, ca.RemoveFromCRL, true},
		{"a delta that has ended", 7, 9, func(l *x509.RevocationList) {
			l.NextUpdate = noon().AddDate(0, 0, -1)
			l.ThisUpdate = noon().AddDate(0, 0, -2)
		}, ca.CertificateHold, ca.RemoveFromCRL, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.build()
			n := w.leaf.cert.SerialNumber
			enter := func(l *x509.RevocationList, why ca.Reason) {
				if why != 0 {
					l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: n, RevocationTime: noon().AddDate(0, 0, -1), ReasonCode: int(why)})
				}
			}
			enter(w.midList, tt.was)
			base, err := asn1.Marshal(tt.base)
			if err != nil {
				t.Fatal(err)
			}
			delta := &x509.RevocationList{Number: big.NewInt(tt.number), ThisUpdate: noon(), NextUpdate: noon().AddDate(0, 0, 7), ExtraExtensions: []pkix.Extension{{Id: oidDelta, Critical: true, Value: base}}}
			enter(delta, tt.is)
			if tt.turn != nil {
				tt.turn(delta)
			}
			w.question.Lists = []*x509.RevocationList{sign(t, delta, w.issuing), sign(t, w.rootList, w.root), sign(t, w.midList, w.issuing)}
			if r := Check(w.question); r.Good() == tt.wrong {
				t.Errorf("%+v", r.Findings)
			}
			w.question.Lists = w.question.Lists[:2] // a delta alone
			text := ""
			for _, f := range Check(w.question).Findings {
				text += f.Message
			}
			if !strings.Contains(text, "cannot be told") {
				t.Errorf("by a delta alone: %s", text)
			}
		})
	}
}
