-- SPDX-License-Identifier: Apache-2.0
-- Rows of this table are inserted once and never changed (security rule IS-08).
-- +goose Up

-- +goose StatementBegin
CREATE TRIGGER revocation_no_update BEFORE UPDATE ON revocation
BEGIN
    SELECT RAISE(ABORT, 'rows of revocation are never changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER revocation_no_delete BEFORE DELETE ON revocation
BEGIN
    SELECT RAISE(ABORT, 'rows of revocation are never changed');
END;
-- +goose StatementEnd
