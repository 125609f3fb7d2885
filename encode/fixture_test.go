// SPDX-License-Identifier: Apache-2.0

package encode_test

import "chancery/internal/hierarchy"

// The hierarchy of every key type, by its short names.
var (
	keyTypes   = hierarchy.KeyTypes()
	certID     = hierarchy.CertID
	signAnswer = hierarchy.SignOCSP
	noon       = hierarchy.Noon()
	keys       = hierarchy.Keys
	spki       = hierarchy.SPKI
	sign       = hierarchy.Sign
	rootDraft  = hierarchy.RootDraft
	authority  = hierarchy.Authority
	issuing    = hierarchy.Issuing
	draft      = hierarchy.Draft
)
