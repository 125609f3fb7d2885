// SPDX-License-Identifier: Apache-2.0

package status

import (
	"net/http"
	"slices"
	"time"

	"chancery/ca"
	"chancery/format"
)

// trustForms are the files below /trust/, with the types by which browsers and devices
// offer to install them.
var trustForms = map[string]string{"ca.crt": "application/x-x509-ca-cert", "ca.pem": "application/x-pem-file", "ca.p7b": "application/x-pkcs7-certificates", "ca.mobileconfig": "application/x-apple-aspen-config"}

// trust answers with the CA certificate at the address that stays the same for ever (R4):
// the root in force as ca.crt and ca.pem, the whole bundle as ca.p7b, and the roots of its
// line, one to come among them, as a profile for Apple's devices. With ?dl=1 browsers save it
// and offer nothing else.
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
	if slices.Contains(r.URL.Query()["dl"], "1") {
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	}
	served(w, r, f, maxBundleAge, time.Time{})
}

func trustFile(all []ca.Authority, name string) ([]byte, error) {
	root, roots := ca.RootsOffered(all)
	switch {
	case len(roots) == 0:
		return nil, nil
	case name == "ca.crt":
		return root.Certificate, nil
	case name == "ca.pem":
		return format.PEM(format.Contents{Certificates: format.Items(root.Certificate)}, nil)
	case name == "ca.mobileconfig":
		// The first root that the line ever had is no other installation's, and stays the same:
		// a device takes the profile of later for the same one.
		first := all[slices.IndexFunc(all, func(a ca.Authority) bool { return a.Line == root.Line })]
		ders := make([][]byte, len(roots))
		for i, a := range roots {
			ders[i] = a.Certificate
		}
		return format.AppleProfile(first.Key.String(), ders)
	}
	return BundleFile(ca.BundleOf(all, ""), "p7b", "")
}
