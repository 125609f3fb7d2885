// SPDX-License-Identifier: Apache-2.0

package feed_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
	"time"

	"chancery/feed"
	"chancery/feed/verify"
)

// signed is a small feed by an issuer.
func signed(t *testing.T, i *issuer) []byte {
	t.Helper()
	complete, _, _ := pair(t, i, 10)
	return complete
}

func TestFeedsOfEachKeyAreVerified(t *testing.T) {
	t.Parallel()
	for name, i := range issuers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := signed(t, i)
			if _, err := verify.Open(file, i.spki, noon); err != nil {
				t.Errorf("signed by the issuer's key: %v", err)
			}
			r := i.responder(t, func(*x509.Certificate) {})
			file = signed(t, r)
			v, err := verify.Open(file, i.spki, noon)
			if err != nil {
				t.Fatalf("signed by a responder: %v", err)
			}
			if f, err := feed.Parse(file, nil); err != nil || !bytes.Equal(f.Certificate, r.certificate) || v.Number != f.Number {
				t.Errorf("Parse reads another feed than Open (%v)", err)
			}
			complete, delta, truth := pair(t, r, 11)
			if v, err = verify.OpenDelta(delta, complete, i.spki, noon); err != nil {
				t.Fatalf("a delta, signed by a responder: %v", err)
			}
			f, err := feed.Parse(delta, complete)
			if err == nil {
				err = ask(truth, f, v)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAResponderThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	i := quick(t)
	other := issuers(t)["ecdsa-p256"]
	for _, tt := range []struct {
		name   string
		by     *issuer
		change func(*x509.Certificate)
	}{
		{"of another issuer", other, func(*x509.Certificate) {}},
		{"for servers", i, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }},
		{"for any purpose", i, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }},
		{"without a purpose", i, func(c *x509.Certificate) { c.ExtKeyUsage = nil }},
		{"of an authority below", i, func(c *x509.Certificate) {
			c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageDigitalSignature|x509.KeyUsageCertSign
		}},
		{"whose key may sign certificates alone", i, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign }},
		{"with a critical extension that nobody knows", i, func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
		}},
		{"that has ended", i, func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Minute) }},
		{"that is not yet valid", i, func(c *x509.Certificate) { c.NotBefore = noon.Add(time.Minute) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := tt.by.responder(t, tt.change)
			r.spki = i.spki // the feed says it is the issuer's
			if _, err := verify.Open(signed(t, r), i.spki, noon); err == nil {
				t.Error("a feed signed by a certificate " + tt.name + " is accepted")
			}
		})
	}
}

func TestTheVerifierWantsTheRightIssuerKeyAndTime(t *testing.T) {
	t.Parallel()
	i, all := quick(t), issuers(t)
	file := signed(t, i)
	if _, err := verify.Open(file, all["ecdsa-p256"].spki, noon); err == nil {
		t.Error("a feed of another issuer is accepted")
	}
	if _, err := verify.Open(file, nil, noon); err == nil {
		t.Error("a feed is accepted without an issuer")
	}
	for name, now := range map[string]time.Time{"before its time": noon.Add(-time.Second), "after its time": noon.Add(24*time.Hour + time.Second)} {
		if _, err := verify.Open(file, i.spki, now); err == nil {
			t.Errorf("a feed is accepted %s", name)
		}
	}
	// A delta that is current makes a base current that has ended, and not the other way.
	complete, delta, _ := pair(t, i, 12)
	old, err := feed.Parse(delta, complete)
	if err != nil {
		t.Fatal(err)
	}
	h := old.Head
	h.ThisUpdate, h.NextUpdate = noon.AddDate(0, 0, 30), noon.AddDate(0, 0, 31)
	later, err := feed.New(h, delta[128:len(delta)-66], complete)
	if err != nil {
		t.Fatal(err)
	}
	late, err := later.Signed(i.sign(t, later.Message()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify.OpenDelta(late, complete, i.spki, h.ThisUpdate); err != nil {
		t.Errorf("a current delta over an older base: %v", err)
	}
	if _, err := verify.OpenDelta(delta, complete, i.spki, h.ThisUpdate); err == nil {
		t.Error("a delta is accepted after its time")
	}
	// A key that says it signs otherwise than its kind can.
	wrong := *all["ecdsa-p256"]
	wrong.algorithm = feed.RSAWithSHA256
	if _, err := verify.Open(signed(t, &wrong), wrong.spki, noon); err == nil {
		t.Error("an ECDSA signature is accepted as one of RSA")
	}
}

func TestNewRefusesAHeadThatNobodyCouldRead(t *testing.T) {
	t.Parallel()
	i := quick(t)
	complete, _, _ := pair(t, i, 13)
	body := complete[128 : len(complete)-66]
	for name, change := range map[string]func(*feed.Head){
		"a number of 0":               func(h *feed.Head) { h.Number = 0 },
		"no algorithm":                func(h *feed.Head) { h.Algorithm = 0 },
		"times in the wrong order":    func(h *feed.Head) { h.NextUpdate = h.ThisUpdate },
		"times between seconds":       func(h *feed.Head) { h.NextUpdate = h.NextUpdate.Add(time.Millisecond) },
		"a certificate of 9000":       func(h *feed.Head) { h.Certificate = make([]byte, 9000) },
		"a certificate beyond 65 535": func(h *feed.Head) { h.Certificate = make([]byte, 65_537) },
	} {
		h := i.head(8)
		change(&h)
		if _, err := feed.New(h, body, nil); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	for name, b := range map[string][]byte{"nothing": nil, "a body cut short": body[:len(body)-1], "a body and more": append(bytes.Clone(body), 0)} {
		if _, err := feed.New(i.head(8), b, nil); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	f, err := feed.New(i.head(8), body, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 1025} {
		if _, err := f.Signed(make([]byte, size)); err == nil {
			t.Errorf("a signature of %d octets is accepted", size)
		}
	}
}
