-- SPDX-License-Identifier: Apache-2.0
-- +goose Up

-- The event of a certificate has its id, owner and time, so the certificate's indexes find
-- it. Of all others one small index, in the order of lists, is enough.
DROP INDEX event_actor;
DROP INDEX event_happened;
CREATE INDEX event_told ON event (id, actor, happened_at, kind) WHERE kind <> 'issued';
