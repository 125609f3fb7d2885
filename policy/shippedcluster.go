// SPDX-License-Identifier: Apache-2.0

package policy

// clusterNames are what the servers of a Kubernetes cluster are called within it.
var clusterNames = [...]string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster", "*.svc", "*.cluster.local", "localhost"}

// cluster has a profile for each certificate that Kubernetes asks for ("PKI certificates
// and requirements" of its documentation), and no more in it than that one needs.
// Kubernetes takes the common name for the user and the organization for the group. Whom
// it gives a right beyond that of anybody is fixed by the profile, and needs a grant.
var cluster = []template{
	clusterServer, clusterClient, clusterAPIServer, clusterNode,
	component("kubelet-client", "kube-apiserver-kubelet-client", "kubeadm:cluster-admins", "", `# The certificate by which the API server signs in to kubelets. The group is what kubeadm
# binds to cluster-admin. Less is enough: take it away ("drop"), and bind the cluster role
# system:kubelet-api-admin to the user kube-apiserver-kubelet-client.`),
	component("controller-manager", "system:kube-controller-manager", "", "", "# The certificate by which the controller manager signs in to the API server."),
	component("scheduler", "system:kube-scheduler", "", "", "# The certificate by which the scheduler signs in to the API server."),
	component("front-proxy", "front-proxy-client", "", "front-proxy", `# The certificate by which the API server signs in to extension API servers, for whom it
# then speaks as any user. Have a line of its own sign it, by --ca front-proxy: see the
# page on profiles.`),
	member("etcd", "kube-etcd", "# Certificates of etcd members, for their clients."),
	member("etcd-peer", "kube-etcd-peer", "# Certificates of etcd members, for each other."),
	component("etcd-client", "kube-apiserver-etcd-client", "", "etcd", `# The certificate by which the API server signs in to etcd, which lets whoever has one of
# its authority read and write everything: have a line of its own sign it, by --ca etcd.`),
	component("etcd-healthcheck", "kube-etcd-healthcheck-client", "", "etcd", `# The certificate by which probes ask how etcd is. To etcd it is as good as the API
# server's: have a line of its own sign it, by --ca etcd.`),
	administrator("admin", "kubeadm:cluster-admins", `# Certificates of the cluster's administrators. The group is the one that kubeadm binds to
# cluster-admin, so that a binding can take its rights away; elsewhere bind it first.`),
	administrator("super-admin", "system:masters", `# Certificates for when role bindings are broken: the group stands above all of them, and
# nothing takes its rights away before the certificate ends.`),
}

// Those of clusters that are not made by a function.
var (
	clusterServer = template{"server", []string{"server"}, nil, `# Certificates for the servers of a cluster: the API, ingresses, webhooks, services.
schema = 1
name = "server"
line = "issuing"
doors = ["cli", "api"]
use = ["server"]
days = 90
max_days = 397
keys = {keys}

[names]
max = 30
dns = {cluster}  # with what things are called within a cluster
ip = {near}
wildcards = true
from_cn = true

[subject]
common_name = "optional"
common_name_in_names = true
`}
	clusterClient = template{"client", []string{"client"}, []string{"dns", "email"}, `# Certificates by which programs and people sign in to a cluster. Kubernetes takes the
# common name for the user and the organization for the group: the name is one of
# the certificate's names, and groups are left to role bindings.
schema = 1
name = "client"
line = "issuing"
doors = ["cli", "api"]
use = ["client"]
days = 30
max_days = 90
keys = {keys}

[names]
max = 5
dns = {dns}
email = {email}

[subject]
common_name = "supplied"
common_name_in_names = true
organization = "drop"
`}
	clusterAPIServer = template{"apiserver", []string{"server"}, nil, `# The certificate of the API server, by all names that it is reached by.
schema = 1
name = "apiserver"
line = "issuing"
doors = ["cli", "api"]
use = ["server"]
days = 90
max_days = 397
keys = {keys}

[names]
max = 30
dns = {cluster}  # with what it is called within the cluster
ip = {near}

[subject]
common_name = "fixed:kube-apiserver"
`}
	clusterNode = template{"node", []string{"client"}, []string{"dns"}, `# Certificates by which kubelets sign in to the API server, each as its own node. The name
# is that of the node, as the kubelet registers it. What a kubelet serves is of profile server.
schema = 1
name = "node"
line = "issuing"
doors = ["cli", "api"]
use = ["client"]
days = 90
max_days = 397
keys = {keys}

[names]
max = 1
dns = {dns}
from_cn = true
granted = true  # a node reads the secrets of all that runs on it

[subject]
common_name = "supplied"
common_name_in_names = true
common_name_prefix = "system:node:"
organization = "fixed:system:nodes"

[[rule]]
require = "names.dns.all(d, !d.startsWith('*'))"
message = "a node has a plain name, without wildcards"
`}
)

// component makes the profile of a part of the cluster that signs in as a user of its own.
// Kubernetes does not look at the alternative name, which tells where the part runs.
func component(name, user, group, line, about string) template {
	also, organization := "", `organization = "drop"  # Kubernetes takes it for a group`
	if line != "" {
		also = "lines = [\"" + line + "\"]\n"
	}
	if group != "" {
		organization = `organization = "fixed:` + group + `"`
	}
	return template{name, []string{"client"}, []string{"dns"}, about + `
schema = 1
name = "` + name + `"
line = "issuing"
` + also + `doors = ["cli", "api"]
use = ["client"]
days = 90
max_days = 397
keys = {keys}

[names]
max = 1
dns = {dns}     # of the machine that it runs on
granted = true  # whoever has one acts as this part

[subject]
common_name = "fixed:` + user + `"
` + organization + `
`}
}

// member makes a profile of etcd's members, which serve and sign in.
func member(name, user, about string) template {
	return template{name, []string{"server", "client"}, []string{"dns"}, about + ` They also sign in, and
# etcd lets whoever does read and write everything: have a line of its own sign them,
# by --ca etcd.
schema = 1
name = "` + name + `"
line = "issuing"
lines = ["etcd"]
doors = ["cli", "api"]
use = ["server", "client"]
days = 90
max_days = 397
keys = {keys}

[names]
max = 10
dns = {local}
ip = {near}
granted = true

[subject]
common_name = "fixed:` + user + `"
`}
}

// administrator makes a profile of people who administer the cluster: for whom a grant
// names, for a day, and told apart by the name they were granted.
func administrator(name, group, about string) template {
	return template{name, []string{"client"}, []string{"email"}, about + `
# It is for whom a grant names, for a day; who it is stands in the common name.
schema = 1
name = "` + name + `"
line = "issuing"
doors = ["cli"]
use = ["client"]
days = 1
max_days = 7
strict = true
keys = {keys}
key_encryption = "required"
server_keys = "never"

[names]
max = 1
email = {email}
granted = true

[subject]
common_name = "supplied"
common_name_in_names = true
organization = "fixed:` + group + `"

[[rule]]
require = "size(names.email) == 1 && requester.method == 'peer'"
message = "an administrator's certificate is for one address, and asked for on the machine itself"
`}
}
