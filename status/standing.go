// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"errors"

	"chancery/ca"
	"chancery/internal/ocsp"
)

// Standing says how a certificate of an authority stands, as OCSP says it to everybody: the
// signer's word, at most as old as an answer that is kept. An error says that it is not
// known.
func (o *OCSP) Standing(ctx context.Context, issuer ca.Authority, serial ca.Serial) (ca.OCSPSingle, error) {
	id, err := ocsp.CertID("sha256", issuer.Subject, issuer.SPKI, serial)
	if err != nil {
		return ca.OCSPSingle{}, err
	}
	said, err := o.answer(ctx, ocsp.Request{IDs: []ca.CertID{id}})
	if err != nil {
		return ca.OCSPSingle{}, err
	}
	r, err := ocsp.Read(said.der)
	if err != nil {
		return ca.OCSPSingle{}, err
	}
	if len(r.Singles) != 1 {
		return ca.OCSPSingle{}, errors.New("the answer is about something else")
	}
	return r.Singles[0], nil
}
