// SPDX-License-Identifier: Apache-2.0

import java.io.FileInputStream;
import java.security.cert.*;
import java.util.*;

/** Says of each file with a chain, behind the file with its root, whether Java's PKIX takes it, by OCSP alone. */
class Standing {
    public static void main(String[] files) throws Exception {
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        for (int i = 0; i < files.length; i += 2) {
            X509Certificate root = (X509Certificate) certificates(factory, files[i]).iterator().next();
            CertPathValidator validator = CertPathValidator.getInstance("PKIX");
            PKIXRevocationChecker checker = (PKIXRevocationChecker) validator.getRevocationChecker();
            checker.setOptions(EnumSet.of(PKIXRevocationChecker.Option.NO_FALLBACK));
            PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(root, null)));
            parameters.addCertPathChecker(checker);
            String verdict = "good";
            try {
                validator.validate(factory.generateCertPath(new ArrayList<>(certificates(factory, files[i + 1]))), parameters);
            } catch (CertPathValidatorException e) {
                verdict = e.getReason() + " at " + e.getIndex() + ": " + e.getMessage();
            }
            System.out.println(verdict);
        }
    }

    private static Collection<? extends Certificate> certificates(CertificateFactory factory, String file) throws Exception {
        try (FileInputStream in = new FileInputStream(file)) {
            return factory.generateCertificates(in);
        }
    }
}
