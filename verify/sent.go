// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"crypto/x509"
	"slices"
)

// sent judges what came beside the certificate (R126): all authorities below the
// root, in order, and neither the root, which who trusts it has, nor anything else.
func (q Question) sent(path []*x509.Certificate) []Finding {
	if len(q.Sent) == 1 && len(path) == 1 {
		return nil
	}
	found := append(q.missing(path), q.needless(path)...)
	if !inOrder(q.Sent, path) {
		found = append(found, warning(checkSent, "put each certificate before the one that signed it",
			"the certificates are not in order: TLS before 1.3 wants each to be followed by its issuer (RFC 8446 §4.4.2)"))
	}
	if len(found) == 0 {
		found = append(found, finding(checkSent, "certificate and authorities are complete, in order, and without the root"))
	}
	return found
}

// missing are the authorities below the root that were not sent.
func (q Question) missing(path []*x509.Certificate) (found []Finding) {
	for i := 1; i < len(path)-1; i++ {
		if contains(q.Sent, path[i]) {
			continue
		}
		hint := where(path[i-1], "append it to the certificate")
		if q.Complete {
			found = append(found, failure(checkSent, hint, "the authority %s is not sent: who has the root alone refuses the certificate", Title(path[i])))
		} else {
			found = append(found, warning(checkSent, hint, "the authority %s is not in it: a server that sends this alone is refused by all who have the root alone", Title(path[i])))
		}
	}
	return found
}

// needless are certificates that do not belong there.
func (q Question) needless(path []*x509.Certificate) (found []Finding) {
	for i, c := range q.Sent[1:] {
		switch at := slices.IndexFunc(path, c.Equal); {
		case contains(q.Sent[:i+1], c):
			found = append(found, warning(checkSent, "take it out once", "%s is there twice", Title(c)))
		case at > 0 && at == len(path)-1, at < 0 && selfSigned(c):
			found = append(found, warning(checkSent, "take it out", "the root %s is sent along needlessly: who trusts it has it, and nobody else takes it from there", Title(c)))
		case at < 0:
			found = append(found, warning(checkSent, "take it out, unless clients with another root need it", "%s is no part of this chain", Title(c)))
		}
	}
	return found
}

// inOrder tells whether the members of a path come in its order.
func inOrder(sent, path []*x509.Certificate) bool {
	last := 0
	for _, c := range sent {
		at := slices.IndexFunc(path, c.Equal)
		if at >= 0 && at < last {
			return false
		}
		last = max(last, at)
	}
	return true
}

// leadFirst puts the certificate in question first, where authorities came before it:
// the one that the key belongs to, or that is no authority.
func (q *Question) leadFirst() []Finding {
	if !q.Sent[0].IsCA || q.Key != nil && sameKey(q.Sent[0].PublicKey, q.Key) {
		return nil
	}
	at := slices.IndexFunc(q.Sent, func(c *x509.Certificate) bool {
		return !c.IsCA && (q.Key == nil || sameKey(c.PublicKey, q.Key))
	})
	if at < 0 {
		return nil
	}
	lead := q.Sent[at]
	q.Sent = slices.Concat([]*x509.Certificate{lead}, q.Sent[:at], q.Sent[at+1:])
	return []Finding{failure(checkSent, "put it first", "the certificate of %s does not come first: a server takes the first one for its own", Title(lead))}
}
