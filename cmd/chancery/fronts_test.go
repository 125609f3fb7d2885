// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"testing"

	"chancery/internal/fronts"
	"chancery/status"
)

// word opens the PKCS#12 files of this test.
const word = "open sesame"

// holder is what the commands wrote into a directory, which its certificate is called.
func (h hand) holder(name string) fronts.Holder {
	at := func(file string) string { return h.file(name + "/" + file) }
	return fronts.Holder{Name: name, Chain: at("fullchain.pem"), Key: at("key.pem"), KeyCert: at("key-cert.pem"), PKCS12: at("identity.p12"), Password: word}
}

// client has OpenSSL's request signed: it names the client, as servers like it.
func (h hand) client(name, profile string) fronts.Holder {
	h.t.Helper()
	request := h.request(name)
	x := h.holder(name)
	h.done("sign", request, "--profile", profile, "--key-file", h.file(name+".key"), "--out", h.file(name)+"/", "--p12", h.file(name+".p12"), "--password-file", h.file("word"))
	x.Key, x.PKCS12 = h.file(name+".key"), h.file(name+".p12")
	return x
}

// fetched gets what everybody may, into a file.
func (h hand) fetched(address, path string) string {
	h.t.Helper()
	reply, err := http.Get(address + path) //nolint:noctx // a test
	if err != nil {
		h.t.Fatal(err)
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err != nil || reply.StatusCode != http.StatusOK {
		h.t.Fatalf("%s: %s, %v", path, reply.Status, err)
	}
	return h.write(path, string(body))
}

// publishes serves, and gives the base of the addresses.
func (h hand) publishes() string {
	h.t.Helper()
	said := h.serve()
	at := regexp.MustCompile(`revocation +(\S+),`).FindStringSubmatch(said)
	if at == nil {
		h.t.Fatalf("the service does not say where it publishes:\n%s", said)
	}
	return "http://" + at[1] + "/pki/"
}

// R7, R63, R126: real servers and clients run mutual TLS on the files that the commands
// write and on those that are fetched, and a certificate that was revoked gets in
// nowhere.
func TestR7_R63_RealServersAndClientsRunOnWhatIsHandedOut(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	pki := h.publishes()
	h.write("word", word+"\n")
	if err := os.Mkdir(h.file("nas.lab.example"), 0o700); err != nil {
		t.Fatal(err)
	}
	h.done("issue", "nas.lab.example", "--out", h.file("nas.lab.example"), "--p12", h.file("nas.lab.example/identity.p12"), "--password-file", h.file("word"))
	// A second generation issues for one of the clients: the bundle has both.
	old := h.client("hana.lab.example", "client")
	h.done("ca", "create", "issuing-g2", "--yes", "--recovery-file", h.file("words"))
	h.done("ca", "activate", "issuing-g2", "--yes")
	f := fronts.Files{Host: "nas.lab.example", Server: h.holder("nas.lab.example"),
		Clients: []fronts.Holder{old, h.client("printer.lab.example", "device")},
		Refused: []fronts.Holder{h.client("lost.lab.example", "client"), h.client("web.lab.example", "server")}}
	h.done("revoke", "lost.lab.example", "--reason", "keyCompromise", "--confirm", "lost.lab.example")
	h.done("crl", "publish")
	f.Bundle, f.CRLs = h.fetched(pki, "bundle.pem"), h.write("crls.pem", h.done("crl", "show", "-o", "pem").out)
	f.Stores = []fronts.Store{{Path: h.fetched(pki, "bundle.p12"), Password: status.StorePassword}, {Path: h.fetched(pki, "issuing.bundle.jks"), Password: status.StorePassword}}
	h.done("ca", "bundle", "--format", "jks", "--out", h.file("own.jks"), "--password-file", h.file("word"))
	f.Stores = append(f.Stores, fronts.Store{Path: h.file("own.jks"), Password: word})
	if got := h.read("bundle.pem"); got != h.done("ca", "bundle").out {
		t.Errorf("what is fetched is not what the command prints:\n%s", got)
	}
	fronts.Prove(t, f)
}
