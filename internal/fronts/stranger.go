// SPDX-License-Identifier: Apache-2.0

package fronts

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// password opens the stranger's PKCS#12.
const password = "open sesame"

// imitate makes a stranger: the first client's certificate once more, and its
// authority's, name for name and number for number, with keys of somebody else's.
// Only a signature tells them apart.
func (b *bench) imitate() error {
	chain, err := b.files.Clients[0].certificates()
	if err != nil {
		return err
	}
	authority, authorityKey, err := again(chain[1], nil, nil)
	if err != nil {
		return err
	}
	leaf, leafKey, err := again(chain[0], authority, authorityKey)
	if err != nil {
		return err
	}
	key, err := x509.MarshalPKCS8PrivateKey(leafKey)
	if err != nil {
		return err
	}
	b.stranger, err = write(filepath.Join(b.dir, "stranger"), b.files.Clients[0].Name,
		slices.Concat(certificate(leaf.Raw), certificate(authority.Raw)),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	if err != nil {
		return err
	}
	// A stranger has a stranger's tools. The authority is left out of this form: a
	// client of Node.js would believe in it, and find fault with the real one's servers.
	pack := exec.Command("openssl", "pkcs12", "-export", "-inkey", b.stranger.Key, "-out", b.stranger.PKCS12, "-passout", "pass:"+password)
	pack.Stdin = bytes.NewReader(certificate(leaf.Raw))
	if err := said(pack); err != nil {
		return err
	}
	// Without the key's number nobody takes it for the real one, to find the
	// signature wrong: clients say in one voice that they do not know the issuer.
	chain[1].SubjectKeyId = nil
	foreign, _, err := again(chain[1], nil, nil)
	if err != nil {
		return err
	}
	b.foreign = filepath.Join(b.dir, "foreign.pem")
	return os.WriteFile(b.foreign, certificate(foreign.Raw), 0o600)
}

// certificate is DER as PEM.
func certificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// again makes a certificate like another with a new key, signed by an issuer that
// imitates the real one; or by itself, without one.
func again(c, issuer *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: new(big.Int).Set(c.SerialNumber), RawSubject: c.RawSubject,
		NotBefore: c.NotBefore, NotAfter: c.NotAfter, KeyUsage: c.KeyUsage, ExtKeyUsage: c.ExtKeyUsage,
		BasicConstraintsValid: true, IsCA: c.IsCA, DNSNames: c.DNSNames, SubjectKeyId: c.SubjectKeyId,
	}
	if issuer == nil {
		issuer, by = template, key
		template.AuthorityKeyId = template.SubjectKeyId
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), by)
	if err != nil {
		return nil, nil, err
	}
	made, err := x509.ParseCertificate(der)
	return made, key, err
}

// write makes the forms of a certificate that are PEM, in a new directory, and says
// where PKCS#12 belongs.
func write(dir, name string, chain, key []byte) (Holder, error) {
	h := Holder{Name: name, Chain: filepath.Join(dir, "fullchain.pem"), Key: filepath.Join(dir, "key.pem"),
		KeyCert: filepath.Join(dir, "key-cert.pem"), PKCS12: filepath.Join(dir, "identity.p12"), Password: password}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return h, err
	}
	for path, content := range map[string][]byte{h.Chain: chain, h.Key: key, h.KeyCert: slices.Concat(key, chain)} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return h, err
		}
	}
	return h, nil
}
