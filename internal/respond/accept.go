// SPDX-License-Identifier: Apache-2.0

package respond

import (
	"mime"
	"net/http"
	"strconv"
	"strings"

	"chancery/ca"
)

// maxAccept is how many media ranges are looked at; browsers send up to ten.
const maxAccept = 32

// Accept chooses one of the offered media types by the Accept header (RFC 9110
// §12.5.1). Without a header, and among equals, the first offer wins. The error
// is a Refusal with 406 that lists the offers.
func Accept(r *http.Request, offers ...string) (string, error) {
	lines := r.Header.Values("Accept")
	if len(lines) == 0 {
		return offers[0], nil
	}
	ranges := strings.SplitN(strings.Join(lines, ","), ",", maxAccept+1)
	ranges = ranges[:min(len(ranges), maxAccept)]
	best, bestQ := "", 0.0
	for _, offer := range offers {
		if q := quality(ranges, offer); q > bestQ {
			best, bestQ = offer, q
		}
	}
	if best == "" {
		p := ca.Invalid(ca.E1401, "this is not served in any form that the Accept header takes", "accept one of "+strings.Join(offers, ", "))
		return "", &Refusal{http.StatusNotAcceptable, p.At("Accept")}
	}
	return best, nil
}

// quality is the weight of the most specific range that covers an offer.
func quality(ranges []string, offer string) float64 {
	family, _, _ := strings.Cut(offer, "/")
	q, nearest := 0.0, 0
	for _, text := range ranges {
		mediaType, params, err := mime.ParseMediaType(text)
		if err != nil {
			continue // a range that cannot be read covers nothing
		}
		near := 0
		switch mediaType {
		case offer:
			near = 3
		case family + "/*":
			near = 2
		case "*/*":
			near = 1
		}
		if near > nearest {
			nearest, q = near, weight(params["q"])
		}
	}
	return q
}

// weight reads a q parameter; one that is malformed is taken as absent.
func weight(text string) float64 {
	q, err := strconv.ParseFloat(text, 64)
	if err != nil || !(q >= 0 && q <= 1) { // NaN is neither
		return 1
	}
	return q
}
