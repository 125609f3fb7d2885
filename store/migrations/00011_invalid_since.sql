-- SPDX-License-Identifier: Apache-2.0
-- +goose Up

-- When a certificate was not to be trusted any more, as far as who revoked it knew; 0 is
-- not said.
ALTER TABLE revocation ADD COLUMN invalid_since BIGINT NOT NULL DEFAULT 0;
