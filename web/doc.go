// SPDX-License-Identifier: Apache-2.0

// Package web has the pages that people see in a browser. So far these are for everybody and
// without a sign-in:
//
//	GET /, GET /trust                  how to make a device trust the root
//	GET /lookup                        a form for a serial number, a fingerprint or a certificate
//	POST /lookup                       what was pasted there
//	GET /c/{generation}-{serial}       how that certificate stands; /c/{serial} if one has it,
//	                                   and /c/ leads to the form
//	GET /web/style.css                 how pages look
//
// Pages are made here and not in the browser; they need no script, and nothing from
// elsewhere. The same addresses answer programs with JSON. A lookup says how a certificate
// stands, who issued it and since when, never whose it is; its names, and itself, only where
// the settings say so (R88). The trust page shows a fingerprint and says that it proves nothing
// by itself; the files that it leads to are package status's (R121).
//
// It asks the book for a certificate and OCSP how it stands, and decides nothing. Start at
// New.
package web
