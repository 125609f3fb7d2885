// SPDX-License-Identifier: Apache-2.0

package listen

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"chancery/ca"
	"chancery/internal/whole"
)

// notePath is the file beside the certificate that says why no new one comes.
func notePath(path string) string { return path + ".refused" }

// note writes down what keeps a new certificate from coming, for who looks while the
// service is down, or before anybody misses it; nil takes it away. It is a help only: what
// cannot be written is logged, and nothing waits for it.
func (own *Own) note(err error) {
	if err == nil && !own.noted {
		return
	}
	fault := os.Remove(notePath(own.o.Path))
	if errors.Is(fault, os.ErrNotExist) {
		fault = nil
	}
	if own.noted = err != nil; own.noted {
		body, _ := json.Marshal(problemOf(err)) // a problem has nothing but texts
		if fault = os.MkdirAll(filepath.Dir(own.o.Path), 0o700); fault == nil {
			fault = whole.Put(notePath(own.o.Path), 0o600, body)
		}
	}
	if fault != nil {
		own.o.Log.Warn("it cannot be written down how the listeners' certificate fares", "error", fault)
	}
}

func problemOf(err error) *ca.Problem {
	var p *ca.Problem
	if errors.As(err, &p) {
		return p
	}
	return &ca.Problem{Code: ca.E9000, Detail: err.Error()}
}

// Refused tells why no new certificate comes for the one in a file; nil if nothing keeps
// it, as far as the service last knew.
func Refused(path string) *ca.Problem {
	body, err := os.ReadFile(notePath(path))
	if err != nil {
		return nil
	}
	var p ca.Problem
	if json.Unmarshal(body, &p) != nil {
		return nil
	}
	return &p
}
