// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/pem"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"chancery/ca"
	"chancery/internal/respond"
)

// The forms of a certificate beside JSON: RFC 8555 §9.1 and RFC 2585 §4.1.
const (
	pemType = "application/pem-certificate-chain"
	derType = "application/pkix-cert"
	csrType = "application/pkcs10" // RFC 5967
)

// A page is a list as it is answered. NextCursor is null on the last page.
type page[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor"`
}

// whole is a list of one page. No items are an empty array and not null.
func whole[T any](items []T) page[T] { return page[T]{Items: append([]T{}, items...)} }

// list answers GET /certificates. The rows come without their DER, which would
// make a page of 500 some megabytes that hardly anybody reads.
func (d *door) list(w http.ResponseWriter, r *http.Request) error {
	f, err := filter(r, d.o.Now())
	if err != nil {
		return err
	}
	rows, err := d.o.Reader.List(r.Context(), asker(r), f)
	if err != nil {
		return err
	}
	p := whole(rows)
	for i := range p.Items {
		p.Items[i].DER, p.Items[i].Status = nil, p.Items[i].Standing(f.Now)
	}
	// A full page may be followed by an empty one; that costs less than counting.
	if n := len(rows); n > 0 && n >= f.Limit {
		next := strconv.FormatInt(int64(rows[n-1].ID), 10)
		p.NextCursor = &next
		q := r.URL.Query()
		q.Set("cursor", next)
		w.Header().Set("Link", "<"+r.URL.Path+"?"+q.Encode()+`>; rel="next"`)
	}
	respond.JSON(w, d.o.Log, http.StatusOK, p)
	return nil
}

// find answers GET /certificates/{ref}. The reference is a name in our book and
// never part of a path; what is refused here could not be one anyway, and is
// refused so that it never reaches a log or a query.
func (d *door) find(w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	ref := r.PathValue("ref")
	climbs := slices.ContainsFunc(strings.FieldsFunc(ref, func(c rune) bool { return c == '/' || c == '\\' }),
		func(step string) bool { return step == "." || step == ".." })
	if len(ref) > maxValue || climbs || !ca.PlainText(ref) || strings.TrimSpace(ref) == "" {
		return ca.NotFound(ca.E2101, "nothing here is called "+ca.Show(ref), "use a name, or a serial number in hex").At("ref")
	}
	form, err := respond.Accept(r, respond.JSONType, pemType, derType, csrType)
	if err != nil {
		return err
	}
	found, err := d.o.Reader.Find(r.Context(), asker(r), ref)
	if err != nil {
		return err
	}
	w.Header().Set("Vary", "Accept")
	if form == respond.JSONType {
		found.Certificate.Status = found.Certificate.Standing(d.o.Now())
		respond.JSON(w, d.o.Log, http.StatusOK, found)
		return nil
	}
	if form == csrType {
		if len(found.CSR) == 0 {
			return ca.NotFound(ca.E2101, "this certificate came of no request", "ask for JSON to see the row")
		}
		respond.File(w, form, found.CSR)
		return nil
	}
	der := found.Certificate.DER
	if len(der) == 0 {
		return ca.NotFound(ca.E2101, "there is no certificate under this serial number: its issuing was given up", "ask for JSON to see the row")
	}
	if form == derType {
		respond.File(w, form, der)
		return nil
	}
	// R126: leaf and intermediates. The root is left out, because whoever trusts it
	// has it and whoever has not must not take it from here. It is the chain's last.
	respond.File(w, form, chainPEM(der, found.Chain[:max(len(found.Chain)-1, 0)]))
	return nil
}

// authorities answers GET /authorities.
func (d *door) authorities(w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	all, err := d.o.Reader.Authorities(r.Context(), asker(r))
	if err != nil {
		return err
	}
	respond.JSON(w, d.o.Log, http.StatusOK, whole(all))
	return nil
}

// authority answers GET /authorities/{name}. Its PEM is the one certificate, so
// that a root can be fetched to be trusted and nothing else comes with it.
func (d *door) authority(w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	form, err := respond.Accept(r, respond.JSONType, pemType, derType)
	if err != nil {
		return err
	}
	all, err := d.o.Reader.Authorities(r.Context(), asker(r))
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(a ca.Authority) bool { return a.Name == r.PathValue("name") })
	if i < 0 {
		return ca.NotFound(ca.E2101, "there is no authority "+ca.Show(r.PathValue("name")), "chancery ca list").At("name")
	}
	w.Header().Set("Vary", "Accept")
	switch form {
	case derType:
		respond.File(w, form, all[i].Certificate)
	case pemType:
		respond.File(w, form, chainPEM(all[i].Certificate, nil))
	default:
		respond.JSON(w, d.o.Log, http.StatusOK, all[i])
	}
	return nil
}

// profiles answers GET /profiles.
func (d *door) profiles(w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	all, err := d.o.Reader.Profiles(r.Context(), asker(r))
	if err != nil {
		return err
	}
	respond.JSON(w, d.o.Log, http.StatusOK, whole(all))
	return nil
}

// status answers GET /status. It is 200 even while nothing is issued: that the
// status can be told is what was asked, and its problem says the rest.
func (d *door) status(w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	s, err := d.o.Reader.Status(r.Context(), asker(r))
	if err != nil {
		return err
	}
	respond.JSON(w, d.o.Log, http.StatusOK, s)
	return nil
}

// chainPEM writes certificates in the order of a TLS server's file.
func chainPEM(leaf []byte, chain [][]byte) []byte {
	var out []byte
	for _, der := range append([][]byte{leaf}, chain...) {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return out
}
