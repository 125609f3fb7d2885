// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/rand"
	"testing"

	"chancery/format"
	"chancery/internal/fronts"
)

// forms gives a holder every form of the certificate in NAME.pem and its key in
// NAME.key.
func (h hand) forms(name string) fronts.Holder {
	h.t.Helper()
	const word = "open sesame"
	both := h.read(name+".key") + h.read(name+".pem")
	c := h.contents(both)
	p12, err := format.PKCS12(format.Entry{Name: name, Key: c.Keys[0].DER, Certificates: format.DERs(c.Certificates)}, format.Modern, []byte(word), rand.Reader)
	if err != nil {
		h.t.Fatal(err)
	}
	return fronts.Holder{Name: name, Chain: h.file(name + ".pem"), Key: h.file(name + ".key"), KeyCert: h.write(name+".key-cert.pem", both),
		PKCS12: h.write(name+".p12", string(p12)), Password: word}
}

// client has OpenSSL's request signed: it names the client, as servers like it.
func (h hand) client(name, profile string) fronts.Holder {
	h.t.Helper()
	h.write(name+".pem", h.done("sign", h.request(name), "--profile", profile).out)
	return h.forms(name)
}

func (h hand) contents(text string) format.Contents {
	h.t.Helper()
	c, err := format.Read([]byte(text), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// Real servers and clients run mutual TLS on what the commands hand out, and a
// certificate that was revoked gets in nowhere.
func TestRealServersAndClientsRunOnWhatIsHandedOut(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.done("issue", "nas.lab.example", "--out", h.file("nas.lab.example.pem"), "--key-file", h.file("nas.lab.example.key"))
	f := fronts.Files{Host: "nas.lab.example", Server: h.forms("nas.lab.example"),
		Clients: []fronts.Holder{h.client("hana.lab.example", "client"), h.client("printer.lab.example", "device")},
		Refused: []fronts.Holder{h.client("lost.lab.example", "client"), h.client("web.lab.example", "server")}}
	h.done("revoke", "lost.lab.example", "--reason", "keyCompromise", "--confirm", "lost.lab.example")
	f.Bundle, f.CRLs = h.write("bundle.pem", h.done("ca", "bundle").out), h.write("crls.pem", h.done("crl", "show", "-o", "pem").out)
	const word = "changeit"
	store, err := format.TrustStore(format.Trusted(h.contents(h.read("bundle.pem")).Certificates), format.Modern, []byte(word), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	f.Stores = []fronts.Store{{Path: h.write("trust.p12", string(store)), Password: word}}
	fronts.Prove(t, f)
}
