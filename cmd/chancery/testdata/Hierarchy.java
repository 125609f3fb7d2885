// SPDX-License-Identifier: Apache-2.0

import java.io.File;
import java.io.FileInputStream;
import java.security.cert.*;
import java.util.*;

/** Says for each directory whether Java's PKIX takes leaf.pem, middle.pem (issuer first) below root.pem, with lists.pem. */
class Hierarchy {
    public static void main(String[] dirs) throws Exception {
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        CertPathValidator validator = CertPathValidator.getInstance("PKIX");
        for (String dir : dirs) {
            List<Certificate> path = new ArrayList<>(certificates(factory, dir, "leaf.pem"));
            path.addAll(certificates(factory, dir, "middle.pem"));
            X509Certificate root = (X509Certificate) certificates(factory, dir, "root.pem").iterator().next();
            PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(root, null)));
            try (FileInputStream in = new FileInputStream(new File(dir, "lists.pem"))) {
                parameters.addCertStore(CertStore.getInstance("Collection", new CollectionCertStoreParameters(factory.generateCRLs(in))));
            }
            String verdict = "OK";
            try {
                validator.validate(factory.generateCertPath(path), parameters);
            } catch (CertPathValidatorException | RuntimeException e) {
                verdict = "no: " + e;
            }
            System.out.println(verdict);
        }
    }

    private static Collection<? extends Certificate> certificates(CertificateFactory factory, String dir, String name) throws Exception {
        File file = new File(dir, name);
        if (file.length() == 0) {
            return List.of();
        }
        try (FileInputStream in = new FileInputStream(file)) {
            return factory.generateCertificates(in);
        }
    }
}
