// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"time"

	"chancery/ca"
)

// keptFor is how long the authorities are not read again for the trust page, however many
// ask for it.
const keptFor = 5 * time.Second

// A Trust is what a device is to be made to trust.
type Trust struct {
	// Roots are those of the line that was founded first, in the order of the book.
	Roots []Root `json:"roots"`
}

// A Root is one of them.
type Root struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	// SHA256 is the fingerprint, in hexadecimal digits.
	SHA256    string    `json:"sha256"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	// State is active, or standby before its time and retiring after it. InForce is the one
	// that /trust/ca.crt gives.
	State   string `json:"state"`
	InForce bool   `json:"in_force"`
	// Certificate is its address.
	Certificate string `json:"certificate"`
}

// InForce is the root to install.
func (t Trust) InForce() Root {
	for _, r := range t.Roots {
		if r.InForce {
			return r
		}
	}
	return Root{}
}

// Store is what the stores of computers call the root, as chancery trust does, so that
// chancery trust remove finds it.
func (r Root) Store() string { return "chancery-" + r.SHA256[:16] }

// Colons is the fingerprint as OpenSSL and Java write it.
func (r Root) Colons() string {
	var pairs []string
	for digits := strings.ToUpper(r.SHA256); digits != ""; digits = digits[2:] {
		pairs = append(pairs, digits[:2])
	}
	return strings.Join(pairs, ":")
}

// A shelf keeps the authorities for a while.
type shelf struct {
	mu   sync.Mutex // guards the rest, for a look and a change, never for a reading
	all  []ca.Authority
	read time.Time
}

// authorities are those of keptFor ago at most, or of longer ago while the book is away.
func (p *pages) authorities(ctx context.Context) ([]ca.Authority, error) {
	now := p.o.Now()
	p.kept.mu.Lock()
	all, fresh := p.kept.all, len(p.kept.all) > 0 && now.Sub(p.kept.read).Abs() < keptFor
	p.kept.mu.Unlock()
	if fresh {
		return all, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	read, err := p.o.Shelf.Authorities(ctx)
	if err != nil {
		if len(all) > 0 {
			return all, nil //nolint:nilerr // roots are as good while the book is away
		}
		return nil, err
	}
	p.kept.mu.Lock()
	defer p.kept.mu.Unlock()
	p.kept.all, p.kept.read = read, now
	return read, nil
}

// trust is the page by which people make their devices trust the root (R121).
func (p *pages) trust(w http.ResponseWriter, r *http.Request) {
	all, err := p.authorities(r.Context())
	if err != nil {
		p.refuse(w, r, view{page: trustPage}, err)
		return
	}
	inForce, roots := ca.RootsOffered(all)
	if len(roots) == 0 {
		p.refuse(w, r, view{page: trustPage}, ca.NotFound(ca.E2101, "there is no root to trust here", "ask whoever runs this service"))
		return
	}
	t := &Trust{}
	for _, a := range roots {
		sum := sha256.Sum256(a.Certificate)
		one := Root{Name: a.Name, Subject: commonOf(a.Certificate), SHA256: hex.EncodeToString(sum[:]), NotBefore: a.NotBefore.UTC(), NotAfter: a.NotAfter.UTC(),
			State: string(a.State), InForce: a.Name == inForce.Name, Certificate: "/pki/" + a.Name + ".crt"}
		t.Roots = append(t.Roots, one)
	}
	p.show(w, r, http.StatusOK, view{page: trustPage, Trust: t, System: systemOf(r.UserAgent()), Plain: r.TLS == nil})
}

// commonOf is what people call a root.
func commonOf(der []byte) string {
	if c, err := x509.ParseCertificate(der); err == nil && c.Subject.CommonName != "" {
		return c.Subject.CommonName
	}
	return subjectOf(der)
}

// systems are what browsers say of where they run, by the block of the page that is opened for
// it; the first that fits. Android says Linux too, and an iPad may say that it is a Mac.
var systems = [][2]string{{"Android", "android"}, {"iPhone", "ios"}, {"iPad", "ios"}, {"Windows", "windows"}, {"Macintosh", "macos"}, {"Fedora", "fedora"}, {"Linux", "debian"}}

// systemOf guesses for whom a block is opened; it decides nothing else.
func systemOf(agent string) string {
	for _, s := range systems {
		if strings.Contains(agent, s[0]) {
			return s[1]
		}
	}
	return ""
}
