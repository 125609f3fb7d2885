// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"chancery/ca"
	"chancery/client"
)

// lineMeant tells a line of authorities that is not there from one that a profile lacks.
func (a *app) lineMeant(ctx context.Context, name string, err error) error {
	var p *ca.Problem
	if name == "" || !errors.As(err, &p) || p.Code != ca.E2122 {
		return err
	}
	_ = a.with(ctx, func(ctx context.Context, k *client.Client) error { // without an answer the first problem stands
		all, asked := k.Authorities(ctx)
		if asked == nil && !slices.ContainsFunc(all, func(one ca.Authority) bool { return one.Name == name || one.Line == name }) {
			err = ca.NotFound(ca.E2101, "there is no authority or line "+ca.Show(name), "chancery ca list")
		}
		return asked
	})
	return err
}

// subjectMeant says how a subject is given, where the profile wants more of it.
func subjectMeant(err error) error {
	var p *ca.Problem
	if !errors.As(err, &p) || p.Code != ca.E2120 {
		return err
	}
	other := *p
	other.Fix += "; its fields are given by --subject, such as --subject 'O=Lab,OU=Printers'"
	return &other
}

// profileMeant names the profiles that would take the names, where none was named and the usual
// one does not: widening that is no way out.
func (a *app) profileMeant(ctx context.Context, q issuing, err error) error {
	var p *ca.Problem
	if !errors.As(err, &p) || p.Code != ca.E2107 {
		return err
	}
	var takers []string
	_ = a.with(ctx, func(ctx context.Context, k *client.Client) error { // without an answer the first hint stands
		all, err := k.Profiles(ctx)
		if err != nil {
			return err
		}
		key, err := thrownAway()
		if err != nil {
			return err
		}
		for _, one := range all {
			o := q.Order
			o.Profile = one.Name
			common, err := commonFor(ctx, k, o.Profile, q.names)
			if err == nil {
				o.CSR, err = requestFor(key, common, q.names, q.subject...)
			}
			if err == nil {
				_, err = k.Plan(ctx, o)
			}
			if err == nil {
				takers = append(takers, one.Name)
			}
		}
		return nil
	})
	if len(takers) == 0 {
		return err
	}
	other := *p
	other.Fix = "name the profile, of which the usual one is " + q.Profile + ": --profile " + strings.Join(takers, ", or --profile ")
	return &other
}
