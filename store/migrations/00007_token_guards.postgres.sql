-- SPDX-License-Identifier: Apache-2.0
-- Rows of these tables are inserted once and never changed (security rule IS-08).
-- +goose Up

CREATE TRIGGER token_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON token
    FOR EACH STATEMENT EXECUTE FUNCTION never_changed();

CREATE TRIGGER token_end_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON token_end
    FOR EACH STATEMENT EXECUTE FUNCTION never_changed();
