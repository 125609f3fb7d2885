// SPDX-License-Identifier: Apache-2.0

package policy

import "embed"

// profiles are the texts of the shipped sets. Once released they are changed only for new
// installations: an installed bundle holds its own copy. What follows # at the end of a
// line is for whoever reads the document to change it.
//
//go:embed profiles
var profiles embed.FS

// keyTypes are the keys that the shipped profiles take, but for devices.
const keyTypes = `["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048"]`

// clusterNames are what the servers of a Kubernetes cluster are called within it.
var clusterNames = [...]string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster", "*.svc", "*.cluster.local", "localhost"}

// A template is a profile of a set, in whose text {key} stands for a list of patterns. A
// line whose list is empty is left out.
type template struct {
	// file is the text's, below profiles and without its ending. The last part is the
	// profile's name.
	file string
	use  uses
	// needs are lists of which one must not be empty; none needs nothing.
	needs []string
}

type uses []string

// What templates are for.
var (
	serves, signsIn, both = uses{"server"}, uses{"client"}, uses{"server", "client"}
	signsMail, signsCode  = uses{"email"}, uses{"codesign"}
)

// Lists of which templates need one.
var (
	anyName = []string{"dns", "ip", "email"}
	host    = []string{"dns"}
	address = []string{"email"}
)

// Shared by several sets.
var (
	server = template{"homelab/server", serves, nil}
	client = template{"homelab/client", signsIn, anyName}
	device = template{"homelab/device", both, host}
)

// sets are the shipped sets by name. That of Kubernetes has a profile for each certificate
// that it asks for ("PKI certificates and requirements" of its documentation), and no more in
// it than that one needs: Kubernetes takes the common name for the user and the organization
// for the group, so whom it gives a right beyond that of anybody is fixed by the profile,
// and needs a grant.
var sets = map[string][]template{
	DefaultSet: {server, client, {"homelab/email", signsMail, address}, device},
	"iot":      {server, {"iot/device", signsIn, host}, {"iot/peer", both, host}, {"iot/codesign", signsCode, address}},
	"office": {server, client, device, {"office/user", uses{"client", "email"}, address}, {"office/email", signsMail, address},
		{"office/codesign", signsCode, address}},
	"kubernetes": {
		{"kubernetes/server", serves, nil},
		{"kubernetes/client", signsIn, []string{"dns", "email"}},
		{"kubernetes/apiserver", serves, nil},
		{"kubernetes/node", signsIn, host},
		{"kubernetes/kubelet-client", signsIn, host},
		{"kubernetes/controller-manager", signsIn, host},
		{"kubernetes/scheduler", signsIn, host},
		{"kubernetes/front-proxy", signsIn, host},
		{"kubernetes/etcd", both, host},
		{"kubernetes/etcd-peer", both, host},
		{"kubernetes/etcd-client", signsIn, host},
		{"kubernetes/etcd-healthcheck", signsIn, host},
		{"kubernetes/admin", signsIn, address},
		{"kubernetes/super-admin", signsIn, address},
	},
}
