// SPDX-License-Identifier: Apache-2.0

package status

import (
	"encoding/base64"
	"errors"
	"io"
)

// armourLine is how many characters a line of PEM has (RFC 7468 §2).
const armourLine = 64

// armoured is an offer in PEM: the file's name, and .pem behind it. It is written while
// it is read, since a list of a million entries has 50 MB.
func armoured(one offer) offer {
	der := one.open
	label := one.label
	one.name, one.label = one.name+".pem", ""
	one.open = func() (io.ReadCloser, error) {
		in, err := der()
		if err != nil {
			return nil, err
		}
		out, into := io.Pipe()
		go func() { // ends with its reader, who closes the pipe
			defer in.Close()
			into.CloseWithError(armour(into, in, label))
		}()
		return out, nil
	}
	return one
}

// armour writes a PEM block of what it reads.
func armour(w io.Writer, r io.Reader, label string) error {
	lines := &inLines{w: w}
	if _, err := io.WriteString(w, "-----BEGIN "+label+"-----\n"); err != nil {
		return err
	}
	encoder := base64.NewEncoder(base64.StdEncoding, lines)
	_, err := io.Copy(encoder, r)
	if err := errors.Join(err, encoder.Close()); err != nil {
		return err
	}
	end := "-----END " + label + "-----\n"
	if lines.at > 0 {
		end = "\n" + end
	}
	_, err = io.WriteString(w, end)
	return err
}

// inLines breaks what is written into lines.
type inLines struct {
	w  io.Writer
	at int
}

func (b *inLines) Write(text []byte) (n int, err error) {
	for len(text) > 0 {
		part := text[:min(armourLine-b.at, len(text))]
		m, err := b.w.Write(part)
		n, b.at = n+m, b.at+m
		if err != nil {
			return n, err
		}
		if b.at == armourLine {
			if _, err := io.WriteString(b.w, "\n"); err != nil {
				return n, err
			}
			b.at = 0
		}
		text = text[len(part):]
	}
	return n, nil
}
