// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A trial changes a good chain, before it is signed or after.
type trial struct {
	name   string
	before func(*world)
	after  func(*world)
	// check and says are the failure that is due; none is where both accept.
	check, says string
}

var trials = []trial{
	{name: "a good chain"},
	{name: "a good chain, its server's name asked", after: func(w *world) { w.question.Name = "NAS.lab.example" }},
	{name: "a wildcard", before: func(w *world) { w.leafT.DNSNames = []string{"*.lab.example"} }, after: func(w *world) { w.question.Name = "nas.lab.example" }},
	{name: "an address", before: func(w *world) { w.leafT.IPAddresses = []net.IP{net.IPv4(10, 0, 0, 7)} }, after: func(w *world) { w.question.Name = "10.0.0.7" }},
	{name: "a root sent along", after: func(w *world) { w.question.Sent = append(w.question.Sent, w.root.cert) }},

	{name: "a chain of four", after: func(w *world) { w.deepen(1) }},
	{name: "a chain of four, and a path length between", after: func(w *world) { w.deepen(0) }, check: "authority", says: "Lab Policy allows 0 authorities below it, and there are 1"},
	{name: "a client's certificate", before: func(w *world) {
		w.leafT.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		w.question.Use = Client
	}},
	{name: "a person's", before: func(w *world) {
		w.leafT.ExtKeyUsage, w.leafT.EmailAddresses = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}, []string{"hana@lab.example"}
		w.question.Use, w.question.Name = Email, "hana@LAB.example"
	}},
	{name: "another person's", before: func(w *world) {
		w.leafT.ExtKeyUsage, w.leafT.EmailAddresses = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}, []string{"hana@lab.example"}
		w.question.Use, w.question.Name = Email, "Hana@lab.example"
	}, check: "name", says: "it names nas.lab.example, hana@lab.example"},
	{name: "a server's certificate for mail", before: func(w *world) { w.question.Use = Email }, check: "use", says: "is not for use as email"},
	{name: "a server's certificate for clients", before: func(w *world) { w.question.Use = Client }, check: "use", says: "is not for use as client"},
	{name: "an older list without it beside the one that has it", before: func(w *world) {
		w.leafT.SerialNumber = nextSerial()
		revoke(w.midList, w.leafT.SerialNumber)
	}, after: func(w *world) {
		older := *w.midList
		older.ThisUpdate, older.RevokedCertificateEntries = older.ThisUpdate.Add(-time.Hour), nil
		w.question.Lists = append(w.question.Lists, sign(w.t, &older, w.issuing))
	}, check: "revocation", says: "is revoked"},

	{name: "an expired certificate", before: func(w *world) { w.leafT.NotAfter = noon().AddDate(0, 0, -3) }, check: "dates", says: "expired on 2026-11-18"},
	{name: "an expired authority", before: func(w *world) { w.midT.NotAfter = noon().AddDate(0, 0, -3) }, check: "dates", says: "Lab Issuing expired"},
	{name: "an expired root", before: func(w *world) { w.rootT.NotAfter = noon().AddDate(0, 0, -3) }, check: "dates", says: "Lab Root expired"},
	{name: "not yet valid", before: func(w *world) { w.leafT.NotBefore = noon().Add(time.Hour) }, check: "dates", says: "not valid before"},
	{name: "a client's certificate for a server", before: func(w *world) { w.leafT.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, check: "use", says: "is not for use as server"},
	{name: "for any purpose", before: func(w *world) { w.leafT.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }, check: "use", says: "any purpose"},
	{name: "an authority for clients alone", before: func(w *world) { w.midT.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, check: "use", says: "the authority Lab Issuing may not"},
	{name: "a key usage that fits no server", before: func(w *world) { w.leafT.KeyUsage = x509.KeyUsageContentCommitment }, check: "use", says: "key usage"},
	{name: "a missing authority", after: func(w *world) { w.question.Sent = w.question.Sent[:1] }, check: "chain", says: "the authority that signed nas.lab.example is missing"},
	{name: "another root", after: func(w *world) {
		w.question.Roots = []*x509.Certificate{issue(w.t, "other", authority("Other Root", -1), nil).cert}
	}, check: "chain", says: "the authority that signed Lab Issuing is missing"},
	{name: "another root of the same name", after: func(w *world) {
		w.question.Roots = []*x509.Certificate{issue(w.t, "other", authority("Lab Root", -1), nil).cert}
	}, check: "chain", says: "another key of Lab Root"},
	{name: "the root sent, and not trusted", after: func(w *world) {
		w.question.Sent = append(w.question.Sent, w.root.cert)
		w.question.Roots = []*x509.Certificate{issue(w.t, "other", authority("Other Root", -1), nil).cert}
	}, check: "chain", says: "ends at a root that is not trusted"},
	{name: "self-signed", after: func(w *world) {
		w.question.Sent = []*x509.Certificate{issue(w.t, "leaf", server("nas.lab.example"), nil).cert}
	}, check: "chain", says: "signed itself"},
	{name: "a damaged signature", after: func(w *world) {
		der := append([]byte{}, w.leaf.cert.Raw...)
		der[len(der)-1] ^= 1
		w.question.Sent[0], _ = x509.ParseCertificate(der)
	}, check: "chain", says: "does not verify"},
	{name: "a path length exceeded", before: func(w *world) { w.rootT.MaxPathLen, w.rootT.MaxPathLenZero = 0, true }, check: "authority", says: "Lab Root allows 0 authorities"},
	{name: "an issuer that is no authority", before: func(w *world) {
		w.midT.IsCA, w.midT.MaxPathLenZero, w.midT.KeyUsage = false, false, x509.KeyUsageDigitalSignature
	}, check: "authority", says: "no authority (CA:FALSE)"},
	{name: "an issuer without basic constraints", before: func(w *world) {
		w.midT.IsCA, w.midT.MaxPathLenZero, w.midT.BasicConstraintsValid, w.midT.KeyUsage = false, false, false, x509.KeyUsageDigitalSignature
	}, check: "authority", says: "lacks the basic constraints"},
	{name: "an issuer that may not sign certificates", before: func(w *world) { w.midT.KeyUsage = x509.KeyUsageCRLSign }, check: "authority", says: "keyCertSign"},

	{name: "within constraints of every type", before: func(w *world) {
		everyName(w.leafT)
		everyConstraint(w.midT, "lab.example", "10.0.0.0/8")
	}},
	{name: "a DNS name not permitted", before: func(w *world) {
		w.midT.PermittedDNSDomains, w.midT.PermittedDNSDomainsCritical = []string{"other.example"}, true
	}, check: "constraints", says: "the DNS name nas.lab.example is not permitted"},
	{name: "a DNS name excluded by the root", before: func(w *world) {
		w.rootT.ExcludedDNSDomains, w.rootT.PermittedDNSDomainsCritical = []string{"lab.example"}, true
	}, check: "constraints", says: "Lab Root may not certify nas.lab.example: the DNS name nas.lab.example is excluded"},
	{name: "an address not permitted", before: func(w *world) {
		everyName(w.leafT)
		everyConstraint(w.midT, "lab.example", "192.168.0.0/16")
	}, check: "constraints", says: "the IP name 10.0.0.7 is not permitted"},
	{name: "a mailbox not permitted", before: func(w *world) {
		w.leafT.EmailAddresses = []string{"hana@else.example"}
		w.midT.PermittedEmailAddresses, w.midT.PermittedDNSDomainsCritical = []string{"lab.example"}, true
	}, check: "constraints", says: "the mail name hana@else.example is not permitted"},
	{name: "a URI excluded", before: func(w *world) {
		everyName(w.leafT)
		w.midT.ExcludedURIDomains, w.midT.PermittedDNSDomainsCritical = []string{".lab.example"}, true
	}, check: "constraints", says: "is excluded"},
	{name: "a directory name not permitted", before: func(w *world) {
		w.midT.ExtraExtensions = []pkix.Extension{directoryConstraint("Other")}
	}, check: "constraints", says: "the directory name CN=nas.lab.example is not permitted"},
	{name: "a directory name permitted", before: func(w *world) {
		w.leafT.Subject.Organization = []string{"LAB "}
		w.midT.ExtraExtensions = []pkix.Extension{directoryConstraint("Lab")}
	}},

	{name: "revoked", before: func(w *world) { w.leafT.SerialNumber = nextSerial(); revoke(w.midList, w.leafT.SerialNumber) }, check: "revocation", says: "is revoked since 2026-11-20"},
	{name: "a revoked authority", before: func(w *world) { w.midT.SerialNumber = nextSerial(); revoke(w.rootList, w.midT.SerialNumber) }, check: "revocation", says: "Lab Issuing is revoked"},
	{name: "no list", before: func(w *world) { w.midList = nil }, check: "revocation", says: "was not looked at"},
	{name: "an old list", before: func(w *world) { w.midList.NextUpdate = noon().Add(-time.Minute) }, check: "revocation", says: "ended on"},
	{name: "a list of tomorrow", before: func(w *world) { w.midList.ThisUpdate = noon().Add(time.Hour) }, check: "revocation", says: "is not valid before"},
	{name: "an authority that may not sign lists", before: func(w *world) { w.midT.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign }, after: func(w *world) {
		list := w.question.Lists[1]
		w.midT.KeyUsage, w.midT.SerialNumber = x509.KeyUsageCertSign, nil
		w.issuing = issue(w.t, "issuing", w.midT, w.root)
		w.question.Sent[1], w.question.Lists[1] = w.issuing.cert, list
	}, check: "revocation", says: "may not sign lists"},
	{name: "the list's part is this certificate's", before: func(w *world) {
		w.midList.ExtraExtensions = []pkix.Extension{issuingPointOf("http://ca.lab.example/issuing.crl")}
	}},
	{name: "the list's part is another", before: func(w *world) {
		w.midList.ExtraExtensions = []pkix.Extension{issuingPointOf("http://ca.lab.example/other.crl")}
	}, check: "revocation", says: "is not about this certificate"},

	{name: "SHA-1", before: func(w *world) {
		w.midT.SignatureAlgorithm, w.leafT.SignatureAlgorithm = 0, x509.ECDSAWithSHA1
	}, check: "strength", says: "can be forged"},
	{name: "an authority signed with SHA-1", before: func(w *world) { w.midT.SignatureAlgorithm = x509.ECDSAWithSHA1 }, check: "strength", says: "Lab Issuing is signed with"},
	{name: "a root signed with SHA-1", before: func(w *world) { w.rootT.SignatureAlgorithm = x509.ECDSAWithSHA1 }},
	{name: "a short key", before: func(w *world) { w.leafKey = "short" }, check: "strength", says: "RSA of 1024 bits"},
	{name: "a critical extension that nobody knows", before: func(w *world) {
		w.leafT.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
	}, check: "second-opinion", says: "unhandled critical extension"},
	{name: "another host's", after: func(w *world) { w.question.Name = "db.lab.example" }, check: "name", says: "it names nas.lab.example"},
	{name: "another address", after: func(w *world) { w.question.Name = "10.0.0.8" }, check: "name", says: "does not name 10.0.0.8"},
}

// everyName gives a template a name of each type that constraints know.
func everyName(c *x509.Certificate) {
	c.Subject.Organization = []string{"Lab"}
	c.IPAddresses = []net.IP{net.IPv4(10, 0, 0, 7)}
	c.EmailAddresses = []string{"hana@lab.example"}
	c.URIs = []*url.URL{{Scheme: "https", Host: "nas.lab.example", Path: "/x"}}
}

func everyConstraint(c *x509.Certificate, domain, network string) {
	_, n, _ := net.ParseCIDR(network)
	c.PermittedDNSDomainsCritical = true
	c.PermittedDNSDomains, c.PermittedEmailAddresses, c.PermittedURIDomains = []string{domain}, []string{domain}, []string{"." + domain}
	c.PermittedIPRanges = []*net.IPNet{n}
}

// directoryConstraint permits names that begin with an organisation.
func directoryConstraint(org string) pkix.Extension {
	rdns, _ := asn1.Marshal(pkix.Name{Organization: []string{org}}.ToRDNSequence())
	base, _ := asn1.Marshal(asn1.RawValue{Class: 2, Tag: kindDirectory, IsCompound: true, Bytes: rdns})
	tree, _ := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: base})
	permitted, _ := asn1.Marshal(asn1.RawValue{Class: 2, Tag: 0, IsCompound: true, Bytes: tree})
	value, _ := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: permitted})
	return pkix.Extension{Id: oidConstraints, Critical: true, Value: value}
}

func issuingPointOf(address string) pkix.Extension {
	wrap := func(tag int, inner []byte) []byte {
		out, _ := asn1.Marshal(asn1.RawValue{Class: 2, Tag: tag, IsCompound: true, Bytes: inner})
		return out
	}
	uri, _ := asn1.Marshal(asn1.RawValue{Class: 2, Tag: kindURI, Bytes: []byte(address)})
	value, _ := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: wrap(0, wrap(0, uri))})
	return pkix.Extension{Id: oidIssuingPoint, Critical: true, Value: value}
}

// Our verdict is OpenSSL's, and says the reason.
func TestEachVerdictIsThatOfOpenSSL(t *testing.T) {
	t.Parallel()
	for _, tt := range trials {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if tt.before != nil {
				tt.before(w)
			}
			w.build()
			if tt.after != nil {
				tt.after(w)
			}
			v := Check(w.question)
			if v.Good() != (tt.check == "") {
				t.Errorf("good is %v:\n%s", v.Good(), written(v))
			}
			if tt.check != "" && !failed(v, tt.check, tt.says) {
				t.Errorf("no failure of %s says %q:\n%s", tt.check, tt.says, written(v))
			}
			if said, good := openssl(t, w.question); good != v.Good() {
				t.Errorf("openssl disagrees: %s\n%s", said, written(v))
			}
		})
	}
}

func failed(v Verdict, id, says string) bool {
	for _, f := range v.Findings {
		if f.ID == id && f.Level == Failure && strings.Contains(f.Message, says) {
			return true
		}
	}
	return false
}

func written(v Verdict) string {
	var b strings.Builder
	for _, f := range v.Findings {
		fmt.Fprintf(&b, "%-5s %-12s %s  -> %s\n", f.Level, f.ID, f.Message, f.Hint)
	}
	return b.String()
}

// openssl asks the same question.
func openssl(t *testing.T, q Question, more ...string) (said string, good bool) {
	t.Helper()
	dir := t.TempDir()
	file := func(name, label string, ders ...[]byte) string {
		var text []byte
		for _, der := range ders {
			text = append(text, pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})...)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	raw := func(all []*x509.Certificate) (ders [][]byte) {
		for _, c := range all {
			ders = append(ders, c.Raw)
		}
		return ders
	}
	var lists [][]byte
	for _, l := range q.Lists {
		lists = append(lists, l.Raw)
	}
	args := []string{"verify", "-auth_level", "2", "-purpose", map[Use]string{Server: "sslserver", Client: "sslclient", Email: "smimesign"}[q.Use], "-attime", fmt.Sprint(q.At.Unix()), "-CAfile", file("roots", "CERTIFICATE", raw(q.Roots)...)}
	if more == nil {
		args = append(args, "-x509_strict", "-crl_check_all", "-CRLfile", file("lists", "X509 CRL", lists...))
	}
	if len(q.Sent) > 1 {
		args = append(args, "-untrusted", file("sent", "CERTIFICATE", raw(q.Sent[1:])...))
	}
	switch {
	case q.Name == "":
	case net.ParseIP(q.Name) != nil:
		args = append(args, "-verify_ip", q.Name)
	case strings.Contains(q.Name, "@"):
		args = append(args, "-verify_email", q.Name)
	default:
		args = append(args, "-verify_hostname", q.Name)
	}
	out, err := exec.CommandContext(t.Context(), "openssl", append(append(args, more...), file("leaf", "CERTIFICATE", q.Sent[0].Raw))...).CombinedOutput()
	return string(out), err == nil
}
