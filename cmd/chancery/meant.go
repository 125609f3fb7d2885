// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"chancery/ca"
	"chancery/client"
	"chancery/internal/csr"
	"chancery/internal/nearest"
)

// theOne is the one certificate that a reference means: that of a file, if there is one
// with a certificate in it. aside is the command that is for authorities.
func theOne(ctx context.Context, k *client.Client, ref, aside string) (ca.Certificate, error) {
	der := certificateIn(ref)
	if der == nil {
		found, err := k.Certificate(ctx, ref)
		if err = meant(ctx, k, ref, aside, err); err == nil {
			err = onlyOne(ctx, k, ref, found.Certificate)
		}
		return found.Certificate, err
	}
	x, err := x509.ParseCertificate(der)
	if err != nil {
		return ca.Certificate{}, ca.Invalid(ca.E2501, "the certificate in "+ref+" cannot be read", "name it by its serial number").Because(err.Error())
	}
	foreign := ca.NotFound(ca.E2101, "the certificate in "+ref+" is none of this service's", "chancery show "+ref+" says who signed it")
	serial, err := ca.SerialFromBytes(x.SerialNumber.Bytes())
	if err != nil {
		return ca.Certificate{}, foreign
	}
	found, err := k.Certificate(ctx, string(serial))
	if err == nil && !bytes.Equal(found.Certificate.DER, der) {
		err = foreign
	}
	return found.Certificate, err
}

// certificateIn is the first certificate of a file in PEM or DER, nil if there is none.
func certificateIn(path string) []byte {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Size() > csr.MaxFile {
		return nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	for rest := content; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == certificateLabel {
			return block.Bytes
		}
	}
	if _, err := x509.ParseCertificate(content); err != nil {
		return nil
	}
	return content
}

// onlyOne refuses a name that several standing certificates bear: elsewhere it means
// the newest, but the same line again would revoke the next one.
func onlyOne(ctx context.Context, k *client.Client, ref string, c ca.Certificate) error {
	if !bears(c, ref) {
		return nil // a serial number, or a part of one
	}
	page, err := k.Certificates(ctx, ca.Filter{Name: strings.TrimSpace(ref), Status: "valid", Limit: maxBearers + 1})
	if err != nil || len(page.Items) < 2 {
		return err
	}
	var names []string
	for _, one := range page.Items[:min(len(page.Items), maxBearers)] {
		names = append(names, one.PublicName()+" (of "+atTime(one.IssuedAt)+")")
	}
	return ca.Invalid(ca.E2102, fmt.Sprintf("%s is the name of more than one certificate that stands", ca.Show(ref)), "the same again with one of these instead of the name").
		Because(strings.Join(names, ", "))
}

// authorityAsked refuses the certificate of an authority, and says which that is.
func authorityAsked(ctx context.Context, k *client.Client, c ca.Certificate) error {
	name := "NAME"
	all, err := k.Authorities(ctx)
	if err != nil {
		return err
	}
	for _, one := range all {
		if one.Key == c.Key {
			name = one.Name
		}
	}
	return ca.Refused(ca.E2111, "this is the certificate of an authority, which is revoked by what signed it", "chancery ca revoke "+name)
}

// maxBearers is how many candidates a message lists.
const maxBearers = 8

// meant says what else was meant, where nothing is called so: an authority, for which there is
// another command, a file, a server, or a name that is near. Other errors, and none, stay what they are.
func meant(ctx context.Context, k *client.Client, ref, aside string, err error) error {
	var p *ca.Problem
	if !errors.As(err, &p) || p.Code != ca.E2101 {
		return err
	}
	other := *p
	_, port, server := strings.Cut(ref, ":")
	if _, isPort := strconv.ParseUint(port, 10, 16); strings.Contains(ref, "/") || looksLikeFile(ref) {
		other.Detail = "there is no file " + ca.Show(ref) + ", nor a certificate of that name"
		if _, found := os.Stat(ref); found == nil {
			other.Detail = "the file " + ca.Show(ref) + " holds no certificate"
		}
		other.Fix = "see which files there are: ls; chancery list shows the names of certificates"
	} else if server && isPort == nil {
		other.Fix = "chancery verify " + typeable(ref) + " asks a server"
	} else if _, missing := k.Authority(ctx, ref); missing == nil {
		other.Detail, other.Fix = ca.Show(ref)+" is an authority, not a certificate that one handed out", aside+" "+typeable(ref)
	} else if near := nearName(ctx, k, ref); near != "" {
		other.Fix = "did you mean " + typeable(near) + "? chancery list shows all"
	} else {
		return err
	}
	return &other
}

// nearName is the name of a certificate that differs from what was typed by a slip in one of
// its labels; it is empty without one, and where nobody can tell.
func nearName(ctx context.Context, k *client.Client, ref string) string {
	labels := strings.Split(strings.ToLower(strings.TrimSpace(ref)), ".")
	if len(labels) < 2 || labels[0] == "" || strings.Contains(ref, "*") {
		return ""
	}
	for _, pattern := range []string{labels[0] + "*", "*." + strings.Join(labels[1:], ".")} {
		page, err := k.Certificates(ctx, ca.Filter{Name: pattern, Limit: ca.MaxPage})
		if err != nil {
			continue // a hint is worth no error of its own
		}
		for _, c := range page.Items {
			for _, n := range c.Names {
				if slip(labels, strings.Split(strings.ToLower(n.Value), ".")) {
					return n.Value
				}
			}
		}
	}
	return ""
}

// slip tells whether two names differ in one label alone, which is near.
func slip(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	differ := -1
	for i := range a {
		if a[i] == b[i] {
			continue
		}
		if differ >= 0 {
			return false
		}
		differ = i
	}
	return differ >= 0 && nearest.Of(a[differ], []string{b[differ]}) != ""
}
