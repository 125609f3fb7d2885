// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"chancery/format"
	"chancery/web"
)

// publicAddress is where the plain listener of a service that has said this is.
func publicAddress(t testing.TB, said string) string {
	t.Helper()
	found := regexp.MustCompile(`revocation +(\S+),`).FindStringSubmatch(said)
	if found == nil {
		t.Fatalf("it does not say where it listens:\n%s", said)
	}
	return "http://" + found[1]
}

// got fetches what is at an address, whatever it is.
func got(t testing.TB, address string, header ...string) (int, http.Header, []byte) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	r, err := http.DefaultTransport.RoundTrip(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(io.LimitReader(r.Body, 16<<20))
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, r.Header, body
}

// R4: the CA certificate is at an address that stays the same, for everybody, also after a
// rollover; and nothing private is at any address that everybody has.
func TestR4_TheCACertificateIsAtAFixedAddressAndNoKeyIsAnywhere(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	all := h.file("all")
	if err := os.Mkdir(all, 0o755); err != nil { //nolint:gosec // everybody may read what is published
		t.Fatal(err)
	}
	said, _ := h.serving("CHANCERY_PUBLISH_DIRECTORY="+all, "CHANCERY_PUBLISH_PEM=yes", "CHANCERY_LOOKUP_TEXT=yes")
	base := publicAddress(t, said)
	h.done("issue", "nas.lab.example", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key"))
	root := h.done("ca", "show", "root-g1", "-o", "pem").out
	der, err := format.Read([]byte(root), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		media string
		body  []byte
	}{
		"ca.crt": {"application/x-x509-ca-cert", der.Certificates[0].DER}, "ca.pem": {"application/x-pem-file", []byte(root)},
	} {
		code, header, body := got(t, base+"/trust/"+name)
		if code != 200 || header.Get("Content-Type") != want.media || header.Get("Etag") == "" || header.Get("Content-Disposition") != "" || !bytes.Equal(body, want.body) {
			t.Errorf("%s: %d %v\n%s", name, code, header, body)
		}
		if _, header, _ := got(t, base+"/trust/"+name+"?dl=1"); header.Get("Content-Disposition") != `attachment; filename="`+name+`"` {
			t.Errorf("%s to be saved: %v", name, header)
		}
		if code, _, _ := got(t, base+"/trust/"+name, "If-None-Match", header.Get("Etag")); code != http.StatusNotModified {
			t.Errorf("%s is sent again: %d", name, code)
		}
	}
	if _, _, body := got(t, base+"/trust/ca.p7b"); strings.Count(h.piped("openssl", body, "pkcs7", "-inform", "DER", "-print_certs"), "BEGIN CERTIFICATE") != 2 {
		t.Error("the whole bundle is not in ca.p7b")
	}
	code, header, profile := got(t, base+"/trust/ca.mobileconfig")
	if code != 200 || header.Get("Content-Type") != "application/x-apple-aspen-config" || !bytes.Contains(profile, []byte(base64.StdEncoding.EncodeToString(der.Certificates[0].DER))) {
		t.Errorf("the profile for Apple's devices: %d %v\n%s", code, header, profile)
	}
	// R121: the page shows the fingerprint that init and trust show, and where to test it.
	_, header, page := got(t, base+"/", "Accept", "text/html")
	plain := strings.NewReplacer("<span>", "", "</span>", "").Replace(string(page))
	if !strings.HasPrefix(header.Get("Content-Type"), "text/html") || !strings.Contains(plain, fingerprint(der.Certificates[0].DER)) || !strings.Contains(plain, "/trust/ca.pem\n") {
		t.Errorf("the page of the root: %v\n%s", header, page)
	}
	h.noKeyAt(base, all)
}

// noKeyAt looks at everything that everybody may fetch, and tries what they may not.
func (h hand) noKeyAt(base, copies string) {
	h.t.Helper()
	tlsDoor{hand: h}.until("the copies, from which the addresses are known", func() bool {
		_, err := os.Stat(filepath.Join(copies, "issuing-g1.crl.pem"))
		return err == nil
	})
	names, err := os.ReadDir(copies)
	if err != nil {
		h.t.Fatal(err)
	}
	nas := h.publicName("nas.lab.example")
	paths := []string{"/trust/ca.crt", "/trust/ca.pem", "/trust/ca.p7b", "/trust/ca.mobileconfig", "/", "/trust", "/lookup", "/c/" + nas, "/web/style.css", "/ocsp/issuing-g1"}
	for _, one := range names {
		if !strings.HasSuffix(one.Name(), ".crl.pem") && !strings.HasSuffix(one.Name(), ".crt.pem") {
			paths = append(paths, "/pki/"+one.Name())
		}
	}
	var secrets [][]byte // what the files of keys hold, a piece of each
	err = filepath.WalkDir(filepath.Join(h.dir, "signer", "keys"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := os.ReadFile(path)
		if at := len(body) / 2; err == nil && len(body) > 64 {
			secrets = append(secrets, body[at:at+24])
		}
		return err
	})
	if err != nil || len(secrets) < 2 || len(paths) < 20 {
		h.t.Fatalf("%v: %d keys, %d addresses", err, len(secrets), len(paths))
	}
	key, err := format.Read([]byte(h.read("nas.key")), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	secrets = append(secrets, key.Keys[0].DER[len(key.Keys[0].DER)/3:][:24], []byte("PRIVATE KEY"), []byte(strings.Fields(h.read("words"))[2]+" "+strings.Fields(h.read("words"))[3]))
	for _, path := range paths {
		for _, accept := range []string{"*/*", "application/json"} {
			code, _, body := got(h.t, base+path, "Accept", accept)
			if code != 200 && (path != "/lookup" || accept == "*/*") { // a program must say what it looks for
				h.t.Errorf("%s: %d", path, code)
			}
			found, err := format.Read(body, func() ([]byte, error) { return []byte("changeit"), nil })
			if err == nil && len(found.Keys) > 0 {
				h.t.Errorf("%s holds a private key", path)
			}
			for _, secret := range secrets {
				if bytes.Contains(body, secret) || bytes.Contains(body, []byte(base64.StdEncoding.EncodeToString(secret))) {
					h.t.Errorf("%s holds a part of a secret", path)
				}
			}
		}
	}
	for _, path := range []string{"/pki/issuing-g1.key", "/pki/../signer/keys/issuing-g1.key", "/pki/..%2f..%2fsigner%2fkeys%2fissuing-g1.key", "/pki/%2e%2e/%2e%2e/chancery.toml",
		"/trust/ca.key", "/trust/../front/tls/service.pem", "/trust/", "/pki/", "/web/", "/c/", "/pki/issuing-g1.key.pem", "/trust/ca.crt/..%2f..%2faudit.pub", "//etc/passwd"} {
		if code, _, body := got(h.t, base+path); code == 200 {
			h.t.Errorf("%s answers:\n%.200s", path, body)
		}
	}
}

// publicName is what the pages call the newest certificate of a name.
func (h hand) publicName(name string) string {
	h.t.Helper()
	var i struct {
		Certificate struct{ Authority, Serial string }
	}
	if err := json.Unmarshal([]byte(h.done("show", name, "--json").out), &i); err != nil || i.Certificate.Serial == "" {
		h.t.Fatalf("%v: %+v", err, i)
	}
	return i.Certificate.Authority + "-" + i.Certificate.Serial
}

// R88: the page of the running service, with OCSP's word.
func TestR88_TheServiceSaysHowACertificateStands(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	said, _ := h.serving("CHANCERY_LOOKUP_NAMES=yes")
	base := publicAddress(t, said)
	h.done("issue", "nas.lab.example", "--out", h.file("nas.pem"), "--key-file", h.file("nas.key"))
	name := h.publicName("nas.lab.example")
	look := func(path string) (f web.Found) {
		t.Helper()
		code, _, body := got(t, base+path, "Accept", "application/json")
		if err := json.Unmarshal(body, &f); err != nil || code != 200 {
			t.Fatalf("%s: %d %v\n%s", path, code, err, body)
		}
		return f
	}
	tlsDoor{hand: h}.until("good certificate on the page", func() bool { f := look("/c/" + name); return f.Status == "valid" && f.Names[0] == "nas.lab.example" })
	_, serial, _ := strings.Cut(name, "issuing-g1-")
	if f := look("/lookup?q=" + serial); f.Name != name {
		t.Errorf("by its serial alone: %+v", f)
	}
	leaf, err := format.Read([]byte(h.read("nas.pem")), nil)
	if err != nil {
		t.Fatal(err)
	}
	// As OpenSSL and browsers have it, for the page and for the command line, which takes what it
	// prints itself.
	said = strings.TrimSpace(h.piped("openssl", leaf.Certificates[0].DER, "x509", "-inform", "DER", "-noout", "-fingerprint", "-sha256"))
	if f := look("/lookup?q=" + url.QueryEscape(said)); f.Name != name {
		t.Errorf("by its fingerprint: %+v", f)
	}
	for _, print := range []string{said, strings.ToLower(said[strings.IndexByte(said, '=')+1:]), fingerprint(leaf.Certificates[0].DER) + " (SHA-256)"} {
		if s := h.done("show", print, "--jq", ".certificate.serial"); strings.Trim(s.out, "\"\n") != serial {
			t.Errorf("show %s finds %s", print, s.out)
		}
	}
	h.refused("E2101", "show", strings.Repeat("ab", 32))
	h.done("revoke", h.file("nas.pem"), "--reason", "superseded", "--confirm", "nas.lab.example")
	if f := look("/c/" + name); f.Status != "revoked" || f.Reason != "superseded" || f.RevokedAt.IsZero() || f.PEM != "" {
		t.Errorf("after revoke returned: %+v", f)
	}
	root, err := format.Read([]byte(h.done("ca", "show", "issuing-g1", "-o", "pem").out), nil)
	if err != nil {
		t.Fatal(err)
	}
	sum := strings.TrimSpace(h.piped("openssl", root.Certificates[0].DER, "x509", "-inform", "DER", "-noout", "-fingerprint", "-sha256"))
	if f := look("/lookup?q=" + sum[strings.IndexByte(sum, '=')+1:]); f.Issuer != "root-g1" || f.Status != "valid" {
		t.Errorf("an authority by its fingerprint: %+v", f)
	}
}

// piped gives a tool something to read, and what it says.
func (h hand) piped(name string, in []byte, args ...string) string {
	h.t.Helper()
	c := exec.CommandContext(h.t.Context(), name, args...)
	c.Stdin = bytes.NewReader(in)
	out, err := c.CombinedOutput()
	if err != nil {
		h.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}
