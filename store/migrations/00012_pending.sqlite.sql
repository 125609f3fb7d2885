-- SPDX-License-Identifier: Apache-2.0
-- +goose Up

-- Each commit notes the certificates that are not in the search tables yet by a statement of
-- its own: with a trigger, SQLite kept a copy of every page that an insert changed.
DROP TRIGGER certificate_pending;
