# SPDX-License-Identifier: Apache-2.0

"""A server of mutual TLS, and a client that does what lines on its input say."""
import re
import socket
import ssl
import sys
import threading

PATIENCE = 20  # seconds


def context(side, identity, trust):
    """A context that is as strict as OpenSSL can be; all files are PEM."""
    c = ssl.SSLContext(side)
    c.verify_mode = ssl.CERT_REQUIRED
    c.verify_flags |= ssl.VERIFY_X509_STRICT
    c.load_verify_locations(trust)
    if identity:
        c.load_cert_chain(identity)
    return c


def received(s):
    """Everything until the other side is done."""
    parts = []
    while part := s.recv(65536):
        parts.append(part)
    return b"".join(parts)


def serve(plain, tls):
    plain.settimeout(PATIENCE)
    try:
        with tls.wrap_socket(plain, server_side=True) as s:
            request = b""
            while b"\r\n\r\n" not in request:
                part = s.recv(65536)
                if not part:
                    return
                request += part
            seen = s.getpeercert()
            names = ",".join("=".join(pair) for rdn in seen["subject"] for pair in rdn)
            body = f"{names} serial={seen['serialNumber']}".encode()
            s.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            s.unwrap()
    except OSError as e:  # ssl.SSLError is one
        print(e, file=sys.stderr, flush=True)
    finally:
        plain.close()


def accept(listener, tls):
    while True:
        plain, _ = listener.accept()
        threading.Thread(target=serve, args=(plain, tls), daemon=True).start()


def ask(port, host, identity, _, trust, __):
    try:
        tls = context(ssl.PROTOCOL_TLS_CLIENT, identity, trust)
        with socket.create_connection(("127.0.0.1", int(port)), PATIENCE) as plain:
            with tls.wrap_socket(plain, server_hostname=host) as s:
                s.sendall(f"GET /whoami HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
                return "answer\t" + received(s).decode()
    except ssl.SSLCertVerificationError as e:
        return f"distrust\t{e}"
    except OSError as e:
        return f"refused\t{e}"


def main():
    identity, _, trust, _, crls = sys.argv[1:]
    tls = context(ssl.PROTOCOL_TLS_SERVER, identity, trust)
    if crls:
        tls.load_verify_locations(crls)
        tls.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accept, args=(listener, tls), daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    for line in sys.stdin:
        print(re.sub("[\r\n]+", " ", ask(*line.rstrip("\n").split("\t"))), flush=True)


main()
