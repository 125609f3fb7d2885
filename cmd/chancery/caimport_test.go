// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"strings"
	"testing"

	"chancery/ca"
)

// An elsewhere is an authority that OpenSSL runs.
type elsewhere struct {
	hand
	name string
}

// newElsewhere makes a root with OpenSSL, of a plain configuration.
func (h hand) newElsewhere(name string) elsewhere {
	h.t.Helper()
	h.tool("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-batch", "-keyout", name+".key", "-out", name+".pem",
		"-subj", "/O=Elsewhere/CN="+name, "-days", "4000")
	return elsewhere{h, name}
}

// signs signs a request with extensions, one on a line, and gives the certificate's file.
func (e elsewhere) signs(csr, out, days, serial, extensions string) string {
	e.t.Helper()
	e.write(out+".ext", extensions)
	e.tool("openssl", "x509", "-req", "-in", csr, "-CA", e.name+".pem", "-CAkey", e.name+".key", "-set_serial", serial, "-days", days, "-extfile", out+".ext", "-out", out)
	return e.file(out)
}

const asAuthority = "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\nextendedKeyUsage=serverAuth,clientAuth,emailProtection,OCSPSigning\n" +
	"subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"

// authorities are the names of all that are known.
func (h hand) authorities() string {
	h.t.Helper()
	return h.done("ca", "list", "-q").out
}

// R26: the key is made here, its certificate by a root elsewhere. What does not fit is
// refused, and leaves nothing behind.
func TestR26_AnAuthorityBelowARootElsewhere(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	h.serve()
	root, other := h.newElsewhere("lab-root"), h.newElsewhere("other-root")
	h.write("g2.csr", h.done("ca", "export-csr", "issuing-g2", "--subject", "O=Lab,CN=Lab Issuing CA G2", "--yes").out)
	h.tool("openssl", "req", "-in", "g2.csr", "-verify", "-noout")
	h.tool("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-batch", "-keyout", "stray.key", "-out", "stray.csr", "-subj", "/O=Lab/CN=Lab Issuing CA G2")
	good := root.signs("g2.csr", "g2.pem", "2000", "11", asAuthority)
	before := h.authorities()
	for name, args := range map[string][]string{
		"the certificate is of another key":        {root.signs("stray.csr", "stray.pem", "2000", "12", asAuthority), h.file("lab-root.pem")},
		"the key is of another certificate":        {good, h.file("lab-root.pem"), "--key", h.file("stray.key")},
		"it lacks CA:TRUE":                         {root.signs("g2.csr", "leaf.pem", "2000", "13", "basicConstraints=CA:FALSE\nsubjectKeyIdentifier=hash\n"), h.file("lab-root.pem")},
		"it lacks keyCertSign":                     {root.signs("g2.csr", "usage.pem", "2000", "14", strings.Replace(asAuthority, "keyCertSign,", "", 1)), h.file("lab-root.pem")},
		"it has no usages and no path length":      {root.signs("g2.csr", "wide.pem", "2000", "15", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"), h.file("lab-root.pem"), "--for", "server"},
		"it outlives its root":                     {root.signs("g2.csr", "long.pem", "5000", "16", asAuthority), h.file("lab-root.pem")},
		"it has ended":                             {h.ended(root), h.file("lab-root.pem")},
		"its root is missing":                      {good},
		"the root can have no such name":           {good, h.file("lab-root.pem"), "--above", "Lab_Root"},
		"the chain is another's":                   {good, h.file("other-root.pem")},
		"a stranger is in the chain":               {good, h.file("lab-root.pem"), h.file("other-root.pem")},
		"a constraint has a type nobody can apply": {root.signs("g2.csr", "rid.pem", "2000", "17", asAuthority+"nameConstraints=critical,permitted;RID:1.2.3.4\n"), h.file("lab-root.pem")},
	} {
		full := append([]string{"ca", "import-cert", "issuing-g2", "--yes"}, args...)
		if !strings.Contains(strings.Join(args, " "), "--above") {
			full = append(full, "--above", "lab-root")
		}
		if s := h.types(full...); s.code == 0 || !strings.Contains(s.err, "code: E2") && !strings.Contains(s.err, "code: E3004") {
			t.Errorf("%s: exit %d\n%s%s", name, s.code, s.out, s.err)
		}
		if after := h.authorities(); after != before {
			t.Fatalf("%s: now there are\n%s", name, after)
		}
	}
	h.done("ca", "import-cert", "issuing-g2", good, "--chain", h.file("lab-root.pem"), "--above", "lab-root", "--yes")
	h.done("ca", "activate", "issuing-g2", "--yes")
	h.done("issue", "nas.lab.example", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key"))
	h.write("lists.pem", h.done("crl", "show", "--ca", "issuing-g2", "-o", "pem").out)
	h.tool("openssl", "verify", "-crl_check", "-CRLfile", "lists.pem", "-purpose", "sslserver", "-CAfile", "lab-root.pem", "-untrusted", "nas.pem", "nas.pem")
	if s := h.done("ca", "list"); !strings.Contains(s.out, "elsewhere") {
		t.Errorf("%s", s.out)
	}
	h.replacements(root, other)
}

// ended is a certificate whose life is over.
func (h hand) ended(root elsewhere) string {
	h.write("ended.ext", asAuthority)
	h.write("ended.cnf", "[ca]\ndefault_ca=x\n[x]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n[p]\nO=supplied\nCN=supplied\n")
	h.write("index.txt", "")
	h.write("serial", "1000\n")
	h.tool("openssl", "ca", "-batch", "-config", "ended.cnf", "-cert", root.name+".pem", "-keyfile", root.name+".key", "-in", "g2.csr", "-out", "ended.pem",
		"-startdate", "20200101000000Z", "-enddate", "20250101000000Z", "-extfile", "ended.ext", "-notext")
	return h.file("ended.pem")
}

// replacements brings other certificates of the same key; live certificates are tried
// against new name constraints before they bite.
func (h hand) replacements(root, other elsewhere) {
	h.t.Helper()
	before := h.done("ca", "show", "issuing-g2", "--json").out
	for code, args := range map[string][]string{
		"E2602": {root.signs("g2.csr", "short.pem", "1000", "21", asAuthority)},
		"E2114": {root.signs("g2.csr", "narrow.pem", "3000", "22", asAuthority+"nameConstraints=critical,permitted;DNS:home.example\n")},
	} {
		s := h.refused(code, append([]string{"ca", "import-cert", "issuing-g2", "--yes"}, args...)...)
		if code == "E2114" && !strings.Contains(s.err, "nas.lab.example") {
			h.t.Errorf("it does not name what would break:\n%s", s.err)
		}
	}
	h.write("g3.csr", h.done("ca", "export-csr", "issuing-g3", "--subject", "O=Lab,CN=Lab Issuing CA G3", "--yes").out)
	h.refused("E2602", "ca", "import-cert", "issuing-g3", root.signs("g3.csr", "clash.pem", "2000", "11", asAuthority), "--yes") // the number of issuing-g2's
	h.refused("E2602", "ca", "import-cert", "issuing-g2", other.signs("g2.csr", "others.pem", "3000", "23", asAuthority), "--chain", h.file("other-root.pem"), "--yes")
	if after := h.done("ca", "show", "issuing-g2", "--json").out; after != before {
		h.t.Errorf("something was changed:\n%s", after)
	}
	h.done("ca", "import-cert", "issuing-g2", root.signs("g2.csr", "again.pem", "3000", "24", asAuthority+"nameConstraints=critical,permitted;DNS:lab.example\n"), "--yes")
	var shown ca.Authority
	if err := json.Unmarshal([]byte(h.done("ca", "show", "issuing-g2", "--json").out), &shown); err != nil || len(shown.Earlier) != 1 {
		h.t.Errorf("%v: %d earlier certificates", err, len(shown.Earlier))
	}
	h.done("issue", "web.lab.example", "--out", h.file("web.pem"), "--key-file", h.file("web.key"))
	h.tool("openssl", "verify", "-CAfile", "lab-root.pem", "-untrusted", "again.pem", "nas.pem", "web.pem")
}

// R144, R43: an intermediate that an old guide made, without CA:TRUE and with RSA of
// 2048 bits, is named as such, and its name and key are certified anew: what it signed
// verifies then.
func TestR144_AnAuthorityWithoutCATrueIsCertifiedAnew(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	root := h.newElsewhere("old-root")
	for _, tt := range []struct{ name, extensions, leaf string }{
		{"system", "basicConstraints=CA:FALSE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n",
			"subjectAltName=DNS:leaf.lab.example\nauthorityKeyIdentifier=keyid\n"},
		{"second", "", "subjectAltName=DNS:leaf.lab.example\nauthorityKeyIdentifier=none\n"}, // of version 1
	} {
		h.tool("openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", tt.name+".key", "-out", tt.name+".csr", "-subj", "/O=Old/CN="+tt.name)
		old := root.signs(tt.name+".csr", tt.name+".pem", "2000", "31", tt.extensions)
		h.tool("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=leaf.lab.example")
		elsewhere{h, tt.name}.signs("leaf.csr", tt.name+"-leaf.pem", "300", "5", tt.leaf)
		before := h.authorities()
		s := h.refused("E2602", "ca", "import-cert", tt.name+"-g1", old, "--chain", h.file("old-root.pem"), "--none-revoked", "--key", h.file(tt.name+".key"), "--above", "old-root", "--yes")
		if !strings.Contains(s.err, "--resign") || !strings.Contains(s.err, "CA:TRUE") || h.authorities() != before {
			t.Errorf("%s", s.err)
		}
		h.refused("E3002", "ca", "import-cert", tt.name+"-g1", old, "--none-revoked", "--key", h.file(tt.name+".key"), "--resign", "root-g1", "--recovery-file", h.write("wrong", strings.Repeat("abandon ", 23)+"art"), "--yes")
		if h.authorities() != before {
			t.Error("wrong words left something behind")
		}
		h.done("ca", "import-cert", tt.name+"-g1", old, "--none-revoked", "--key", h.file(tt.name+".key"), "--resign", "root-g1", "--recovery-file", h.file("words"), "--for", "server", "--yes")
		h.write("root.pem", h.done("ca", "show", "root-g1", "-o", "pem").out)
		h.write("whole.pem", h.done("ca", "show", tt.name+"-g1", "-o", "pem").out)
		h.tool("openssl", "verify", "-purpose", "sslserver", "-CAfile", "root.pem", "-untrusted", "whole.pem", tt.name+"-leaf.pem")
		h.tool("openssl", "verify", "-x509_strict", "-CAfile", "root.pem", "whole.pem")
		if s := h.done("ca", "show", tt.name+"-g1"); !strings.Contains(s.out, "RSA key of 2048 bits") {
			t.Errorf("%s", s.out)
		}
	}
}
