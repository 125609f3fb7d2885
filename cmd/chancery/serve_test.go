// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"strings"
	"testing"
)

// Whoever starts the service sees what its settings have it do, and whoever ends it, that it
// ended well.
func TestServeSaysWhatItDoesAndThatItStopped(t *testing.T) {
	t.Parallel()
	h := newHand(t)
	web := h.file("web")
	if err := os.Mkdir(web, 0o755); err != nil { //nolint:gosec // everybody may read what is published
		t.Fatal(err)
	}
	numbers := freePort(t)
	log, err := os.Create(h.file("serve.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	service := h.command(t.Context(), "serve", "--listen", "off", "--listen-mtls", "off", "--listen-http", "127.0.0.1:0")
	service.Env = append(service.Env, "CHANCERY_METRICS_LISTEN="+numbers, "CHANCERY_PUBLISH_DIRECTORY="+web, "CHANCERY_PUBLISH_FEED=yes", "CHANCERY_LISTS_ALLOW=127.0.0.0/8")
	service.Stderr = log
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	tlsDoor{hand: h}.until("the service is ready", func() bool { return strings.Contains(h.read("serve.log"), "ready in") })
	said := h.read("serve.log")
	for _, want := range []string{"  metrics              http://" + numbers + "/metrics\n", "  copies               " + web + "\n", "  compact feeds        each hour", "  lists are for        127.0.0.0/8\n", "/lookup"} {
		if !strings.Contains(said, want) {
			t.Errorf("the start does not say %q:\n%s", want, said)
		}
	}
	if err := service.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := service.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if said := h.read("serve.log"); !strings.HasSuffix(said, "\nstopped; what was under way is finished\n") {
		t.Errorf("the end does not say so:\n%s", said)
	}
}
