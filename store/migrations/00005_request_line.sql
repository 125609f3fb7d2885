-- SPDX-License-Identifier: Apache-2.0
-- +goose Up

-- The line of authorities that a request named, empty if it named none.
ALTER TABLE request ADD COLUMN line TEXT NOT NULL DEFAULT '';
