// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"crypto/x509"
	"fmt"
	"time"
)

// dates judges the validity of each certificate of a path, the root's included: all
// verifiers do, though RFC 5280 §6.1.1 leaves a root's to them.
func (q Question) dates(path []*x509.Certificate) (found []Finding) {
	first := path[0]
	for _, c := range path {
		if c.NotAfter.Before(first.NotAfter) {
			first = c
		}
		switch end := c.NotAfter.Local().Format(time.DateTime); {
		case q.At.After(c.NotAfter):
			found = append(found, failure(checkDates, renewal(c), "%s expired on %s, %s ago", Title(c), end, span(q.At.Sub(c.NotAfter))))
		case q.At.Before(c.NotBefore):
			found = append(found, failure(checkDates, "look at the clock of this machine, and of the one that signed", "%s is not valid before %s", Title(c), c.NotBefore.Local().Format(time.DateTime)))
		case q.Soon > 0 && c.NotAfter.Sub(q.At) < q.Soon && !(q.OnceDue && q.At.Before(c.NotBefore.Add(c.NotAfter.Sub(c.NotBefore)*2/3))):
			found = append(found, warning(checkDates, renewal(c), "%s expires on %s, in %s", Title(c), end, span(c.NotAfter.Sub(q.At))))
		}
	}
	if len(found) == 0 {
		found = append(found, finding(checkDates, fmt.Sprintf("all are valid now; the first to expire is %s, on %s, in %s", Title(first), first.NotAfter.Local().Format(time.DateTime), span(first.NotAfter.Sub(q.At)))))
	}
	return found
}

func renewal(c *x509.Certificate) string {
	if c.IsCA {
		return "a new certificate of this authority must be installed"
	}
	return "renew it"
}

// span is a duration in its largest whole unit.
func span(d time.Duration) string {
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if n := int(d / unit.size); n > 1 {
			return fmt.Sprintf("%d %ss", n, unit.name)
		} else if n == 1 {
			return "1 " + unit.name
		}
	}
	return "less than a minute"
}
