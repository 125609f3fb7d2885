// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"slices"

	"chancery/ca"
)

// A Publisher has lists and compact feeds made and published; see lifecycle.Registrar for
// what the errors are.
type Publisher interface {
	// PublishList has an authority's lists made and published, and gives the complete one, or
	// the delta if that was not among them.
	PublishList(ctx context.Context, who ca.Actor, q ca.ListWish) (ca.List, error)
	// PlanList says what PublishList would make now.
	PlanList(ctx context.Context, who ca.Actor, authority string, days int) (ca.List, error)
	// PublishFeed has the compact feed of an authority made and published.
	PublishFeed(ctx context.Context, who ca.Actor, authority string) (ca.Feed, error)
	// PlanFeed says what PublishFeed would make now, but for its number and dates.
	PlanFeed(ctx context.Context, who ca.Actor, authority string) (ca.Feed, error)
}

// Lists knows the published lists.
type Lists interface {
	// Published gives what a list says of itself, by the name that ca.ListName gives it;
	// false without one.
	Published(list string) (ca.ListHead, bool)
}

// listKind chooses among the lists of an authority; crl show has the same words.
var listKind = parameter{name: "kind", form: "string", tell: "Which of an authority's lists: complete, as without it; delta; arl, of CA certificates alone, of a root or intermediate; or a shard: shard:0 and so on."}

// scope is the kind of list that a call asks for. The Problem is E1401.
func (c *call) scope() (ca.ListScope, error) {
	if !c.query.Has(listKind.name) {
		return ca.CompleteList, nil
	}
	return ca.ParseListScope(c.query.Get(listKind.name))
}

// lists answers GET /crls with the heads of all lists of a kind that there are. Who may see
// the authorities may see them; the lists are for everybody.
func (c *call) lists() (page[ca.ListHead], error) {
	scope, err := c.scope()
	if err != nil {
		return page[ca.ListHead]{}, err
	}
	all, err := c.allAuthorities()
	var heads []ca.ListHead
	for _, a := range all {
		if !slices.Contains(a.ListScopes(), scope) {
			continue
		}
		if h, ok := c.o.Lists.Published(ca.ListName(a.Name, scope)); ok {
			heads = append(heads, h)
		}
	}
	return whole(heads), err
}

// crl answers GET /crls/{name}. The list itself is the one that everybody gets, however
// long, straight from its file.
func (c *call) crl() (ca.ListHead, error) {
	name, err := c.called("name")
	if err != nil {
		return ca.ListHead{}, err
	}
	scope, err := c.scope()
	if err != nil {
		return ca.ListHead{}, err
	}
	all, err := c.allAuthorities()
	if err != nil {
		return ca.ListHead{}, err
	}
	i := slices.IndexFunc(all, func(a ca.Authority) bool { return a.Name == name })
	if i < 0 {
		return ca.ListHead{}, ca.NotFound(ca.E2101, "there is no authority "+ca.Show(name), "chancery ca list").At("name")
	}
	if err := ca.HaveList(all[i:i+1], scope); err != nil {
		return ca.ListHead{}, err
	}
	list := ca.ListName(name, scope)
	h, ok := c.o.Lists.Published(list)
	switch {
	case !ok:
		return h, ca.NotFound(ca.E2101, "no list of "+name+" of the kind "+scope.String()+" is published yet", "chancery crl publish --ca "+name).At("name")
	case c.form == crlType:
		r := c.r.Clone(c.r.Context())
		r.URL.Path, r.URL.RawPath, r.URL.RawQuery = "/pki/"+list+".crl", "", ""
		c.o.Public.ServeHTTP(c.w, r)
		return h, errAnswered
	}
	return h, nil
}

// A publication is the body of POST /crls/{name}.
type publication struct {
	// Days is how long the list is valid; 0 is the usual time.
	Days int `json:"days,omitempty"`
	// Due has no more made than what was revoked asks for. The complete list is not among it
	// while that is long and may wait; the answer is the delta then.
	Due bool `json:"due,omitempty"`
}

// publish answers POST /crls/{name} with what the new list says of itself, or would.
func (c *call) publish(body publication) (ca.List, error) {
	name, err := c.called("name")
	if err != nil {
		return ca.List{}, err
	}
	if c.planned() {
		return c.o.Publisher.PlanList(c.r.Context(), c.who(), name, body.Days)
	}
	q := ca.ListWish{Authority: name, Days: body.Days}
	if body.Due {
		q.Part = ca.DueLists
	}
	return c.o.Publisher.PublishList(c.r.Context(), c.who(), q)
}

// A feedPublication is the body of POST /feeds/{name}. There is nothing to choose.
type feedPublication struct{}

// publishFeed answers POST /feeds/{name} with what the new feed says of itself.
func (c *call) publishFeed(feedPublication) (ca.Feed, error) {
	name, err := c.called("name")
	if err != nil {
		return ca.Feed{}, err
	}
	if c.planned() {
		return c.o.Publisher.PlanFeed(c.r.Context(), c.who(), name)
	}
	return c.o.Publisher.PublishFeed(c.r.Context(), c.who(), name)
}
