// SPDX-License-Identifier: Apache-2.0

// A server of mutual TLS, and a client that does what lines on its input say.
'use strict';
const fs = require('fs');
const https = require('https');
const readline = require('readline');
const tls = require('tls');

const patience = 20000; // milliseconds

// options are those of a context; identity is PKCS#12, all else PEM.
function options(identity, password, trust) {
  const o = {ca: fs.readFileSync(trust)};
  if (identity !== '') {
    o.pfx = fs.readFileSync(identity);
    o.passphrase = password;
  }
  return o;
}

// contexts by what they were made of: to open a PKCS#12 takes longer than to use
// what is in it. No session is resumed, since none is kept.
const contexts = new Map();
function context(identity, password, trust) {
  const key = `${identity}\t${trust}`;
  if (!contexts.has(key)) {
    contexts.set(key, tls.createSecureContext(options(identity, password, trust)));
  }
  return contexts.get(key);
}

const [identity, password, trust, , crls] = process.argv.slice(2);
const settings = {...options(identity, password, trust), requestCert: true, rejectUnauthorized: true};
if (crls !== '') {
  // Of several lists in one text Node.js reads the first: it wants each alone.
  settings.crl = fs.readFileSync(crls, 'ascii').match(/-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----/g);
}
const server = https.createServer(settings, (request, response) => {
  const seen = request.socket.getPeerCertificate();
  response.end(`CN=${seen.subject.CN} serial=${seen.serialNumber}`);
});

// ask takes fields: port, host, identity, its password, trust, its password.
function ask(f, done) {
  let answer = '', over = false;
  const finish = (text) => {
    if (!over) {
      over = true;
      done(text.replace(/[\r\n]+/g, ' '));
    }
  };
  let s;
  try {
    s = tls.connect({host: '127.0.0.1', port: Number(f[0]), servername: f[1], secureContext: context(f[2], f[3], f[4])});
  } catch (e) {
    finish(`error\t${e}`);
    return;
  }
  s.setTimeout(patience, () => s.destroy(new Error('no answer in time')));
  s.on('error', (e) => finish((s.authorizationError ? 'distrust\t' : 'refused\t') + e));
  s.on('data', (d) => { answer += d; });
  s.on('close', () => finish(`answer\t${answer}`));
  s.write(`GET /whoami HTTP/1.0\r\nHost: ${f[1]}\r\n\r\n`);
}

server.listen(0, '127.0.0.1', () => {
  console.log(server.address().port);
  const lines = readline.createInterface({input: process.stdin});
  lines.on('line', (line) => ask(line.split('\t'), (text) => console.log(text)));
  lines.on('close', () => process.exit(0));
});
