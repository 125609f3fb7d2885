-- SPDX-License-Identifier: Apache-2.0
-- Rows of these tables are inserted once and never changed (security rule IS-08).
-- +goose Up

-- +goose StatementBegin
CREATE TRIGGER token_no_update BEFORE UPDATE ON token
BEGIN
    SELECT RAISE(ABORT, 'rows of token are never changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER token_no_delete BEFORE DELETE ON token
BEGIN
    SELECT RAISE(ABORT, 'rows of token are never changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER token_end_no_update BEFORE UPDATE ON token_end
BEGIN
    SELECT RAISE(ABORT, 'rows of token_end are never changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER token_end_no_delete BEFORE DELETE ON token_end
BEGIN
    SELECT RAISE(ABORT, 'rows of token_end are never changed');
END;
-- +goose StatementEnd
