// SPDX-License-Identifier: Apache-2.0
//
// The life of a certificate, by a client that openapi-typescript made of our OpenAPI
// document: what is sent and read here is checked against it by the compiler.

import createClient from "openapi-fetch";
import { Agent, fetch, type RequestInit } from "undici";
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { X509Certificate } from "node:crypto";
import type { paths } from "./api.js";

const { BASE, SOCKET, ROOT, TOKEN, CSR, CRL } = process.env as Record<string, string>;

const dispatcher = new Agent({ connect: SOCKET ? { socketPath: SOCKET } : { ca: readFileSync(ROOT!) } });
const send = async (r: Request): Promise<Response> => {
  const init: RequestInit = { method: r.method, headers: [...r.headers], dispatcher };
  if (r.method !== "GET") init.body = await r.text();
  return (await fetch(r.url, init)) as unknown as Response;
};
const headers: Record<string, string> = TOKEN ? { Authorization: `Bearer ${TOKEN}` } : {};
const api = createClient<paths>({ baseUrl: BASE!, fetch: send, headers });

const csr = readFileSync(CSR!, "utf8");
const order = { csr, profile: "server", days: 30 };

// What would be.
const plan = await api.POST("/api/v1/requests", { params: { query: { dry_run: true } }, body: order });
assert.equal(plan.response.status, 200, JSON.stringify(plan.error));
assert.ok(plan.data && "draft" in plan.data && plan.data.draft.authority === "issuing-g1");

// Submit, twice under one key.
const once = { params: { header: { "Idempotency-Key": "life-1" } }, body: order };
const made = await api.POST("/api/v1/requests", once);
assert.equal(made.response.status, 201, JSON.stringify(made.error));
assert.ok(made.data && "certificate" in made.data);
const issued = made.data.certificate;
const again = await api.POST("/api/v1/requests", once);
assert.equal(again.response.status, 200);
assert.ok(again.data && "certificate" in again.data && again.data.certificate.serial === issued.serial);
const other = await api.POST("/api/v1/requests", { ...once, body: { ...order, days: 29 } });
assert.equal(other.response.status, 422);
assert.equal(other.error?.code, "E2302");
assert.equal(other.error?.type, "urn:chancery:error:request.idempotency-key-reused");

// What became of the request, and the certificate.
const request = await api.GET("/api/v1/requests/{id}", { params: { path: { id: issued.request } } });
assert.equal(request.data?.certificate.serial, issued.serial);
const path = { ref: issued.serial };
const got = await api.GET("/api/v1/certificates/{ref}", { params: { path } });
assert.ok(typeof got.data === "object" && got.data.certificate.status === "valid");
const der = await api.GET("/api/v1/certificates/{ref}", { params: { path }, headers: { Accept: "application/pkix-cert" }, parseAs: "arrayBuffer" });
const x509 = new X509Certificate(Buffer.from(der.data as ArrayBuffer));
assert.equal(x509.serialNumber.toLowerCase(), issued.serial);
assert.match(x509.subjectAltName ?? "", /nas\.lab\.example/);
for (const [form, sign] of [
  ["application/pem-certificate-chain", /^(-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n){2}$/],
  ["application/pkcs10", /nas\.lab\.example/],
  ["application/x-pkcs7-certificates", /Lab|lab/],
  ["text/plain", /X509v3 Subject Alternative Name:\s+DNS:nas\.lab\.example/],
] as const) {
  const as = await api.GET("/api/v1/certificates/{ref}", { params: { path }, headers: { Accept: form }, parseAs: "text" });
  assert.equal(as.response.headers.get("Content-Type"), form);
  assert.match(as.data as string, sign);
}
const same = await api.GET("/api/v1/certificates/{ref}", { params: { path }, headers: { "If-None-Match": got.response.headers.get("ETag") ?? "" } });
assert.equal(same.response.status, 304);

// Many, one of them bad.
const many = await api.POST("/api/v1/requests:batch", { body: { items: [order, { ...order, profile: "none" }] } });
assert.deepEqual(many.data?.items.map((l) => [l.index, l.status]), [[0, 201], [1, 404]]);
assert.equal(many.data?.items[1]?.problem?.code, "E2118");

// List, page by page, and by a part of the name.
const first = await api.GET("/api/v1/certificates", { params: { query: { limit: 1, count: true, name: "*.lab.example" } } });
assert.equal(first.data?.count, 2);
const next = await api.GET("/api/v1/certificates", { params: { query: { limit: 1, name: "*.lab.example", cursor: first.data?.next_cursor ?? "" } } });
assert.equal(next.data?.items[0]?.serial, issued.serial);
const part = await api.GET("/api/v1/certificates", { params: { query: { search: "as.lab" } } });
assert.equal(part.data?.items.length, 2);

// Revoke; the list has it.
const revoked = await api.POST("/api/v1/revocations", { body: { certificate: issued.serial, reason: "superseded" } });
assert.equal(revoked.data?.revoked?.reason, "superseded");
const gone = await api.GET("/api/v1/certificates", { params: { query: { status: "revoked" } } });
assert.deepEqual(gone.data?.items.map((c) => c.serial), [issued.serial]);
const published = await api.POST("/api/v1/crls/{name}", { params: { path: { name: issued.authority } }, body: {} });
assert.equal(published.data?.entries, 1, JSON.stringify(published.error));
const list = await api.GET("/api/v1/crls/{name}", { params: { path: { name: issued.authority } }, headers: { Accept: "application/pkix-crl" }, parseAs: "arrayBuffer" });
writeFileSync(CRL!, Buffer.from(list.data as unknown as ArrayBuffer));

// What is not there is a problem.
const missing = await api.GET("/api/v1/certificates/{ref}", { params: { path: { ref: "none.lab.example" } } });
assert.equal(missing.response.status, 404);
assert.equal(missing.error?.code, "E2101");
assert.equal(missing.error?.instance, missing.response.headers.get("X-Request-Id"));

console.log(issued.serial);
await dispatcher.close();
