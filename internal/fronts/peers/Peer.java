// SPDX-License-Identifier: Apache-2.0

import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsParameters;
import com.sun.net.httpserver.HttpsServer;
import java.io.BufferedReader;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertPathBuilder;
import java.security.cert.CertStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.PKIXRevocationChecker;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Executors;
import javax.net.ssl.CertPathTrustManagerParameters;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;

/** A server of mutual TLS, and a client that does what lines on its input say. */
public class Peer {
    static final int PATIENCE = 20_000; // milliseconds

    public static void main(String[] args) throws Exception {
        SSLContext tls = context(args[0], args[1], args[2], args[3], args[4]);
        HttpsServer server = HttpsServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), 0);
        server.setHttpsConfigurator(new HttpsConfigurator(tls) {
            @Override
            public void configure(HttpsParameters p) {
                SSLParameters wanted = getSSLContext().getDefaultSSLParameters();
                wanted.setNeedClientAuth(true);
                p.setSSLParameters(wanted);
            }
        });
        server.createContext("/", exchange -> {
            var https = (com.sun.net.httpserver.HttpsExchange) exchange;
            X509Certificate seen = (X509Certificate) https.getSSLSession().getPeerCertificates()[0];
            byte[] body = (seen.getSubjectX500Principal().getName() + " serial=" + seen.getSerialNumber().toString(16).toUpperCase())
                    .getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.setExecutor(Executors.newCachedThreadPool(r -> {
            Thread t = new Thread(r);
            t.setDaemon(true);
            return t;
        }));
        server.start();
        System.out.println(server.getAddress().getPort());
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            System.out.println(ask(line.split("\t", -1)).replaceAll("[\r\n]+", " "));
        }
        System.exit(0);
    }

    /** Fields: port, host, identity, its password, trust, its password. */
    static String ask(String[] f) {
        try (Socket plain = new Socket("127.0.0.1", Integer.parseInt(f[0]))) {
            plain.setSoTimeout(PATIENCE);
            SSLContext tls = context(f[2], f[3], f[4], f[5], "");
            try (SSLSocket s = (SSLSocket) tls.getSocketFactory().createSocket(plain, f[1], plain.getPort(), true)) {
                SSLParameters p = s.getSSLParameters();
                p.setEndpointIdentificationAlgorithm("HTTPS");
                s.setSSLParameters(p);
                s.getOutputStream().write(("GET /whoami HTTP/1.0\r\nHost: " + f[1] + "\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
                return "answer\t" + new String(s.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            }
        } catch (IOException e) {
            for (Throwable t = e; t != null; t = t.getCause()) {
                if (t instanceof java.security.GeneralSecurityException) {
                    return "distrust\t" + e;
                }
            }
            return "refused\t" + e;
        } catch (Exception e) {
            return "error\t" + e;
        }
    }

    /** Managers by what they were made of: to open a PKCS#12 takes longer than to use what is in it. */
    static final Map<String, KeyManager[]> KEYS = new HashMap<>();
    static final Map<String, TrustManager[]> TRUST = new HashMap<>();

    /** A context is new for each connection, so that no session is resumed. */
    static SSLContext context(String identity, String password, String trust, String trustPassword, String crls) throws Exception {
        if (!KEYS.containsKey(identity)) {
            KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            keys.init(identity.isEmpty() ? null : KeyStore.getInstance(new File(identity), password.toCharArray()), password.toCharArray());
            KEYS.put(identity, keys.getKeyManagers());
        }
        if (!TRUST.containsKey(trust + "\t" + crls)) {
            TRUST.put(trust + "\t" + crls, trusted(trust(trust, trustPassword), crls));
        }
        SSLContext tls = SSLContext.getInstance("TLS");
        tls.init(KEYS.get(identity), TRUST.get(trust + "\t" + crls), null);
        return tls;
    }

    /** A store of certificates, PKCS#12 or JKS; or PEM, which is put into one. */
    static KeyStore trust(String file, String password) throws Exception {
        if (!file.endsWith(".pem")) {
            return KeyStore.getInstance(new File(file), password.toCharArray());
        }
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        try (var in = new FileInputStream(file)) {
            for (Certificate c : CertificateFactory.getInstance("X.509").generateCertificates(in)) {
                store.setCertificateEntry("c" + store.size(), c);
            }
        }
        return store;
    }

    static TrustManager[] trusted(KeyStore store, String crls) throws Exception {
        TrustManagerFactory managers = TrustManagerFactory.getInstance("PKIX");
        if (crls.isEmpty()) {
            managers.init(store);
            return managers.getTrustManagers();
        }
        PKIXBuilderParameters p = new PKIXBuilderParameters(store, new X509CertSelector());
        try (var in = new FileInputStream(crls)) {
            var lists = CertificateFactory.getInstance("X.509").generateCRLs(in);
            p.addCertStore(CertStore.getInstance("Collection", new CollectionCertStoreParameters(lists)));
        }
        var checker = (PKIXRevocationChecker) CertPathBuilder.getInstance("PKIX").getRevocationChecker();
        checker.setOptions(EnumSet.of(PKIXRevocationChecker.Option.PREFER_CRLS, PKIXRevocationChecker.Option.NO_FALLBACK));
        p.addCertPathChecker(checker);
        managers.init(new CertPathTrustManagerParameters(p));
        return managers.getTrustManagers();
    }
}
