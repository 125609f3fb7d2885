// SPDX-License-Identifier: Apache-2.0

package status

import (
	"net/http"
	"slices"
	"time"

	"chancery/ca"
	"chancery/format"
)

// newestRoot is the root that people are to install: the newest active one of the line that
// was founded first. While a successor stands by, it is the one in force; the bundle has
// both. It is false if there is none.
func newestRoot(all []ca.Authority) (ca.Authority, bool) {
	roots := ca.BundleOf(all, "").Roots().Members
	if len(roots) == 0 {
		return ca.Authority{}, false
	}
	found := roots[0]
	for _, a := range roots {
		if a.Line == roots[0].Line && (a.State == ca.Active || found.State != ca.Active) {
			found = a
		}
	}
	return found, true
}

// trustForms are the files below /trust/, with the types by which browsers and devices
// offer to install them.
var trustForms = map[string]string{"ca.crt": "application/x-x509-ca-cert", "ca.pem": "application/x-pem-file", "ca.p7b": "application/x-pkcs7-certificates"}

// trust answers with the CA certificate at the address that stays the same for ever (R4):
// the root in force as ca.crt and ca.pem, the whole bundle as ca.p7b. With ?dl=1 browsers
// save it and offer nothing else.
func (d *door) trust(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	media, is := trustForms[name]
	if !is {
		notPublished(w)
		return
	}
	f, err := d.fresh(r.Context(), bookRefresh).file("/trust/"+name, func(all []ca.Authority) (file, error) {
		body, err := trustFile(all, name)
		return file{media: media, body: body}, err
	})
	if err != nil {
		d.o.Log.Error("a file for everybody cannot be made", "file", name, "error", err)
	}
	if f.body == nil {
		notPublished(w)
		return
	}
	w.Header().Set("Content-Type", f.media)
	if slices.Contains(r.URL.Query()["dl"], "1") {
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	}
	served(w, r, maxBundleAge, time.Time{}, f.body)
}

func trustFile(all []ca.Authority, name string) ([]byte, error) {
	root, found := newestRoot(all)
	switch {
	case !found:
		return nil, nil
	case name == "ca.crt":
		return root.Certificate, nil
	case name == "ca.pem":
		return format.PEM(format.Contents{Certificates: format.Items(root.Certificate)}, nil)
	}
	return BundleFile(ca.BundleOf(all, ""), "p7b", "")
}
