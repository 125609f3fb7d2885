// SPDX-License-Identifier: Apache-2.0

import java.io.File;
import java.io.FileInputStream;
import java.security.cert.*;
import java.util.*;

/** Says for each directory whether Java's PKIX takes leaf.pem, middle.pem (issuer first) below root.pem. */
class Verdicts {
    public static void main(String[] dirs) throws Exception {
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        CertPathValidator validator = CertPathValidator.getInstance("PKIX");
        for (String dir : dirs) {
            List<Certificate> path = new ArrayList<>(all(factory, dir, "leaf.pem"));
            path.addAll(all(factory, dir, "middle.pem"));
            X509Certificate root = (X509Certificate) all(factory, dir, "root.pem").iterator().next();
            PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(root, null)));
            parameters.setRevocationEnabled(false);
            String verdict = "OK";
            try {
                validator.validate(factory.generateCertPath(path), parameters);
            } catch (CertPathValidatorException | RuntimeException e) {
                verdict = "no: " + e.getMessage();
            }
            System.out.println(verdict);
        }
    }

    private static Collection<? extends Certificate> all(CertificateFactory factory, String dir, String name) throws Exception {
        try (FileInputStream in = new FileInputStream(new File(dir, name))) {
            return factory.generateCertificates(in);
        }
    }
}
