-- SPDX-License-Identifier: Apache-2.0
-- Rows of this table are inserted once and never changed (security rule IS-08).
-- +goose Up

CREATE TRIGGER revocation_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON revocation
    FOR EACH STATEMENT EXECUTE FUNCTION never_changed();
