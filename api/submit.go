// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"

	"chancery/ca"
	"chancery/internal/csr"
	"chancery/internal/respond"
)

const (
	// maxKey is the longest Idempotency-Key; a UUID has 36 characters.
	maxKey = 128
	// maxDays keeps sums of time within what X.509 can say; profiles allow far less.
	maxDays = 36525
)

// An order is the body of a request for a certificate.
type order struct {
	// CSR is the request (PKCS#10) as PEM text, or a file of PEM or DER in base64.
	CSR     string `json:"csr"`
	Profile string `json:"profile"`
	// Authority is the line that shall sign, or its active generation; empty takes the
	// profile's.
	Authority string `json:"authority"`
	// NotAfter is the wished end, RFC 3339; Days the same counted from now. At most
	// one of them is set; neither takes the profile's usual lifetime.
	NotAfter string `json:"not_after"`
	Days     *int   `json:"days"`
}

// submit answers POST /certificates.
func (d *door) submit(w http.ResponseWriter, r *http.Request) error {
	request, parsed, dry, err := d.take(w, r)
	if err != nil {
		d.o.Submitter.Refuse(asker(r), err)
		return err
	}
	if dry {
		plan, err := d.o.Submitter.Plan(r.Context(), request, parsed)
		if err != nil {
			return err
		}
		respond.JSON(w, d.o.Log, http.StatusOK, plan)
		return nil
	}
	issued, err := d.o.Submitter.Submit(r.Context(), request, parsed)
	if err != nil {
		return err
	}
	status := http.StatusCreated
	if issued.Repeated {
		status = http.StatusOK
	}
	w.Header().Set("Location", "/api/v1/certificates/"+issued.Certificate.PublicName())
	issued.Certificate.Status = issued.Certificate.Standing(d.o.Now())
	respond.JSON(w, d.o.Log, status, issued)
	return nil
}

// take reads what is asked for, and whether it is only to be planned.
func (d *door) take(w http.ResponseWriter, r *http.Request) (q ca.Request, c ca.CSR, dry bool, err error) {
	parameters, err := query(r, "dry_run")
	if err != nil {
		return q, c, dry, err
	}
	if dry, err = boolean(parameters, "dry_run"); err != nil {
		return q, c, dry, err
	}
	body, err := respond.Body[order](w, r)
	if err != nil {
		return q, c, dry, err
	}
	// What comes by this socket comes by way of the command line, whatever program
	// speaks here: a header that named another door would be an authority's word
	// from a requester's mouth.
	q = ca.Request{
		ID: ca.RequestID(w.Header().Get(respond.RequestIDHeader)), Door: ca.DoorCLI, From: d.named(asker(r)),
		Profile: body.Profile, Line: body.Authority, At: d.o.Now(),
	}
	if q.Key, err = idempotencyKey(r); err != nil {
		return q, c, dry, err
	}
	if q.NotAfter, err = body.end(q.At); err != nil {
		return q, c, dry, err
	}
	if q.Profile == "" {
		return q, c, dry, ca.Invalid(ca.E1401, "the body names no profile", "GET /api/v1/profiles lists them").At("profile")
	}
	c, err = readCSR(body.CSR, dry)
	q.CSR = c.Raw
	return q, c, dry, err
}

// end is the wished end of the certificate; zero if none is wished.
func (o order) end(now time.Time) (time.Time, error) {
	switch {
	case o.NotAfter != "" && o.Days != nil:
		return time.Time{}, ca.Invalid(ca.E1401, "not_after and days are both set", "send one of them").At("days")
	case o.Days != nil:
		if *o.Days < 1 || *o.Days > maxDays {
			return time.Time{}, ca.Invalid(ca.E1401, fmt.Sprintf("days is %d", *o.Days), "ask for 1 day or more, at most what the profile allows").At("days")
		}
		return now.Add(time.Duration(*o.Days) * 24 * time.Hour), nil
	case o.NotAfter != "":
		return instant("not_after", o.NotAfter)
	}
	return time.Time{}, nil
}

// readCSR reads the request. That its sender holds the key the signer finds out
// (security rule SG-09), which nobody does twice: it is the dearest check of all. A
// dry run has to tell, as it does not get there.
func readCSR(text string, dry bool) (ca.CSR, error) {
	data := []byte(text)
	if !strings.Contains(text, "-----BEGIN ") {
		raw, err := base64.StdEncoding.DecodeString(text) // it skips line ends
		if err != nil {
			return ca.CSR{}, ca.Invalid(ca.E2203, "the request is neither PEM nor base64", "put the content of the .csr file there, or its DER in base64").At("csr")
		}
		data = raw
	}
	der, err := csr.Decode(data)
	if err != nil {
		return ca.CSR{}, at("csr", err)
	}
	parsed, err := csr.Parse(der)
	if err != nil {
		return ca.CSR{}, at("csr", err)
	}
	if dry {
		if err := csr.Check(parsed); err != nil {
			return ca.CSR{}, at("csr", err)
		}
	}
	return parsed.CSR, nil
}

// idempotencyKey reads the header of that name: printable ASCII, once.
func idempotencyKey(r *http.Request) (string, error) {
	const name = "Idempotency-Key"
	values := r.Header.Values(name)
	if len(values) == 0 {
		return "", nil
	}
	key := values[0]
	plain := strings.IndexFunc(key, func(c rune) bool { return c < ' ' || c > '~' }) < 0
	if len(values) > 1 || key == "" || len(key) > maxKey || !plain {
		return "", ca.Invalid(ca.E1401, "the Idempotency-Key is not usable", fmt.Sprintf("send one key of 1 to %d printable ASCII characters", maxKey)).At(name)
	}
	return key, nil
}
