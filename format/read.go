// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"fmt"

	"chancery/ca"
)

const (
	// MaxFile is the largest file Read looks at, in octets: a list with some
	// 300 000 entries in PEM. It bounds memory, of which reading takes a few times as much.
	MaxFile = 16 << 20
	// MaxItems is how many things a file may hold; the largest public trust stores
	// have about 400 certificates.
	MaxItems = 4096
	// maxWork is how many rounds of key derivation one file may ask for altogether, a
	// few seconds of one core. Honest files ask for 2 048 to 600 000 for each thing in
	// them; the number stands in the file unprotected, and goes up to two thousand million.
	maxWork = 10_000_000
	// maxPassword bounds what Read is handed and the writers take, in octets.
	maxPassword = 1024
	// maxName bounds a name, in octets. Longer ones are no names.
	maxName = 1024
)

// A reader collects what one file holds.
type reader struct {
	found    Contents
	count    int
	work     int // rounds of key derivation that are left
	password func() ([]byte, error)
	secret   []byte // what password gave, once asked is set
	asked    bool
}

// Read takes a file apart, whatever its form: PEM with any text around its blocks,
// DER, PKCS#7 in DER, BER or PEM, PKCS#12 in DER or BER, JKS. Password is called at
// most once, and only if the file needs one; nil says that there is none. UTF-8 is
// taken for the password's encoding.
//
// A Problem tells what is wrong: E2501 damaged or unknown, E2502 a password is
// needed, E2503 it is wrong, E2504 beyond a bound, E2506 a form that is not read.
// An error of password comes back wrapped.
func Read(data []byte, password func() ([]byte, error)) (Contents, error) {
	return read(data, password, maxWork)
}

// read is Read with so many rounds of key derivation to spend.
func read(data []byte, password func() ([]byte, error), work int) (Contents, error) {
	r := &reader{password: password, work: work}
	if err := r.file(data); err != nil {
		return Contents{}, err
	}
	if r.count == 0 {
		return Contents{}, unreadable("the file holds no certificate, key, list or request", "")
	}
	return r.found, nil
}

// whatToBring is the hint for a file of no known form.
const whatToBring = "bring PEM, DER, PKCS#7 (.p7b), PKCS#12 (.p12, .pfx) or a Java key store (.jks)"

// file finds out the form. The first octets of each binary form tell it; text comes
// last, since anything may stand before a PEM block.
func (r *reader) file(data []byte) error {
	if len(data) > MaxFile {
		return tooMuch(fmt.Sprintf("the file has %d octets, %d are read at most", len(data), MaxFile), "a file is held in memory while it is taken apart")
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	switch {
	case len(data) == 0:
		return unreadable("the file is empty", whatToBring)
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")) && !bytes.HasPrefix(data, []byte(magicJKS)):
		return unreadable("the file is in UTF-16, as Windows shells write it", "save it as plain ASCII text and try again")
	case bytes.HasPrefix(data, []byte(magicJKS)):
		return r.jks(data)
	case bytes.HasPrefix(data, []byte(magicJCEKS)):
		return unsupported("this is a JCEKS key store of Java",
			"convert it: keytool -importkeystore -srckeystore FILE -srcstoretype jceks -destkeystore FILE.p12 -deststoretype pkcs12")
	}
	if data[0] == 0x30 { // a SEQUENCE; or text that begins with the digit 0
		if known, err := r.binary(data); known {
			return err
		}
	}
	if firstBlock(data) >= 0 {
		return r.pem(data)
	}
	switch {
	case data[0] == 0x30:
		return unreadable("the file is damaged, or in DER but neither certificate, key, list nor request", whatToBring)
	case bytes.Contains(data, []byte(pemBegin)):
		return unreadable("the PEM block's BEGIN line has something before it", "let the lines of PEM begin at the margin")
	}
	return unreadable("the file is neither PEM, DER, PKCS#7, PKCS#12 nor a Java key store", whatToBring)
}

// binary takes DER, or BER where old tools wrote it; known is false if it is neither.
func (r *reader) binary(data []byte) (known bool, err error) {
	s := shapeOf(data)
	if s == noShape {
		der, err := toDER(data)
		if err != nil {
			return false, nil
		}
		data, s = der, shapeOf(der)
	}
	if s == noShape {
		return false, nil
	}
	return true, r.take(s, data)
}

// take takes one thing of a known shape.
func (r *reader) take(s shape, der []byte) error {
	switch s {
	case certificate, list, request:
		return r.document(s, Item{DER: der})
	case pkcs8Key, rsaKey, ecKey:
		return r.addKey(der, "")
	case encryptedKey:
		return r.encryptedKey(der, "")
	case pkcs7File:
		return r.pkcs7(der)
	case pkcs12File:
		return r.pkcs12(der)
	case publicKey:
		return unsupported("this is a public key alone", "bring the certificate, the request or the private key")
	}
	return damaged("the file")
}

// document takes a certificate, list or request, which must be in DER to the bottom:
// else it would not survive a file whose lengths have to be set right.
func (r *reader) document(want shape, it Item) error {
	to, what := &r.found.Certificates, "a certificate"
	switch want {
	case list:
		to, what = &r.found.Lists, "a list"
	case request:
		to, what = &r.found.Requests, "a request"
	}
	if shapeOf(it.DER) != want {
		return damaged(what)
	}
	if der, err := toDER(it.DER); err != nil || !bytes.Equal(der, it.DER) {
		return damaged(what).Because("it is not in DER (X.690 §10)")
	}
	return r.add(to, it)
}

// add puts one thing in its place, within the bound. The bytes are copied, so that
// Contents does not hold on to the file.
func (r *reader) add(to *[]Item, it Item) error {
	if r.count == MaxItems {
		return tooMuch(fmt.Sprintf("the file holds more than %d things", MaxItems), "a trust store of that size is a mistake or an attack")
	}
	r.count++
	it.DER = bytes.Clone(it.DER)
	if len(it.Name) > maxName || !ca.PlainText(it.Name) {
		it.Name = "" // what deceives the eye is no name either
	}
	*to = append(*to, it)
	return nil
}

// ask gets the password, once for the whole file; what names the thing it opens.
func (r *reader) ask(what string) ([]byte, error) {
	if r.password == nil {
		return nil, needsPassword(what)
	}
	if !r.asked {
		secret, err := r.password()
		if err != nil {
			return nil, fmt.Errorf("ask for the password: %w", err)
		}
		if len(secret) > maxPassword {
			return nil, tooMuch(fmt.Sprintf("the password has more than %d octets", maxPassword), "no tool writes files with such a password")
		}
		r.secret, r.asked = secret, true
	}
	return r.secret, nil
}

// spend takes rounds of key derivation from what the file may ask for.
func (r *reader) spend(rounds int) error {
	if rounds < 1 || rounds > r.work {
		return tooMuch(fmt.Sprintf("the file asks for %d rounds of key derivation, %d are left of %d", rounds, r.work, maxWork),
			"the number is not protected by the password, so that a forged file could stall whoever opens it")
	}
	r.work -= rounds
	return nil
}
