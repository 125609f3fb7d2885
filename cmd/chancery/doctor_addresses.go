// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"chancery/ca"
	"chancery/client"
	"chancery/format"
	"chancery/internal/ocsp"
)

// maxAsked is how many addresses are fetched: those of some thirty authorities.
const maxAsked = 64

// An address is one that certificates carry, or that people are told, with a judge of
// what is there.
type address struct {
	what, url string
	judge     func(body []byte) error
}

// lookAtAddresses fetches each address that certificates carry (R143): whoever checks one
// refuses it, or accepts what was revoked, where its list cannot be had.
func lookAtAddresses(ctx context.Context, p *patient) (found []finding) {
	c := p.chronicle(ctx)
	if c.err != nil {
		return unread("the addresses in certificates")
	}
	s, err := p.layout.settings()
	if err != nil {
		return nil // lookAtSettings says it
	}
	all := addressesOf(c.authorities, p.now)
	if len(all) == 0 {
		return []finding{ok("certificates carry no addresses yet")}
	}
	all = append(all, address{"the trust bundle", s.PKIURL + "/pki/bundle.pem", func(body []byte) error { return bundleHas(body, c.authorities) }})
	// What another program serves, or nobody yet, is not this service's fault.
	own := ""
	if named, served := ports(s); named == served && p.serves(ctx) {
		own = hostAt(s.PKIURL)
	}
	answered, limited, silent, unseen := 0, 0, map[string]int{}, map[string]bool{}
	var mute []string // responders that say nothing
	for i, one := range all {
		if i == maxAsked {
			found = append(found, warning("", "%d more addresses were not fetched", len(all)-maxAsked))
			break
		}
		host := hostAt(one.url)
		if silent[host] > 0 { // one wait for a host that does not answer is enough
			silent[host]++
			continue
		}
		body, err := fetchAddress(ctx, one.url)
		if errors.Is(err, errLimited) && listsLimited(s) {
			limited++ // this machine's address is not among those of lists.allow
			continue
		}
		var unanswered *url.Error
		if errors.As(err, &unanswered) {
			silent[host]++
		} else if err == nil {
			err = one.judge(body)
		}
		if errors.Is(err, errTryLater) {
			mute = append(mute, one.what)
			continue
		}
		if err == nil {
			answered++
			continue
		}
		if servedElsewhere(s) && unreached(err) {
			unseen[host] = true
			found = append(found, ok("%s at %s cannot be asked from this machine (%s); publish.directory has what is published", one.what, one.url, manner(err)))
			continue
		}
		bad := failure("see that "+one.url+" is served, or change pki_url for new authorities", "%s is not at %s, where certificates say it is: %s", one.what, one.url, manner(err))
		if unanswered != nil && host != own {
			bad.Level = warned
		}
		bad.soon = unanswered == nil && host == own // a new authority's responder is not asked for at once
		found = append(found, bad)
	}
	if len(mute) > 0 {
		found = append(found, p.mute(ctx, mute))
	}
	for host, n := range silent {
		switch {
		case n > 1 && unseen[host]:
			found = append(found, ok("%s at %s were not fetched either", counted(n-1, "more address"), host))
		case n > 1:
			found = append(found, warning("", "%s at %s not fetched, since it does not answer", counted(n-1, "more address"), host))
		}
	}
	if limited > 0 {
		found = append(found, ok("%s refused to this machine, as lists.allow says", counted(limited, "list")))
	}
	if answered > 0 {
		found = append(found, ok("%s answer with what certificates say is there", counted(answered, "address")))
	}
	return found
}

// errTryLater is a responder that is where it should be, and has nobody who signs.
var errTryLater = errors.New("it answers nothing now (tryLater)")

// mute is about such responders: what is wrong with them is the same for all, and not their address.
func (p *patient) mute(ctx context.Context, responders []string) finding {
	what := strings.Join(responders, " and ") + " " + map[bool]string{true: "answers", false: "answer"}[len(responders) == 1] + " nothing now (tryLater)"
	var s ca.Status
	err := call(ctx, p.layout.socket("admin"), func(ctx context.Context, k *client.Client) (err error) {
		s, err = k.Status(ctx)
		return err
	})
	if err == nil && s.Sealed {
		return failure("chancery key unlock", "%s: the signing keys are locked", what)
	}
	return failure("chancery status, and the service's log, which says why", "%s: the signer makes no answers", what)
}

// addressesOf are the addresses that certificates of living authorities carry: those of
// their issuer's list, certificate and responder. One that is not set is carried by none.
func addressesOf(authorities []ca.Authority, now time.Time) (all []address) {
	for _, a := range authorities {
		if !now.Before(a.NotAfter) {
			continue
		}
		if a.CRL != "" {
			all = append(all, address{"the revocation list of " + a.Name, a.CRL, func(body []byte) error { return isListOf(body, a, now) }})
			for _, scope := range []ca.ListScope{ca.DeltaList, ca.ShardList(0)} { // of the shards one: they lie beside each other
				if slices.Contains(a.ListScopes(), scope) && !a.External && a.ListAddress(scope) != "" {
					all = append(all, address{fmt.Sprintf("the list %s of %s", scope, a.Name), a.ListAddress(scope), func(body []byte) error { return isListOf(body, a, now) }})
				}
			}
		}
		if a.Issuer != "" {
			all = append(all, address{"the certificate of " + a.Name, a.Issuer, func(body []byte) error { return isCertificateOf(body, a) }})
		}
		if q := questionTo(a); a.OCSP != "" && q != "" {
			all = append(all, address{"the OCSP responder of " + a.Name, a.OCSP + "/" + q, func(body []byte) error { return isAnswerOf(body, a, now) }})
		}
	}
	return all
}

// serves tells whether the service runs.
func (p *patient) serves(ctx context.Context) bool {
	return call(ctx, p.layout.socket("admin"), func(ctx context.Context, k *client.Client) error {
		_, err := k.Status(ctx)
		return err
	}) == nil
}

func isListOf(body []byte, a ca.Authority, now time.Time) error {
	l, err := x509.ParseRevocationList(unarmoured(body))
	if err != nil {
		return errors.New("what is there is no revocation list")
	}
	by, err := x509.ParseCertificate(a.Certificate)
	if err != nil {
		return err
	}
	switch {
	case l.CheckSignatureFrom(by) != nil:
		return errors.New("the list that is there was not signed by " + a.Name)
	case !now.Before(l.NextUpdate):
		return errors.New("the list that is there ended on " + atTime(l.NextUpdate))
	}
	return nil
}

func isCertificateOf(body []byte, a ca.Authority) error {
	x, err := x509.ParseCertificate(unarmoured(body))
	if err != nil {
		return errors.New("what is there is no certificate")
	}
	if !bytes.Equal(x.RawSubjectPublicKeyInfo, a.SPKI) {
		return errors.New("the certificate that is there is another's")
	}
	return nil
}

// questionTo is the path of a request about the serial number 1, which nobody has: the
// answer is signed all the same. It is empty if the authority's key cannot be read.
func questionTo(a ca.Authority) string {
	id, err := ocsp.CertID("sha1", a.Subject, a.SPKI, "01")
	if err != nil {
		return ""
	}
	der, err := ocsp.Encode(ocsp.Request{IDs: []ca.CertID{id}})
	if err != nil {
		return ""
	}
	return ocsp.Path(der)
}

func isAnswerOf(body []byte, a ca.Authority, now time.Time) error {
	r, err := ocsp.Read(body)
	var refusal ocsp.Failure
	if errors.As(err, &refusal) {
		if refusal.Status == ocsp.TryLater {
			return errTryLater
		}
		return errors.New("it says " + refusal.Error())
	}
	if err != nil {
		return errors.New("what is there is no OCSP response")
	}
	by, err := x509.ParseCertificate(a.Certificate)
	if err != nil {
		return err
	}
	if _, err := r.Signer(by, now); err != nil {
		return fmt.Errorf("no client believes it: %w", err)
	}
	return nil
}

// bundleHas demands that a bundle has each active authority.
func bundleHas(body []byte, authorities []ca.Authority) error {
	c, err := format.Read(body, nil)
	if err != nil || len(c.Certificates) == 0 {
		return errors.New("what is there is no bundle of certificates")
	}
	held := map[string]bool{}
	for _, der := range format.DERs(c.Certificates) {
		held[string(der)] = true
	}
	for _, a := range authorities {
		if a.State == ca.Active && !a.External && !held[string(a.Certificate)] {
			return errors.New("the bundle that is there lacks " + a.Name)
		}
	}
	return nil
}

// hostAt is the host of an address, with its port.
func hostAt(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Host
}

// manner says in what way an address does not answer.
func manner(err error) string {
	var name *net.DNSError
	var late net.Error
	switch {
	case errors.As(err, &name):
		return "the name " + ca.Show(name.Name) + " is not known here (DNS)"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there (connection refused)"
	case errors.As(err, &late) && late.Timeout():
		return fmt.Sprintf("no answer within %s", fetchWait)
	}
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err
	}
	return err.Error()
}
