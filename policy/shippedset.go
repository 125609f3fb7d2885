// SPDX-License-Identifier: Apache-2.0

package policy

// keyTypes are the keys that the shipped profiles take, but for devices.
const keyTypes = `["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048"]`

// sets are the shipped sets by name. Once released the texts are changed only for new
// installations: an installed bundle holds its own copy. What follows # at the end of a
// line is for whoever reads the document to change it.
var sets = map[string][]template{
	DefaultSet:   {server, client, email, device},
	"iot":        {server, iotDevice, iotPeer, firmware},
	"office":     {server, client, device, user, mail, codesign},
	"kubernetes": cluster,
}

// Shared by several sets.
var (
	server = template{"server", []string{"server"}, nil, `# Certificates for servers: web, mail, directory, anything that speaks TLS.
schema = 1
name = "server"
line = "issuing"
doors = ["cli", "api"]
use = ["server"]
days = 90       # short enough that nobody forgets how renewal works
max_days = 397  # what browsers accept at most
keys = {keys}

[names]
max = 20
dns = {dns}
ip = {near}  # private ranges that nobody can own (RFC 1918, RFC 4193)
wildcards = true
from_cn = {from_cn}

[subject]
common_name = "optional"
common_name_in_names = true  # programs do not look at it, people do
`}
	client = template{"client", []string{"client"}, []string{"dns", "ip", "email"}, `# Certificates by which a program signs in to a server.
schema = 1
name = "client"
line = "issuing"
doors = ["cli", "api"]
use = ["client"]
days = 90
max_days = 397
keys = {keys}

[names]
max = 20
dns = {dns}
ip = {ip}
email = {email}
from_cn = {from_cn}

[subject]
common_name = "optional"
common_name_in_names = true  # a free one would let anybody be anybody
`}
	email = template{"email", []string{"email"}, []string{"email"}, `# Certificates for signing and encrypting mail (S/MIME). They do not sign in
# anywhere, so the common name may be a person's.
schema = 1
name = "email"
line = "issuing"
doors = ["cli", "api"]
use = ["email"]
days = 365
max_days = 825
keys = {keys}
key_usage = ["digital_signature", "key_encipherment", "key_agreement"]  # to sign, and to be written to

[names]
max = 20
email = {email}

[subject]
common_name = "optional"
email = "move"  # an address in the subject becomes a name, where programs look for it
`}
	device = template{"device", []string{"server", "client"}, []string{"dns"}, `# Certificates for devices that both serve and sign in: printers, switches,
# database peers.
schema = 1
name = "device"
line = "issuing"
doors = ["cli", "api"]
use = ["server", "client"]
days = 365
max_days = 825
keys = {keys}

[names]
max = 20
dns = {dns}
ip = {ip}
from_cn = true

[subject]
common_name = "optional"
common_name_in_names = true
`}
)

// Those of offices.
var (
	user = template{"user", []string{"client", "email"}, []string{"email"}, `# Certificates of people: to sign in with, and to sign mail. Who may have which
# address is said by grants in the policy; without one nobody gets any.
schema = 1
name = "user"
line = "issuing"
doors = ["cli", "api"]
use = ["client", "email"]
days = 365
max_days = 396
keys = {keys}
key_usage = ["digital_signature", "key_encipherment", "key_agreement"]
key_encryption = "required"  # the key of a person lies on a machine that is carried about
server_keys = "never"        # whoever else has had the key could sign in as its owner

[names]
max = 3
email = {email}
granted = true

[subject]
common_name = "optional"
common_name_in_names = true  # the address, which servers take for the user's name
organization = "match"       # as the authority's own name has it
email = "move"
`}
	mail = template{"email", []string{"email"}, []string{"email"}, `# Certificates for signing and encrypting mail (S/MIME). They do not sign in
# anywhere, so names of people are free.
schema = 1
name = "email"
line = "issuing"
doors = ["cli", "api"]
use = ["email"]
days = 365
max_days = 825
keys = {keys}
key_usage = ["digital_signature", "key_encipherment", "key_agreement"]  # to sign, and to be written to
key_encryption = "required"

[names]
max = 3
email = {email}

[subject]
common_name = "optional"
given_name = "optional"
surname = "optional"
organization = "optional"
unit = "optional"
email = "move"
`}
	codesign = template{"codesign", []string{"codesign"}, []string{"email"}, `# Certificates for signing programs. Few, for those who build what others run.
schema = 1
name = "codesign"
line = "issuing"
doors = ["cli"]
use = ["codesign"]
days = 365
max_days = 365
strict = true  # what was signed is checked for long: better none than one that ends early
keys = ["ecdsa-p256", "ecdsa-p384", "rsa-3072"]
key_encryption = "required"
unique = "common_name"  # one live certificate for each team

[names]
max = 1
email = {email}
granted = true

[subject]
common_name = "supplied"
organization = "match"
`}
)

// Those of things.
var (
	iotDevice = template{"device", []string{"client"}, []string{"dns"}, `# Certificates of devices that report to servers of yours and serve nothing.
schema = 1
name = "device"
line = "issuing"
doors = ["cli", "api"]
use = ["client"]
days = 90
max_days = 825               # for what cannot renew by itself
keys = ["ecdsa-p256", "ed25519"]  # small enough for small processors
unique = "common_name"       # one live certificate for a device

[names]
max = 2
dns = {dns}
from_cn = true               # firmware that knows no alternative names

[subject]
common_name = "supplied"
common_name_in_names = true
serial_number = "drop"       # a maker's number that anybody can print proves nothing

[[rule]]
require = "names.dns.all(d, d.matches('^[a-z0-9-]+([.][a-z0-9-]+)+$'))"
message = "a device has a plain name, without wildcards"
`}
	iotPeer = template{"peer", []string{"server", "client"}, []string{"dns"}, `# Certificates of gateways and brokers, which serve devices and sign in to each other.
schema = 1
name = "peer"
line = "issuing"
doors = ["cli", "api"]
use = ["server", "client"]
days = 90
max_days = 397
keys = ["ecdsa-p256", "ed25519"]

[names]
max = 10
dns = {dns}
ip = {near}
from_cn = true

[subject]
common_name = "optional"
common_name_in_names = true
`}
	firmware = template{"codesign", []string{"codesign"}, []string{"email"}, `# Certificates for signing firmware, which devices check for as long as they live.
schema = 1
name = "codesign"
line = "issuing"
doors = ["cli"]
use = ["codesign"]
days = 365
max_days = 825
strict = true
keys = ["ecdsa-p256", "ecdsa-p384", "ed25519"]
key_encryption = "required"

[names]
max = 1
email = {email}
granted = true

[subject]
common_name = "supplied"
`}
)
