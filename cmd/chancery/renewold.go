// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"chancery/ca"
	"chancery/format"
)

// oldStays is said of a certificate that --due does not revoke.
const oldStays = "the old one is not revoked: its key does not lie beside it, for this account alone"

// errNotAlone is of a file that somebody else may have written or read.
var errNotAlone = errors.New("it is no file of this account alone")

// holdsOld tells whether the key of a due certificate lies beside it, for this account alone.
// Certificates are public: whoever may write into a directory that is looked through could put
// a copy of anybody's there, and have it revoked while its key is in use elsewhere.
func (a *app) holdsOld(ctx context.Context, one overdue, passwordFile string) bool {
	beside := []string{strings.TrimSuffix(one.path, filepath.Ext(one.path)) + ".key", one.path}
	if besideOthers(one.path) {
		beside = []string{filepath.Join(filepath.Dir(one.path), "key.pem"), one.path}
	}
	return slices.ContainsFunc(beside, func(path string) bool {
		data, err := aloneIn(path)
		if err != nil {
			return false
		}
		found, err := format.Read(data, func() ([]byte, error) {
			if passwordFile == "" || passwordFile == "-" { // there is nobody to ask
				return nil, errNotAlone
			}
			text, err := a.secret(ctx, byPasswordFile, passwordFile, false)
			return []byte(text), err
		})
		return err == nil && slices.ContainsFunc(found.Keys, func(k format.Item) bool { return isKeyOf(k.DER, one.Certificate) })
	})
}

// isKeyOf compares a private key in PKCS#8 with that of a certificate.
func isKeyOf(pkcs8 []byte, c ca.Certificate) bool {
	key, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return false
	}
	signer, is := key.(crypto.Signer)
	if !is {
		return false
	}
	spki, err := x509.MarshalPKIXPublicKey(signer.Public())
	return err == nil && sha256.Sum256(spki) == c.Key
}

// aloneIn reads a file that only this account can have written or read. What stands there
// otherwise, such as a link or a pipe, is not waited for.
func aloneIn(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, reason(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || ownerOf(info) != os.Geteuid() || info.Mode().Perm()&0o077 != 0 {
		return nil, errNotAlone
	}
	return io.ReadAll(io.LimitReader(f, format.MaxFile+1)) // who reads it refuses what is longer
}
