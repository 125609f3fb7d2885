// SPDX-License-Identifier: Apache-2.0

package ca

import "slices"

// A Code is a stable error code, the same on the command line, in the API and
// in mail, such as E2107.
type Code string

// The codes. E1xxx is about the installation, E2xxx about requests and
// certificates, E3xxx about keys, time and the log.
const (
	E1001 Code = "E1001"
	E1002 Code = "E1002"
	E1003 Code = "E1003"
	E1101 Code = "E1101"
	E1102 Code = "E1102"
	E1201 Code = "E1201"
	E1202 Code = "E1202"
	E1203 Code = "E1203"
	E1303 Code = "E1303"
	E1305 Code = "E1305"
	E1306 Code = "E1306"
	E1307 Code = "E1307"
	E1308 Code = "E1308"
	E1309 Code = "E1309"
	E1401 Code = "E1401"
	E1402 Code = "E1402"
	E1403 Code = "E1403"
	E1404 Code = "E1404"
	E1405 Code = "E1405"
	E1406 Code = "E1406"
	E1407 Code = "E1407"
	E1408 Code = "E1408"
	E1409 Code = "E1409"
	E1410 Code = "E1410"
	E1411 Code = "E1411"
	E2101 Code = "E2101"
	E2102 Code = "E2102"
	E2106 Code = "E2106"
	E2107 Code = "E2107"
	E2108 Code = "E2108"
	E2109 Code = "E2109"
	E2110 Code = "E2110"
	E2111 Code = "E2111"
	E2112 Code = "E2112"
	E2113 Code = "E2113"
	E2114 Code = "E2114"
	E2115 Code = "E2115"
	E2118 Code = "E2118"
	E2119 Code = "E2119"
	E2120 Code = "E2120"
	E2121 Code = "E2121"
	E2122 Code = "E2122"
	E2123 Code = "E2123"
	E2124 Code = "E2124"
	E2125 Code = "E2125"
	E2126 Code = "E2126"
	E2127 Code = "E2127"
	E2203 Code = "E2203"
	E2204 Code = "E2204"
	E2205 Code = "E2205"
	E2210 Code = "E2210"
	E2301 Code = "E2301"
	E2302 Code = "E2302"
	E2303 Code = "E2303"
	E2501 Code = "E2501"
	E2502 Code = "E2502"
	E2503 Code = "E2503"
	E2504 Code = "E2504"
	E2505 Code = "E2505"
	E2506 Code = "E2506"
	E2601 Code = "E2601"
	E2602 Code = "E2602"
	E2603 Code = "E2603"
	E3001 Code = "E3001"
	E3002 Code = "E3002"
	E3003 Code = "E3003"
	E3004 Code = "E3004"
	E3005 Code = "E3005"
	E3006 Code = "E3006"
	E3101 Code = "E3101"
	E3102 Code = "E3102"
	E9000 Code = "E9000"
)

// An Explanation is what `chancery explain CODE` prints.
type Explanation struct {
	Code Code `json:"code"`
	// Words name the code for programs that read words: lower-case letters, digits,
	// dots and hyphens. They are the end of the type of a problem document (RFC 9457
	// §3.1.1), urn:chancery:error:WORDS, belong to one code, and never change.
	Words string `json:"words"`
	// Title is one line.
	Title string `json:"title"`
	// Text says what it means and what to do, in a few lines.
	Text string `json:"text"`
}

// Explain gives the explanation of a code.
func Explain(c Code) (Explanation, bool) {
	i := slices.IndexFunc(explanations, func(e Explanation) bool { return e.Code == c })
	if i < 0 {
		return Explanation{}, false
	}
	return explanations[i], true
}

// Codes is every code that exists, in order.
func Codes() []Explanation { return slices.Clone(explanations) }
