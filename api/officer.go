// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"strconv"

	"chancery/ca"
	"chancery/internal/respond"
)

// An Officer decides what only a person can know; see lifecycle.Registrar.
type Officer interface {
	Unknown(ctx context.Context, who ca.Actor) ([]ca.Unknown, error)
	Decide(ctx context.Context, who ca.Actor, index int64, d ca.Decision) error
}

// unsettled answers GET /unsettled.
func (d *door) unsettled(w http.ResponseWriter, r *http.Request) error {
	all, err := d.o.Officer.Unknown(r.Context(), asker(r))
	if err != nil {
		return err
	}
	respond.JSON(w, d.o.Log, http.StatusOK, whole(all))
	return nil
}

// A decision is the body of POST /unsettled/{index}: void, or the certificate in
// DER, in base64.
type decision struct {
	Void        bool   `json:"void"`
	Certificate []byte `json:"certificate"`
}

// decide answers POST /unsettled/{index}.
func (d *door) decide(w http.ResponseWriter, r *http.Request) error {
	index, err := strconv.ParseInt(r.PathValue("index"), 10, 64)
	if err != nil {
		return ca.NotFound(ca.E2101, "there is no such intent", "chancery recover")
	}
	body, err := respond.Body[decision](w, r)
	if err != nil {
		return err
	}
	if body.Void == (len(body.Certificate) > 0) {
		return ca.Invalid(ca.E1401, "a decision is either void or a certificate", "set one of them")
	}
	if err := d.o.Officer.Decide(r.Context(), asker(r), index, ca.Decision{Void: body.Void, DER: body.Certificate}); err != nil {
		return err
	}
	respond.JSON(w, d.o.Log, http.StatusOK, struct{}{})
	return nil
}
