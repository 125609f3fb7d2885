// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"chancery/ca"
	"chancery/format"
	"chancery/internal/whole"
)

// A keyFile is a private key of a user, and the file it lies in.
type keyFile struct {
	path   string
	signer crypto.Signer
	pkcs8  []byte // RFC 5958, not encrypted
	// pem is the key as the file has it, encrypted or not; in PKCS#8, where the file is
	// not one key in PEM.
	pem []byte
}

// keyAt gives the private key in a file, or makes one and the file, for nobody but
// its owner; secret, if there is one, encrypts the new one and opens the one that is
// there.
func (a *app) keyAt(ctx context.Context, path string, o outputs, secret []byte, seals bool) (key *keyFile, made bool, err error) {
	there := func() (*keyFile, bool, error) {
		key, err := a.readKey(ctx, path, o.password, secret)
		if err == nil && seals && !strings.Contains(string(key.pem), "ENCRYPTED") {
			err = usage("the key in "+path+" is there, and not encrypted", "name another file, or leave out --encrypt-key")
		}
		return key, false, err
	}
	if _, err := os.Lstat(path); err == nil {
		return there()
	}
	fresh, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, false, fmt.Errorf("make a key: %w", err)
	}
	key = &keyFile{path: path, signer: fresh}
	if key.pkcs8, err = x509.MarshalPKCS8PrivateKey(fresh); err != nil {
		return nil, false, fmt.Errorf("encode the key: %w", err)
	}
	der := key.pkcs8
	if seals {
		if der, err = format.EncryptedKey(der, secret, format.PBKDF2); err != nil {
			return nil, false, err
		}
	}
	if key.pem, err = keyPEM(der); err != nil {
		return nil, false, err
	}
	err = whole.Write(path, 0o600, key.pem)
	if errors.Is(err, fs.ErrExist) { // the same command at the same moment made it
		return there()
	}
	if err != nil {
		return nil, false, taken(path, "--key-file", err)
	}
	return key, true, nil
}

// ours refuses a key that somebody else may have put into its place: what is certified in a
// directory of others without anybody looking must be of a key that was made here. It is
// looked at what was read: were it done before, the file could be another one by then.
func (k *keyFile) ours() error {
	foreign := ca.Refused(ca.E1102, "the key in "+k.path+" may be known to others", "move it away; or, if it is yours, renew this one by itself: --key-file "+k.path)
	data, err := aloneIn(k.path)
	if err != nil {
		return foreign.Because(err.Error())
	}
	if !bytes.Equal(data, k.pem) {
		return foreign.Because("it is another one than a moment ago")
	}
	return nil
}

func keyPEM(der []byte) ([]byte, error) {
	return format.PEM(format.Contents{Keys: []format.Item{{DER: der}}}, nil)
}

// readKey reads a private key of any form.
func (a *app) readKey(ctx context.Context, path, passwordFile string, secret []byte) (*keyFile, error) {
	data, err := a.wholeFile(path)
	if err != nil {
		return nil, err
	}
	found, err := format.Read(data, func() ([]byte, error) {
		if secret != nil {
			return secret, nil
		}
		text, err := a.secret(ctx, byPasswordFile, passwordFile, false)
		return []byte(text), err
	})
	var p *ca.Problem
	if errors.As(err, &p) && p.Code == ca.E2501 {
		return nil, ca.Invalid(ca.E1102, path+" holds no private key", "name another file: --key-file FILE").Because(p.Detail)
	}
	if err != nil {
		return nil, err
	}
	if len(found.Keys) != 1 {
		return nil, ca.Invalid(ca.E1102, fmt.Sprintf("%s holds %d private keys, and not one", path, len(found.Keys)), "name another file: --key-file FILE")
	}
	k := &keyFile{path: path, pkcs8: found.Keys[0].DER}
	key, err := x509.ParsePKCS8PrivateKey(k.pkcs8)
	if err != nil {
		return nil, fmt.Errorf("read the key in %s: %w", path, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, ca.Invalid(ca.E1102, "the key in "+path+" cannot sign", "name another file: --key-file FILE")
	}
	k.signer = signer
	if alone := len(found.Certificates)+len(found.Lists)+len(found.Requests) == 0; alone && strings.HasPrefix(string(data), "-----BEGIN ") {
		k.pem = data
		if data[len(data)-1] != '\n' {
			k.pem = append(k.pem, '\n')
		}
		return k, nil
	}
	k.pem, err = keyPEM(k.pkcs8)
	return k, err
}
