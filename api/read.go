// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/pem"
	"slices"
	"strings"

	"chancery/ca"
	"chancery/format"
)

// The forms of a certificate beside JSON: RFC 8555 §9.1, RFC 2585 §4.1, what servers call
// PKCS#7, and RFC 5967.
const (
	pemType  = "application/pem-certificate-chain"
	derType  = "application/pkix-cert"
	p7Type   = "application/x-pkcs7-certificates"
	textType = "text/plain"
	csrType  = "application/pkcs10"
	crlType  = "application/pkix-crl"
)

// A page is a part of a list as it is answered.
type page[T any] struct {
	Items []T `json:"items"`
	// NextCursor is null on the last page.
	NextCursor *ca.Cursor `json:"next_cursor"`
	// Count is how many there are in all pages, if that was asked for.
	Count *int64 `json:"count,omitempty"`
}

// whole is a list of one page. No items are an empty array and not null.
func whole[T any](items []T) page[T] { return page[T]{Items: append([]T{}, items...)} }

// list answers GET /certificates. The rows come without their DER, which would
// make a page of 500 some megabytes that hardly anybody reads.
func (c *call) list() (page[ca.Certificate], error) {
	f, err := c.filter(c.o.Now())
	if err != nil {
		return page[ca.Certificate]{}, err
	}
	rows, err := c.o.Reader.List(c.r.Context(), c.who(), f)
	if err != nil {
		return page[ca.Certificate]{}, err
	}
	p := whole(rows)
	for i := range p.Items {
		p.Items[i].DER, p.Items[i].Status = nil, p.Items[i].Standing(f.Now)
	}
	if n := len(rows); n > 0 {
		p.NextCursor = c.following(ca.Cursor{Order: f.Order(), ID: rows[n-1].ID}, n, f.Limit)
	}
	if c.query.Get("count") == "true" {
		n, err := c.o.Recorder.Count(c.r.Context(), c.who(), f)
		if err != nil {
			return p, err
		}
		p.Count = &n
	}
	return p, nil
}

// A found is a certificate as it is answered.
type found struct{ ca.Issued }

// find answers GET /certificates/{ref}. The reference is a name in our book and
// never part of a path; what is refused here could not be one anyway, and is
// refused so that it never reaches a log or a query.
func (c *call) find() (found, error) {
	ref, err := c.reference()
	if err != nil {
		return found{}, err
	}
	f, err := c.o.Reader.Find(c.r.Context(), c.who(), ref)
	return c.shown(f), err
}

// shown is a certificate as it stands now.
func (c *call) shown(i ca.Issued) found {
	i.Certificate.Status = i.Certificate.Standing(c.o.Now())
	return found{i}
}

// explain answers GET /certificates/{ref}/explanation.
func (c *call) explain() (ca.Provenance, error) {
	ref, err := c.reference()
	if err != nil {
		return ca.Provenance{}, err
	}
	return c.o.Explainer.Explain(c.r.Context(), c.who(), ref)
}

// reference is what a certificate is called in the path.
func (c *call) reference() (string, error) {
	ref := c.r.PathValue("ref")
	climbs := slices.ContainsFunc(strings.FieldsFunc(ref, func(c rune) bool { return c == '/' || c == '\\' }),
		func(step string) bool { return step == "." || step == ".." })
	if len(ref) > maxValue || climbs || !ca.PlainText(ref) || strings.TrimSpace(ref) == "" {
		return "", ca.NotFound(ca.E2101, "nothing here is called "+ca.Show(ref), "use a name, or a serial number in hex").At("ref")
	}
	return ref, nil
}

func (f found) file(form string) ([]byte, error) {
	if form == csrType {
		if len(f.CSR) == 0 {
			return nil, ca.NotFound(ca.E2101, "this certificate came of no request", "ask for JSON to see the row")
		}
		return f.CSR, nil
	}
	der := f.Certificate.DER
	if len(der) == 0 {
		return nil, ca.NotFound(ca.E2101, "there is no certificate under this serial number: its issuing was given up", "ask for JSON to see the row")
	}
	chain := append([][]byte{der}, f.Chain...)
	switch form {
	case derType:
		return der, nil
	case p7Type:
		return format.P7B(chain, nil)
	case textType:
		text, err := format.CertificateText(der)
		return []byte(text), err
	}
	// R126: leaf and intermediates. The root is left out, because whoever trusts it
	// has it and whoever has not must not take it from here. It is the chain's last.
	return chainPEM(chain[:max(len(chain)-1, 1)]), nil
}

// An authority is one as it is answered.
type authority struct{ ca.Authority }

func (a authority) file(form string) ([]byte, error) {
	if form == derType {
		return a.Certificate, nil
	}
	return chainPEM([][]byte{a.Certificate}), nil
}

func (c *call) allAuthorities() ([]ca.Authority, error) {
	return c.o.Reader.Authorities(c.r.Context(), c.who())
}

// authorities answers GET /authorities.
func (c *call) authorities() (page[ca.Authority], error) {
	all, err := c.allAuthorities()
	return whole(all), err
}

// authority answers GET /authorities/{name}.
func (c *call) authority() (authority, error) {
	name, err := c.called("name")
	if err != nil {
		return authority{}, err
	}
	all, err := c.allAuthorities()
	if err != nil {
		return authority{}, err
	}
	i := slices.IndexFunc(all, func(a ca.Authority) bool { return a.Name == name })
	if i < 0 {
		return authority{}, ca.NotFound(ca.E2101, "there is no authority "+ca.Show(name), "chancery ca list").At("name")
	}
	return authority{all[i]}, nil
}

// A succession is a line of authorities.
type succession struct {
	// Line is its name.
	Line string `json:"line"`
	// Signs is the generation that signs; empty while none can.
	Signs string `json:"signs,omitempty"`
	// Generations are the names of all, oldest first.
	Generations []string `json:"generations"`
	// Bundle is the number of the line's trust bundle, Hash the SHA-256 of its certificates.
	Bundle int       `json:"bundle"`
	Hash   ca.Digest `json:"sha256"`
}

// successions are the lines in the order of their first generation.
func (c *call) successions() ([]succession, error) {
	all, err := c.allAuthorities()
	var out []succession
	newest := map[string]ca.Authority{}
	for _, a := range all {
		i := slices.IndexFunc(out, func(s succession) bool { return s.Line == a.Line })
		if i < 0 {
			b := ca.BundleOf(all, a.Line)
			i, out = len(out), append(out, succession{Line: a.Line, Bundle: b.Number, Hash: b.Hash})
		}
		out[i].Generations = append(out[i].Generations, a.Name)
		if before, has := newest[a.Line]; a.State == ca.Active && ca.FallenOf(ca.Ancestry(all, a)) == "" && (!has || a.NewerThan(before)) {
			newest[a.Line], out[i].Signs = a, a.Name
		}
	}
	return out, err
}

// lines answers GET /lines.
func (c *call) lines() (page[succession], error) {
	all, err := c.successions()
	return whole(all), err
}

// line answers GET /lines/{line}.
func (c *call) line() (succession, error) {
	name, err := c.called("line")
	if err != nil {
		return succession{}, err
	}
	all, err := c.successions()
	if err != nil {
		return succession{}, err
	}
	i := slices.IndexFunc(all, func(s succession) bool { return s.Line == name })
	if i < 0 {
		return succession{}, ca.NotFound(ca.E2101, "there is no line "+ca.Show(name), "chancery ca list").At("line")
	}
	return all[i], nil
}

// A bundle is one as it is answered.
type bundle struct{ ca.Bundle }

func (b bundle) file(string) ([]byte, error) { return chainPEM(b.Certificates()), nil }

// bundle answers GET /bundles and GET /bundles/{line}.
func (c *call) bundle() (bundle, error) {
	line, err := c.called("line") // empty for all
	if err != nil {
		return bundle{}, err
	}
	all, err := c.allAuthorities()
	if err != nil {
		return bundle{}, err
	}
	b := ca.BundleOf(all, line)
	if len(b.Members) == 0 && line != "" {
		return bundle{}, ca.NotFound(ca.E2101, "there is no authority of the line "+ca.Show(line)+" to trust", "chancery ca list").At("line")
	}
	return bundle{b}, nil
}

// profiles answers GET /profiles.
func (c *call) profiles() (page[ca.Profile], error) {
	all, err := c.o.Reader.Profiles(c.r.Context(), c.who())
	return whole(all), err
}

// profile answers GET /profiles/{name}.
func (c *call) profile() (ca.Profile, error) {
	name, err := c.called("name")
	if err != nil {
		return ca.Profile{}, err
	}
	all, err := c.o.Reader.Profiles(c.r.Context(), c.who())
	if err != nil {
		return ca.Profile{}, err
	}
	i := slices.IndexFunc(all, func(p ca.Profile) bool { return p.Name == name })
	if i < 0 {
		return ca.Profile{}, ca.NotFound(ca.E2118, "there is no profile "+ca.Show(name), "GET /api/v1/profiles lists them").At("name")
	}
	return all[i], nil
}

// standing answers GET /status. It is 200 even while nothing is issued: that the
// status can be told is what was asked, and its problem says the rest.
func (c *call) standing() (ca.Status, error) {
	return c.o.Reader.Status(c.r.Context(), c.who())
}

// chainPEM writes certificates one after another.
func chainPEM(chain [][]byte) []byte {
	var out []byte
	for _, der := range chain {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return out
}
