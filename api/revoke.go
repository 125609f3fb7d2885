// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"

	"chancery/ca"
	"chancery/internal/respond"
)

// A Revoker takes trust away; see lifecycle.Registrar for what the errors are.
type Revoker interface {
	// Revoke revokes one certificate, as Find takes it, and waits for it.
	Revoke(ctx context.Context, who ca.Actor, ref string, why ca.Reason) (ca.Certificate, error)
	// PublishList has an authority's list made and published, valid for so many days,
	// zero for the usual.
	PublishList(ctx context.Context, who ca.Actor, authority string, days int) (ca.List, error)
}

// A revocation is the body of POST /revocations.
type revocation struct {
	Certificate string    `json:"certificate"`
	Reason      ca.Reason `json:"reason"`
}

// revoke answers POST /revocations with the certificate as it stands then.
func (d *door) revoke(w http.ResponseWriter, r *http.Request) error {
	body, err := respond.Body[revocation](w, r)
	if err != nil {
		d.o.Submitter.Refuse(asker(r), err)
		return err
	}
	if body.Certificate == "" {
		return ca.Invalid(ca.E1401, "no certificate is named", "set certificate to a serial number").At("certificate")
	}
	c, err := d.o.Revoker.Revoke(r.Context(), asker(r), body.Certificate, body.Reason)
	if err != nil {
		return err
	}
	c.DER, c.Status = nil, c.Standing(d.o.Now())
	respond.JSON(w, d.o.Log, http.StatusOK, c)
	return nil
}

// Lists knows the published lists.
type Lists interface {
	// Published gives what the list of an authority says of itself, false without one.
	Published(authority string) (ca.ListHead, bool)
}

// lists answers GET /crls with the heads of all lists that there are. Who may see
// the authorities may see them; the lists are for everybody.
func (d *door) lists(w http.ResponseWriter, r *http.Request) error {
	if _, err := query(r); err != nil {
		return err
	}
	all, err := d.o.Reader.Authorities(r.Context(), asker(r))
	if err != nil {
		return err
	}
	var heads []ca.ListHead
	for _, a := range all {
		if h, ok := d.o.Lists.Published(a.Name); ok {
			heads = append(heads, h)
		}
	}
	respond.JSON(w, d.o.Log, http.StatusOK, whole(heads))
	return nil
}

// A publication is the body of POST /crls/{name}.
type publication struct {
	Days int `json:"days"`
}

// publish answers POST /crls/{name} with what the new list says of itself.
func (d *door) publish(w http.ResponseWriter, r *http.Request) error {
	body, err := respond.Body[publication](w, r)
	if err != nil {
		d.o.Submitter.Refuse(asker(r), err)
		return err
	}
	l, err := d.o.Revoker.PublishList(r.Context(), asker(r), r.PathValue("name"), body.Days)
	if err != nil {
		return err
	}
	respond.JSON(w, d.o.Log, http.StatusOK, l)
	return nil
}
