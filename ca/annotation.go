// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Bounds of annotations: an address as RFC 5321 §4.5.3.1.3 allows it, and as many words as
// a row of a list can show.
const (
	maxContact  = 254
	MaxTags     = 16
	maxTagWord  = 40
	tagAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789-_.:/="
)

// EventAnnotated is the kind of the event that tells of a changed annotation. What it says
// is about the certificate and the annotation's digest: an address is somebody's own, and
// the log forgets nothing.
const EventAnnotated = "annotated"

// An Annotation is what people say of a certificate. It gives nobody a right.
type Annotation struct {
	// Contact is whom to ask about it, such as an address.
	Contact string `json:"contact,omitempty"`
	// Tags are words to find it by, in order, each once: lower-case letters, digits and
	// -_.:/=.
	Tags []string `json:"tags,omitempty"`
}

// Ordered is the annotation with its tags in order, each once, or the Problem (E1401) of
// what none may be.
func (a Annotation) Ordered() (Annotation, error) {
	a.Tags = slices.Clone(a.Tags)
	slices.Sort(a.Tags)
	a.Tags = slices.Compact(a.Tags)
	if len(a.Contact) > maxContact || !PlainText(a.Contact) || strings.TrimSpace(a.Contact) != a.Contact {
		return a, Invalid(E1401, fmt.Sprintf("a contact is one line of at most %d octets", maxContact), "such as hana@lab.example").At("contact")
	}
	if len(a.Tags) > MaxTags {
		return a, Invalid(E1401, fmt.Sprintf("a certificate has at most %d tags", MaxTags), "leave some out").At("tags")
	}
	for _, t := range a.Tags {
		if t == "" || len(t) > maxTagWord || strings.Trim(t, tagAlphabet) != "" {
			return a, Invalid(E1401, Show(t)+" is no tag", fmt.Sprintf("use lower-case letters, digits and -_.:/=, at most %d", maxTagWord)).At("tags")
		}
	}
	return a, nil
}

// Digest is what the log has of an annotation.
func (a Annotation) Digest() Digest {
	document, err := json.Marshal(a)
	if err != nil {
		return Digest{} // no value of these types fails
	}
	return sha256.Sum256(append([]byte("chancery annotation v1\n"), document...))
}

// An Annotated is the row of an annotation.
type Annotated struct {
	Certificate ID
	Annotation
}

// An AnnotationChange is what is to become otherwise; nil stays.
type AnnotationChange struct {
	Contact *string   `json:"contact,omitempty"`
	Tags    *[]string `json:"tags,omitempty"`
}

// Of is the annotation after the change.
func (c AnnotationChange) Of(a Annotation) (Annotation, error) {
	if c.Contact == nil && c.Tags == nil {
		return a, Invalid(E1401, "nothing is to be changed", "set contact or tags")
	}
	if c.Contact != nil {
		a.Contact = *c.Contact
	}
	if c.Tags != nil {
		a.Tags = *c.Tags
	}
	return a.Ordered()
}
