// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"strings"

	"chancery/ca"
)

// AppleProfile writes roots as a configuration profile (.mobileconfig), the form in which
// iPhones, iPads and Macs take them, each as a payload com.apple.security.root. It is not
// signed, and devices say so: a signature by a root that they do not know yet would tell them
// nothing. A profile with the same id takes the place of an earlier one on the device.
func AppleProfile(id string, roots [][]byte) ([]byte, error) {
	var payloads bytes.Buffer
	title := ""
	for _, der := range roots {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, damaged("a root")
		}
		name := c.Subject.CommonName
		if name == "" {
			name = ca.EncodedName(c.RawSubject)
		}
		if title == "" {
			title = name
		}
		sum := sha256.Sum256(der)
		payloads.WriteString("\t\t<dict>\n")
		keyed(&payloads, 3, "PayloadContent", "data", base64.StdEncoding.EncodeToString(der))
		keyed(&payloads, 3, "PayloadDescription", "string", fmt.Sprintf("Compare the SHA-256: %X", sum))
		keyed(&payloads, 3, "PayloadDisplayName", "string", name)
		described(&payloads, 3, "com.apple.security.root", fmt.Sprintf("chancery.trust.%s.%x", id, sum[:8]), sum)
		payloads.WriteString("\t\t</dict>\n")
	}
	var b bytes.Buffer
	b.WriteString(xml.Header + `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>PayloadContent</key>
	<array>
` + payloads.String() + "\t</array>\n")
	keyed(&b, 1, "PayloadDescription", "string", "The device will trust what this authority certifies. On iPhones and iPads it must be switched on afterwards: Settings, General, About, Certificate Trust Settings.")
	keyed(&b, 1, "PayloadDisplayName", "string", "Trust "+title)
	described(&b, 1, "Configuration", "chancery.trust."+id, sha256.Sum256(payloads.Bytes()))
	b.WriteString("</dict>\n</plist>\n")
	return b.Bytes(), nil
}

// described writes what every payload has. Its UUID follows from what is in it, so that the
// same file is made each time (RFC 9562 §5.8).
func described(b *bytes.Buffer, depth int, kind, id string, of [sha256.Size]byte) {
	of[6], of[8] = of[6]&0x0f|0x80, of[8]&0x3f|0x80
	keyed(b, depth, "PayloadIdentifier", "string", id)
	keyed(b, depth, "PayloadType", "string", kind)
	keyed(b, depth, "PayloadUUID", "string", fmt.Sprintf("%X-%X-%X-%X-%X", of[:4], of[4:6], of[6:8], of[8:10], of[10:16]))
	keyed(b, depth, "PayloadVersion", "integer", "1")
}

// keyed writes one entry of a dictionary; names are whatever stands in certificates.
func keyed(b *bytes.Buffer, depth int, key, kind, value string) {
	indent := strings.Repeat("\t", depth)
	fmt.Fprintf(b, "%s<key>%s</key>\n%s<%s>", indent, key, indent, kind)
	_ = xml.EscapeText(b, []byte(value)) // a buffer takes everything
	fmt.Fprintf(b, "</%s>\n", kind)
}
