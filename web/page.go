// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"embed"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"chancery/ca"
	"chancery/internal/respond"
	"chancery/internal/socket"
)

const (
	// maxLookups is how often one source may look something up in a minute: each asks the
	// book, and perhaps the signer.
	maxLookups = 60
	// lookWait is how long it waits for them.
	lookWait = 5 * time.Second
	// policyOfPages is the content security policy of every page: nothing from elsewhere, no
	// script in the page itself, in no frame.
	policyOfPages = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

// Options are what the pages need. All but the switches must be set.
type Options struct {
	Book   Book
	Shelf  Shelf
	Teller Teller
	Log    *slog.Logger
	Now    func() time.Time
	// Names says that the names in certificates are public, Text that the certificates are,
	// as text and in PEM.
	Names, Text bool
	// Title is what this service is called.
	Title string
	// PKI is the address of what is public, over plain HTTP, and Secure that of the service
	// over TLS, without a slash at the end; empty is said on no page.
	PKI, Secure string
	// Contact is whom to ask, a line of plain text; empty is said on no page.
	Contact string
}

//go:embed *.html
var templates embed.FS

//go:embed style.css
var style []byte

type pages struct {
	o    Options
	page *template.Template
	rate socket.Rate
	kept shelf
}

// The pages.
const (
	lookupPage = "lookup.html"
	trustPage  = "trust.html"
)

// New makes the door of the public pages.
func New(o Options) (http.Handler, error) {
	t, err := template.New("pages").Funcs(template.FuncMap{"day": day, "groups": groups, "mark": mark, "sentence": sentence, "upper": strings.ToUpper, "sheet": sheet}).ParseFS(templates, "*.html")
	if err != nil {
		return nil, fmt.Errorf("read the templates of pages: %w", err)
	}
	p := &pages{o: o, page: t, rate: socket.Rate{Most: maxLookups}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.trust)
	mux.HandleFunc("GET /trust", p.trust)
	mux.HandleFunc("GET /lookup", p.form)
	mux.HandleFunc("POST /lookup", p.posted)
	mux.HandleFunc("GET /c/{name}", p.certificate)
	mux.Handle("GET /c/{$}", http.RedirectHandler("/lookup", http.StatusSeeOther))
	mux.Handle("GET /c", http.RedirectHandler("/lookup", http.StatusSeeOther))
	mux.HandleFunc("GET /web/style.css", p.style)
	return mux, nil
}

// Beside answers what the pages are at, and leaves the rest to another.
func Beside(pages, rest http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isPage(r.URL.Path) {
			pages.ServeHTTP(w, r)
			return
		}
		rest.ServeHTTP(w, r)
	})
}

// isPage tells whether a path is one of the pages'.
func isPage(path string) bool {
	return path == "/" || path == "/trust" || path == "/lookup" || path == "/c" || strings.HasPrefix(path, "/c/") || strings.HasPrefix(path, "/web/")
}

// A view is what a template shows.
type view struct {
	page    string // the template
	Title   string
	Asked   string
	Found   *Found
	Problem *ca.Problem
	Now     time.Time

	// What the trust page shows beside: the block to open, and whether the page came over
	// plain HTTP.
	Trust  *Trust
	System string
	Plain  bool
	// PKI and Secure are those of Options.
	PKI, Secure, Contact string
}

// Heading is what the page is about.
func (v view) Heading() string {
	switch {
	case v.page == trustPage:
		return "Trust this authority"
	case v.Found != nil:
		return v.Found.Status + ": " + v.Found.Name
	}
	return "Look up a certificate"
}

// form is the empty form, or the answer to ?q=.
func (p *pages) form(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query().Get("q")
	switch {
	case q != "":
		p.answer(w, r, q)
	case r.URL.RawQuery != "" || accepted(r) == asJSON: // a form is no answer to a program
		p.refuse(w, r, view{page: lookupPage}, ca.Invalid(ca.E1401, "it is not said which certificate is meant", "ask for /lookup?q= and a serial number or fingerprint"))
	default:
		p.show(w, r, http.StatusOK, view{page: lookupPage})
	}
}

// posted answers a form with a certificate in it, which no address could hold, and a program
// that sends the certificate itself. What it is its octets say: curl declares every body a form.
func (p *pages) posted(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAsked))
	asked := string(body)
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	_, notDER := x509.ParseCertificate(body)
	switch {
	case err != nil:
	case notDER == nil:
		asked = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: body}))
	case strings.Contains(asked, "-----BEGIN "): // a form has a plus for the blank
	case strings.TrimSpace(media) == "application/x-www-form-urlencoded":
		var form url.Values
		form, err = url.ParseQuery(asked)
		asked = form.Get("q")
	}
	if err != nil {
		p.refuse(w, r, view{page: lookupPage}, ca.Invalid(ca.E1401, "this is too long, or not as a form sends it", "paste one certificate in PEM"))
		return
	}
	p.answer(w, r, asked)
}

func (p *pages) certificate(w http.ResponseWriter, r *http.Request) {
	p.answer(w, r, r.PathValue("name"))
}

// answer looks up what was asked.
func (p *pages) answer(w http.ResponseWriter, r *http.Request, asked string) {
	if p.rate.Exceeds(r.RemoteAddr, p.o.Now()) {
		w.Header().Set("Retry-After", "60")
		p.refuse(w, r, view{page: lookupPage, Asked: asked}, ca.Busy(ca.E1307, "too much was looked up from this address", "wait a minute"))
		return
	}
	if len(asked) > maxAsked {
		p.refuse(w, r, view{page: lookupPage}, ca.Invalid(ca.E1401, "this is too long", "paste one certificate in PEM"))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), lookWait)
	defer cancel()
	f, err := p.find(ctx, asked)
	if err != nil {
		p.refuse(w, r, view{page: lookupPage, Asked: asked}, err)
		return
	}
	p.show(w, r, http.StatusOK, view{page: lookupPage, Asked: asked, Found: &f})
}

// refuse says why there is no answer.
func (p *pages) refuse(w http.ResponseWriter, r *http.Request, v view, err error) {
	var problem *ca.Problem
	if !errors.As(err, &problem) {
		p.o.Log.Error("a page cannot be answered", "page", v.page, "error", err)
		problem = ca.Unavailable(ca.E2301, "it cannot be looked up at this moment", "try again in a while")
	}
	_, status := respond.Judge(problem)
	if problem.Code == ca.E1307 {
		status = http.StatusTooManyRequests
	}
	v.Problem = problem
	p.show(w, r, status, v)
}

// asJSON is the form for programs.
const asJSON = "application/json"

// accepted is the form of the answer that somebody wants: a page, if not told otherwise.
func accepted(r *http.Request) string {
	form, err := respond.Accept(r, "text/html", asJSON)
	if err != nil {
		return "text/html"
	}
	return form
}

// show answers with a page, or with JSON for a program.
func (p *pages) show(w http.ResponseWriter, r *http.Request, status int, v view) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policyOfPages)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Accept")
	if accepted(r) == asJSON {
		switch {
		case v.Problem != nil:
			respond.Fail(w, r, p.o.Log, &respond.Refusal{Status: status, Problem: v.Problem})
			return
		case v.Found != nil:
			respond.JSON(w, p.o.Log, status, v.Found)
			return
		case v.Trust != nil:
			respond.JSON(w, p.o.Log, status, v.Trust)
			return
		}
	}
	v.Title, v.Now, v.PKI, v.Secure, v.Contact = p.o.Title, p.o.Now().UTC(), p.o.PKI, p.o.Secure, p.o.Contact
	if strings.Contains(v.Asked, "-----") {
		v.Asked = "" // what was pasted is not sent back
	}
	var b bytes.Buffer
	if err := p.page.ExecuteTemplate(&b, v.page, v); err != nil {
		p.o.Log.Error("a page cannot be made", "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes()) // whoever is gone is gone
	}
}

// style answers with the one sheet of styles.
func (p *pages) style(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/css; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=3600")
	h.Set("ETag", `"`+sheet()+`"`)
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(style))
}

// sheet names this version of the styles: pages ask for it by that, so that no browser puts an
// older one before a page of now.
func sheet() string {
	sum := sha256.Sum256(style)
	return hex.EncodeToString(sum[:8])
}

// day is a time as people read it.
func day(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04") + " UTC" }

// groups puts a fingerprint into groups of four digits.
func groups(digits string) (all []string) {
	for ; len(digits) > 4; digits = digits[4:] {
		all = append(all, digits[:4])
	}
	return append(all, digits)
}

// sentence begins a text with a capital letter.
func sentence(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// mark is the sign beside a status, so that it is not told by colour alone.
func mark(status string) string {
	switch status {
	case "valid":
		return "✓"
	case "revoked", "issuer revoked":
		return "✗"
	case "unknown", "unavailable":
		return "?"
	}
	return "!"
}
