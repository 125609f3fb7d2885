// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"chancery/ca"
	"chancery/format"
)

// maxBundleAge is how long caches may keep a bundle or a chain: relying parties have
// a new one soon after it is published.
const maxBundleAge = time.Minute

// A known is the authorities as the book had them, and what was made of them.
type known struct {
	all []ca.Authority

	// mu is held while a file is made, a tenth of a second for a key store: strangers who
	// ask for the same wait instead of having it made again.
	mu    sync.Mutex
	files map[string]file
}

// A file is what lies at an address.
type file struct {
	media  string
	bundle string // the header Chancery-Bundle of a bundle
	body   []byte // nil if nothing is published there
}

func (k *known) authority(name string) (ca.Authority, bool) {
	i := slices.IndexFunc(k.all, func(a ca.Authority) bool { return a.Name == name })
	if i < 0 {
		return ca.Authority{}, false
	}
	return k.all[i], true
}

// same tells whether nothing has changed: each change of a generation counts it up, but for
// who signs its OCSP answers, which is the policy's.
func (k *known) same(all []ca.Authority) bool {
	return slices.EqualFunc(k.all, all, func(a, b ca.Authority) bool {
		return a.Name == b.Name && a.Version == b.Version && a.OCSPByItself == b.OCSPByItself
	})
}

// made answers with a bundle or a chain.
func (d *door) made(w http.ResponseWriter, r *http.Request, name string) {
	how := addressed(name)
	if how == nil {
		notPublished(w)
		return
	}
	f, err := d.fresh(r.Context(), bookRefresh).file(name, how)
	if err != nil {
		d.o.Log.Error("a file for everybody cannot be made", "file", name, "error", err)
	}
	if f.body == nil {
		notPublished(w)
		return
	}
	if f.bundle != "" {
		w.Header().Set("Chancery-Bundle", f.bundle)
	}
	served(w, r, f, maxBundleAge, time.Time{})
}

// A recipe makes a file of the authorities; without a body if there is nothing to make.
type recipe func(all []ca.Authority) (file, error)

// addressed is the recipe for an address below /pki/, or nil:
//
//	bundle.FORM               the bundle of all lines
//	LINE.bundle.FORM          that of one
//	roots.bundle.FORM         the roots of all lines; a line cannot be called so here
//	LINE.roots.bundle.FORM    those of one
//	NAME.chain.pem            a generation, those above it, the root last
//	NAME.chain-no-root.pem    without the root
//	NAME.chain-reverse.pem    the root first
func addressed(name string) recipe {
	form, is := strings.CutPrefix(name, "bundle.")
	line, roots := "", false
	if !is {
		line, form, is = strings.Cut(name, ".bundle.")
		if line == "roots" {
			line, roots = "", true
		} else {
			line, roots = strings.CutSuffix(line, ".roots")
			is = is && listName(line)
		}
	}
	if is && mediaTypes[form] != "" {
		return func(all []ca.Authority) (file, error) {
			b := ca.BundleOf(all, line)
			if roots {
				b = b.Roots()
			}
			return bundled(b, form)
		}
	}
	of, shape, is := strings.Cut(name, ".chain")
	if is && listName(of) && slices.Contains([]string{".pem", "-no-root.pem", "-reverse.pem"}, shape) {
		return func(all []ca.Authority) (file, error) { return chained(all, of, shape) }
	}
	return nil
}

func bundled(b ca.Bundle, form string) (file, error) {
	if len(b.Members) == 0 {
		return file{}, nil
	}
	body, err := BundleFile(b, form, StorePassword) // nil where there is an error
	return file{mediaTypes[form], fmt.Sprintf("%d sha256=%s", b.Number, b.Hash), body}, err
}

func chained(all []ca.Authority, name, shape string) (file, error) {
	chain, err := ca.ChainOf(all, name, "")
	if err != nil {
		return file{}, nil //nolint:nilerr // there is no such generation, which is no fault
	}
	switch shape {
	case "-no-root.pem":
		chain = format.WithoutRoot(chain)
	case "-reverse.pem":
		slices.Reverse(chain)
	}
	body, err := format.PEM(format.Contents{Certificates: format.Items(chain...)}, nil)
	return file{media: mediaTypes["pem"], body: body}, err
}

// file makes a file, or gives the one that was made. What names no generation is not
// kept, so that strangers cannot fill the memory; what cannot be made is not tried
// again before something changes.
func (k *known) file(name string, how recipe) (file, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if f, is := k.files[name]; is {
		return f, nil
	}
	f, err := how(k.all)
	if err == nil && f.body == nil {
		return f, nil
	}
	if k.files == nil {
		k.files = map[string]file{}
	}
	k.files[name] = f
	return f, err
}
