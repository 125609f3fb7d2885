// SPDX-License-Identifier: Apache-2.0

import java.io.File;
import java.io.FileInputStream;
import java.security.cert.*;
import java.util.*;

/** Says for each directory and set of lists whom Java's PKIX accepts of those that are named first. */
class Lists {
    public static void main(String[] args) throws Exception {
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        for (String dir : Arrays.copyOfRange(args, 2, args.length)) {
            TrustAnchor root = new TrustAnchor((X509Certificate) read(factory, dir, "root.pem"), null);
            for (String set : args[1].split(" ")) {
                Collection<? extends CRL> lists;
                try (FileInputStream in = new FileInputStream(new File(dir, set + "-lists.pem"))) {
                    lists = factory.generateCRLs(in);
                }
                List<String> good = new ArrayList<>();
                for (String name : args[0].split(" ")) {
                    PKIXParameters parameters = new PKIXParameters(Set.of(root));
                    parameters.addCertStore(CertStore.getInstance("Collection", new CollectionCertStoreParameters(lists)));
                    CertPathValidator validator = CertPathValidator.getInstance("PKIX");
                    PKIXRevocationChecker checker = (PKIXRevocationChecker) validator.getRevocationChecker();
                    checker.setOptions(EnumSet.of(PKIXRevocationChecker.Option.PREFER_CRLS, PKIXRevocationChecker.Option.NO_FALLBACK));
                    parameters.addCertPathChecker(checker);
                    try {
                        validator.validate(factory.generateCertPath(List.of(read(factory, dir, name + ".pem"), read(factory, dir, "issuing.pem"))), parameters);
                        good.add(name);
                    } catch (CertPathValidatorException e) {
                        if (!(e.getCause() instanceof CertificateRevokedException) && e.getReason() != CertPathValidatorException.BasicReason.REVOKED) {
                            good.add(name + ": " + e.getReason());
                        }
                    }
                }
                System.out.println(set + ": " + String.join(" ", good));
            }
        }
    }

    private static Certificate read(CertificateFactory factory, String dir, String name) throws Exception {
        try (FileInputStream in = new FileInputStream(new File(dir, name))) {
            return factory.generateCertificate(in);
        }
    }
}
