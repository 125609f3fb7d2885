// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"encoding/json"
	"strings"
)

// An Exchange is a call and what became of it, for people who look for a fault. Secrets
// in its bodies are masked; headers, which may have a token, are no part of it.
type Exchange struct {
	Method, Path string
	Status       int
	// Sent and Got are bodies in JSON, empty for none.
	Sent, Got []byte
}

type traceKey struct{}

// WithTrace has every call under the context told to do, after its answer came.
func WithTrace(ctx context.Context, do func(Exchange)) context.Context {
	return context.WithValue(ctx, traceKey{}, do)
}

// traced tells of an exchange, if somebody asked for that.
func (q call) traced(ctx context.Context, status int, got []byte) {
	do, asked := ctx.Value(traceKey{}).(func(Exchange))
	if !asked {
		return
	}
	e := Exchange{Method: q.method, Path: q.path, Status: status, Got: masked(got)}
	if len(q.query) > 0 {
		e.Path += "?" + q.query.Encode()
	}
	if q.body != nil {
		if sent, err := json.Marshal(q.body); err == nil {
			e.Sent = masked(sent)
		}
	}
	do(e)
}

// secretWords are in the names of members whose values nobody else may read.
var secretWords = [...]string{"token", "secret", "password", "passphrase", "words", "private"}

// masked is a body with the texts of secret members taken out. What is no JSON is not
// shown at all.
func masked(body []byte) []byte {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return nil
	}
	out, err := json.Marshal(mask(v))
	if err != nil {
		return nil
	}
	return out
}

func mask(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, one := range v {
			v[name] = mask(one)
			if _, text := one.(string); text && isSecret(name) {
				v[name] = "(masked)"
			}
		}
	case []any:
		for i, one := range v {
			v[i] = mask(one)
		}
	}
	return v
}

func isSecret(name string) bool {
	name = strings.ToLower(name)
	for _, w := range secretWords {
		if strings.Contains(name, w) {
			return true
		}
	}
	return false
}
