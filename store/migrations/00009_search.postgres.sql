-- SPDX-License-Identifier: Apache-2.0
-- +goose Up

-- What a part of a name is found by. The extension comes with PostgreSQL and needs no
-- superuser, only the right to CREATE on the database. Its schema is named, because several
-- books may be schemas of one database.
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;
CREATE INDEX name_part ON name USING gin (value public.gin_trgm_ops);

-- Lists by name.
CREATE INDEX certificate_common ON certificate (common, id) WHERE kind <> 'void';

-- Where very many names have the part or the suffix, a page is read along the ids.
CREATE INDEX name_certificate ON name (certificate);
