// SPDX-License-Identifier: Apache-2.0

package api

import (
	_ "embed"
	"net/http"
	"slices"

	"chancery/internal/respond"
)

// The methods, short, because the table below is read in columns.
const (
	get   = http.MethodGet
	post  = http.MethodPost
	patch = http.MethodPatch
)

// operations are all that the door can be asked, in the order of the documents.
func operations() []operation {
	return slices.Concat(requestOperations(), certificateOperations(), authorityOperations(), policyOperations(), revocationOperations(), ownerOperations(), recordOperations(), tokenOperations(), serviceOperations())
}

func requestOperations() []operation {
	return []operation{
		takes(operation{
			method: post, path: "requests", id: "submitRequest", group: "requests", summary: "Ask for a certificate",
			tell:       "The answer has the certificate: 201 when it was made now, 200 when the same request had led to it before. With dry_run it is the plan alone.",
			parameters: []parameter{dryRun}, keyed: true, status: http.StatusCreated, also: []int{http.StatusOK}, fails: []int{404, 409, 415, 413, 422},
		}, (*call).submit),
		takes(operation{
			method: post, path: "requests:batch", id: "submitRequests", group: "requests", summary: "Ask for many certificates",
			tell: "At most 256 requests; each is judged for itself, and its line of the answer has the status that it would have had alone. With an Idempotency-Key " +
				"each line has a key of its own, made of it and the line's place.",
			parameters: []parameter{dryRun}, keyed: true, most: respond.MaxBatch, fails: []int{415, 413},
		}, (*call).batch),
		gives(operation{
			method: get, path: "requests/{id}", id: "getRequest", group: "requests", summary: "What became of a request", fails: []int{404},
			tell: "Requests of others are found by who may read them, and are not there for anybody else.",
		}, (*call).request),
	}
}

func certificateOperations() []operation {
	return []operation{
		gives(operation{
			method: get, path: "certificates", id: "listCertificates", group: "certificates", summary: "List certificates",
			tell:       "The rows come without their DER. Without the right to read those of others the list is of one's own.",
			parameters: filters(),
		}, (*call).list),
		gives(operation{
			method: get, path: "certificates/{ref}", id: "getCertificate", group: "certificates", summary: "One certificate",
			tell: "By public name, serial number in hex, its last eight digits or more, fingerprint (SHA-256 of the certificate, with colons or without), or a name. In JSON with chain and request; as a PEM chain from the leaf to the last " +
				"below the root; in PKCS#7 with the root.",
			forms: []string{pemType, derType, p7Type, textType, csrType}, fails: []int{400, 404},
		}, (*call).find),
		gives(operation{
			method: get, path: "certificates/{ref}/explanation", id: "explainCertificate", group: "certificates", summary: "How a certificate came about",
			tell: "Who asked and by which door; under which version of the policy, and which rule of it allowed each name, set by whom and when; what the other rules came to; " +
				"the leaf of the log with the proof that a checkpoint covers it; and all that happened since. It is read from the log, also where the profile has changed " +
				"since. What cannot be found out stands in unknown.",
			fails: []int{400, 404},
		}, (*call).explain),
		takes(operation{
			method: patch, path: "certificates/{ref}", id: "annotateCertificate", group: "certificates", summary: "Say whom to ask about a certificate, and tag it",
			tell: "Members that are left out stay; an empty one is removed. The certificate itself, its owner and its rights do not change. The answer is the certificate " +
				"as it is then, or would be with dry_run; the change is on the log by its digest.",
			parameters: []parameter{dryRun}, matched: true, fails: []int{404, 412, 413, 415, 428},
		}, (*call).annotate),
	}
}

func authorityOperations() []operation {
	return []operation{
		gives(operation{
			method: get, path: "authorities", id: "listAuthorities", group: "authorities", summary: "Every generation, oldest first",
		}, (*call).authorities),
		gives(operation{
			method: get, path: "authorities/{name}", id: "getAuthority", group: "authorities", summary: "One generation",
			tell: "In PEM its certificate alone, so that a root can be fetched to be trusted and nothing else comes with it.", forms: []string{pemType, derType}, fails: []int{404},
		}, (*call).authority),
		gives(operation{
			method: get, path: "lines", id: "listLines", group: "authorities", summary: "The lines of authorities, and which generation of each signs",
		}, (*call).lines),
		gives(operation{
			method: get, path: "lines/{line}", id: "getLine", group: "authorities", summary: "One line", fails: []int{404},
		}, (*call).line),
		gives(operation{
			method: get, path: "bundles", id: "getBundle", group: "authorities", summary: "The trust bundle of all lines", forms: []string{pemType},
		}, (*call).bundle),
		gives(operation{
			method: get, path: "bundles/{line}", id: "getLineBundle", group: "authorities", summary: "The trust bundle of one line", forms: []string{pemType}, fails: []int{404},
		}, (*call).bundle),
		gives(operation{
			method: get, path: "profiles", id: "listProfiles", group: "profiles", summary: "The profiles in force, by name",
		}, (*call).profiles),
		gives(operation{
			method: get, path: "profiles/{name}", id: "getProfile", group: "profiles", summary: "One profile", fails: []int{404},
		}, (*call).profile),
	}
}

func revocationOperations() []operation {
	return []operation{
		takes(operation{
			method: post, path: "revocations", id: "revokeCertificate", group: "revocation", summary: "Revoke a certificate",
			tell: "The answer is the certificate as it stands then, or would stand with dry_run. Revoking again for the same reason changes nothing. " +
				"With keyCompromise every other certificate of the key is revoked too: also_revoked names those that the caller may read, also_revoked_unnamed counts the others.",
			parameters: []parameter{dryRun}, fails: []int{404, 415, 413, 422},
		}, (*call).revoke),
		gives(operation{
			method: get, path: "crls", id: "listCRLs", group: "revocation", summary: "Numbers and dates of the published revocation lists",
			parameters: []parameter{listKind},
		}, (*call).lists),
		gives(operation{
			method: get, path: "crls/{name}", id: "getCRL", group: "revocation", summary: "The published revocation list of an authority",
			tell: "In JSON its number and dates; the list itself as application/pkix-crl (RFC 2585 §4.2), in DER.", parameters: []parameter{listKind}, forms: []string{crlType}, fails: []int{400, 404},
		}, (*call).crl),
		takes(operation{
			method: post, path: "crls/{name}", id: "publishCRL", group: "revocation", summary: "Make and publish an authority's revocation list now",
			tell: "With dry_run the answer is what the list would be, as its signer foresees it.", parameters: []parameter{dryRun}, fails: []int{404, 415, 413},
		}, (*call).publish),
		takes(operation{
			method: post, path: "feeds/{name}", id: "publishFeed", group: "revocation", summary: "Make and publish an authority's compact revocation feed now",
			tell: "A delta, and before it a complete feed for it to stand on, if that is due. Both lie below /pki/ on the plain listener. With dry_run the answer is what would be made, but for number and dates.", parameters: []parameter{dryRun}, fails: []int{404, 415, 413, 422},
		}, (*call).publishFeed),
	}
}

func recordOperations() []operation {
	return []operation{
		gives(operation{
			method: get, path: "events", id: "listEvents", group: "records", summary: "What happened, newest first",
			tell: "Each event names the leaf of the log that proves it.",
			parameters: []parameter{
				{name: "actor", form: "string", tell: "Only of this account."}, {name: "kind", form: "string", tell: "Only of this kind, such as issued, revoked or refused."},
				{name: "since", form: "date-time", tell: "Only from this moment on."}, pageLimit, pageCursor,
			},
		}, (*call).events),
		gives(operation{
			method: get, path: "audit/leaves", id: "listLeaves", group: "records", summary: "Leaves of the log, in order and without gaps",
			tell:       "Each is the exact bytes that are hashed into the tree. What was made durable is given, and nothing else.",
			parameters: []parameter{{name: "from", form: "integer", tell: "The index of the first; 0 without it."}, pageLimit},
		}, (*call).leaves),
		gives(operation{
			method: get, path: "audit/policies", id: "listPolicies", group: "records", summary: "The policies that were put in force, newest first",
			tell:       "Each says what it changed of the one before, and names the leaf of the log that holds its document. Go on below the last one's leaf.",
			parameters: []parameter{{name: "below", form: "integer", tell: "Only those below this leaf."}, pageLimit},
		}, (*call).policies),
		gives(operation{
			method: get, path: "audit/checkpoint", id: "getCheckpoint", group: "records", summary: "The newest signed checkpoint of the log, and proofs",
			tell: "As text/plain it is the checkpoint itself (c2sp.org/tlog-checkpoint), to be kept elsewhere: chancery audit verify --checkpoint holds the log against it. " +
				"What it does not speak of yet is 404; one is signed each second while there is something new.",
			parameters: []parameter{
				{name: "leaf", form: "integer", tell: "Prove that this leaf is in it (RFC 9162 §2.1.3)."},
				{name: "since", form: "integer", tell: "Prove that the tree of so many leaves, of a checkpoint that was kept, is its beginning (RFC 9162 §2.1.4)."},
			},
			forms: []string{textType}, fails: []int{404},
		}, (*call).checkpoint),
		gives(operation{
			method: get, path: "unsettled", id: "listUnsettled", group: "records", summary: "What an officer must decide",
		}, (*call).unsettled),
		takes(operation{
			method: post, path: "unsettled/{index}", id: "decideUnsettled", group: "records", summary: "Decide what became of an intent",
			tell: "With dry_run a certificate is held against the intent, and nothing is decided.", parameters: []parameter{dryRun}, fails: []int{404, 409, 415, 413, 422},
		}, (*call).decide),
	}
}

func serviceOperations() []operation {
	return []operation{
		gives(operation{
			method: get, path: "status", id: "getStatus", group: "service", summary: "How the installation is doing",
			tell: "200 even while nothing is issued: then it has a problem.",
		}, (*call).standing),
		gives(operation{
			method: get, path: "openapi.json", id: "getOpenAPI", group: "service", summary: "This document",
		}, (*call).document),
	}
}

// described is the OpenAPI document, which the tests make of operations.
//
//go:embed openapi.json
var described []byte
