/**
 * A certificate of one's own making.
 *
 * **Invariant:** it holds for this machine only, and for a day.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";

/** Makes certificate and key in `folder`. */
export function makeCertificate(folder: string): { certificate: string; key: string } {
  const [certificate, key] = [join(folder, "certificate.pem"), join(folder, "key.pem")];
  execFileSync("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"],
    ...["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"],
    ...["-keyout", key, "-out", certificate],
  ], { stdio: "ignore" });
  return { certificate, key };
}
