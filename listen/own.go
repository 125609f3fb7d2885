// SPDX-License-Identifier: Apache-2.0

package listen

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"chancery/ca"
	"chancery/internal/csr"
	"chancery/internal/whole"
)

const (
	// lookAgain is how often it is looked whether another certificate is due: a new
	// generation signs the service's certificate soon after it was activated.
	lookAgain = 2 * time.Second
	// askWait bounds one request for a certificate.
	askWait = time.Minute
	// maxPause is the longest wait after one that was refused.
	maxPause = 5 * time.Minute
	// maxFile is far above a key and a chain.
	maxFile = 1 << 20
)

// An Issuer issues and says what it would issue; see lifecycle.Registrar.
type Issuer interface {
	Submit(ctx context.Context, q ca.Request, c ca.CSR) (ca.Issued, error)
	Plan(ctx context.Context, q ca.Request, c ca.CSR) (ca.Plan, error)
	// Standing gives a certificate as the book has it.
	Standing(ctx context.Context, der []byte) (ca.Certificate, error)
}

// Owned is what an Own is made of. All but Told must be set.
type Owned struct {
	// Path is the file of key and chain, which only this account may read.
	Path string
	// Host is the name, or the address, that the certificate is for, and Profile what it
	// is asked for under.
	Host, Profile string
	Issuer        Issuer
	Log           *slog.Logger
	Now           func() time.Time
	// NewID makes the id of a request.
	NewID func() ca.RequestID
	// Told is called when the first certificate can be used, and with what keeps it from
	// coming as often as that changes.
	Told func(err error)
}

// An Own is the certificate of the service's own listeners, with its key. It is asked for
// as anybody's is: the profile allows it, the signer signs it, the book has it.
type Own struct {
	o Owned
	// now is what is shown; nil before there is one.
	now atomic.Pointer[tls.Certificate]
	// told is what was said last to keep it from coming, and way the way out of that.
	told ca.Code
	way  string
	// noted says that there may be a note of that.
	noted bool
}

// NewOwn makes one; what is in its file already is used, if it can be.
func NewOwn(o Owned) *Own {
	own := &Own{o: o, noted: true}
	if o.Told == nil {
		own.o.Told = func(error) {}
	}
	c, err := own.read()
	switch {
	case err == nil:
		own.now.Store(c)
		own.o.Told(nil)
	case !errors.Is(err, os.ErrNotExist):
		o.Log.Warn("the certificate of the listeners is asked for anew", "file", o.Path, "error", err)
	}
	return own
}

// certificate is what a handshake shows.
func (own *Own) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c := own.now.Load(); c != nil {
		return c, nil
	}
	return nil, errors.New("the service has no certificate of its own yet")
}

// Run keeps the certificate fresh until ctx ends: a new one when two thirds of its life
// are over, when another generation signs, when it was revoked, and when there is none. The
// new one takes the old one's place between two handshakes.
func (own *Own) Run(ctx context.Context) error {
	pause := lookAgain
	for {
		wait := lookAgain
		if err := own.look(ctx); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			own.complain(err)
			wait, pause = pause, min(2*pause, maxPause)
			var p *ca.Problem
			if errors.As(err, &p) && (p.Kind == ca.LockedKind || p.Kind == ca.UnavailableKind) {
				wait, pause = lookAgain, lookAgain // somebody is about to mend it
			}
		} else {
			pause = lookAgain
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
	}
}

// complain tells what keeps the certificate from coming, once for each reason.
func (own *Own) complain(err error) {
	p := problemOf(err)
	switch {
	case own.told == p.Code && own.way == p.Fix:
		return
	case own.told == p.Code: // a generation waits to be activated by now
	case own.now.Load() != nil:
		own.o.Log.Warn("the listeners' certificate cannot be renewed or looked up; the one there is stays", "error", err)
	default:
		own.o.Told(err)
	}
	own.note(err)
	own.told, own.way = p.Code, p.Fix
}

// content is that nothing keeps a certificate from coming.
func (own *Own) content() {
	own.note(nil)
	own.told, own.way = "", ""
}

// look has a new certificate made if one is due.
func (own *Own) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	have := own.now.Load()
	if have != nil {
		due, err := own.due(ctx, have)
		if err != nil || !due {
			return err
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	q, parsed, err := own.request(key)
	if err != nil {
		return err
	}
	// A place for it first: a disk that takes no file must not have one certificate after
	// the other issued.
	f, err := own.place()
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // what was written is durable by then
	issued, err := own.o.Issuer.Submit(ctx, q, parsed)
	if err != nil {
		return err
	}
	c, file, err := own.pair(key, issued)
	if err != nil {
		return err
	}
	// The file first: what is shown and lost with the process would be asked for again. If
	// the disk failed meanwhile that is the smaller evil: it is shown, and nothing more is
	// asked for until the next is due.
	_, err = f.Write(file)
	if err == nil {
		err = f.Replace()
	}
	if err != nil {
		own.o.Log.Warn("the listeners' certificate is lost when the service stops, and will be asked for again", "error", err)
	}
	own.now.Store(c)
	own.content()
	own.o.Log.Info("the listeners have a new certificate", "serial", issued.Certificate.Serial, "authority", issued.Certificate.Authority, "until", issued.Certificate.NotAfter)
	if have == nil {
		own.o.Told(nil)
	}
	return nil
}

// due tells whether a certificate is to be replaced.
func (own *Own) due(ctx context.Context, have *tls.Certificate) (bool, error) {
	now, leaf := own.o.Now(), have.Leaf
	if life := leaf.NotAfter.Sub(leaf.NotBefore); now.After(leaf.NotBefore.Add(life * 2 / 3)) {
		return true, nil
	}
	row, err := own.o.Issuer.Standing(ctx, leaf.Raw)
	var p *ca.Problem
	if errors.As(err, &p) && p.Kind == ca.NotFoundKind {
		return true, nil // of another book, or of an authority that is no more
	}
	if err != nil {
		return false, err
	}
	if row.Revoked != nil {
		return true, nil
	}
	q, parsed, err := own.request(have.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		return false, err
	}
	plan, err := own.o.Issuer.Plan(ctx, q, parsed)
	if err != nil {
		own.complain(err)
		return false, nil // what is there goes on being good
	}
	own.content()
	return plan.Draft.Authority != row.Authority, nil
}

// request asks for a certificate of a key, as the service.
func (own *Own) request(key *ecdsa.PrivateKey) (ca.Request, ca.CSR, error) {
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: own.o.Host}}
	if ip := net.ParseIP(own.o.Host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{own.o.Host}
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return ca.Request{}, ca.CSR{}, fmt.Errorf("make a request: %w", err)
	}
	parsed, err := csr.Parse(der)
	if err != nil {
		return ca.Request{}, ca.CSR{}, fmt.Errorf("read our own request: %w", err)
	}
	return ca.Request{
		ID: own.o.NewID(), Door: ca.DoorService, From: ca.Actor{ID: "service", Name: "this service", Method: ca.MethodService, UID: -1},
		Profile: own.o.Profile, CSR: der, At: own.o.Now(),
	}, parsed.CSR, nil
}

// pair makes what a handshake shows, and the file that holds it: the key, the leaf, and
// the chain without the root, which whoever trusts it has.
func (own *Own) pair(key *ecdsa.PrivateKey, issued ca.Issued) (*tls.Certificate, []byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("write the key: %w", err)
	}
	var file bytes.Buffer
	_ = pem.Encode(&file, &pem.Block{Type: "PRIVATE KEY", Bytes: der}) // a buffer takes all
	chain := append([][]byte{issued.Certificate.DER}, issued.Chain[:max(len(issued.Chain)-1, 0)]...)
	for _, c := range chain {
		_ = pem.Encode(&file, &pem.Block{Type: "CERTIFICATE", Bytes: c})
	}
	c, err := own.parse(file.Bytes())
	return c, file.Bytes(), err
}

// parse reads key and chain, and sees that they belong together and to this host.
func (own *Own) parse(file []byte) (*tls.Certificate, error) {
	c, err := tls.X509KeyPair(file, file)
	if err != nil {
		return nil, fmt.Errorf("read key and certificate: %w", err)
	}
	if _, ok := c.PrivateKey.(*ecdsa.PrivateKey); !ok {
		return nil, errors.New("its key is of another type")
	}
	if err := c.Leaf.VerifyHostname(own.o.Host); err != nil {
		return nil, fmt.Errorf("the certificate is for another name: %w", err)
	}
	if now := own.o.Now(); now.Before(c.Leaf.NotBefore) || now.After(c.Leaf.NotAfter) {
		return nil, fmt.Errorf("the certificate was valid until %s", c.Leaf.NotAfter.Format(time.DateOnly))
	}
	return &c, nil
}

func (own *Own) read() (_ *tls.Certificate, err error) {
	f, err := os.Open(own.o.Path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if st, err := f.Stat(); err != nil || st.Mode().Perm()&0o077 != 0 {
		return nil, errors.Join(err, fmt.Errorf("others may read %s", own.o.Path))
	}
	file, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, err
	}
	return own.parse(file)
}

// place begins the file that is to replace the one that is there.
func (own *Own) place() (*whole.File, error) {
	if err := os.MkdirAll(filepath.Dir(own.o.Path), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the listeners' key: %w", err)
	}
	f, err := whole.Beside(own.o.Path, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write the listeners' key: %w", err)
	}
	return f, nil
}
