"""Checkers that others wrote, against the running program: sslscan and sslyze always; testssl and schemathesis with --long."""
import json
import os
import subprocess
import sys
import unittest

from site_pki import SitePki
from skerry import LONG, ROOT, Skerry, free_port

VENV = os.path.join(ROOT, "build", "venv-checkers", "bin")
TLS_DOORS = ("https", "mqtts", "ws")


def run(*command, limit_s=120, cwd=None):
    return subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False, cwd=cwd)


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        holder = unittest.TestCase()
        cls.addClassCleanup(holder.doCleanups)
        # Its port is fixed, so that the server's certificate can say where the revocation list is.
        cls.skerry = Skerry(holder, f"https.port={free_port()}", "ws.tls=true", tls=True)
        cls.pki = SitePki(cls.skerry)
        cls.pki.skerry_command("pki", "issue", "scan", "--role", "operator", "--out", cls.pki.folder)

    def test_sslscan_sees_two_protocols_and_forward_secrecy_only(self):
        for door in TLS_DOORS:
            seen = run("sslscan", "--no-colour", f"127.0.0.1:{self.skerry.ports[door]}").stdout
            lines = [line.split() for line in seen.splitlines()]
            state = {words[0]: words[1] for words in lines if len(words) == 2 and words[0].startswith(("SSLv", "TLSv"))}
            self.assertEqual(state, {"SSLv2": "disabled", "SSLv3": "disabled", "TLSv1.0": "disabled", "TLSv1.1": "disabled", "TLSv1.2": "enabled", "TLSv1.3": "enabled"}, door)
            suites = [words[4] for words in lines if words and words[0] in ("Accepted", "Preferred")]
            self.assertEqual(len(suites), 6, seen)
            for suite in suites:
                self.assertTrue(suite.startswith(("TLS_", "ECDHE-ECDSA-")) and "CBC" not in suite and "SHA1" not in suite, suite)
            self.assertNotIn("vulnerable to heartbleed\n", seen.replace("not vulnerable", ""))

    def test_sslyze_finds_mozillas_intermediate(self):
        for door in TLS_DOORS:
            done = run(os.path.join(VENV, "python"), "-W", "ignore", os.path.join(ROOT, "tests", "checkers", "mozilla.py"), "127.0.0.1", str(self.skerry.ports[door]),
                       self.pki.ca, self.pki.path("scan.pem"), self.pki.path("scan.key"))
            self.assertEqual((done.returncode, done.stdout), (0, "compliant\n"), f"{door}: {done.stderr[-2000:]}")

    if LONG:
        def test_testssl_finds_nothing_high_or_critical(self):
            report = self.pki.path("testssl.json")
            done = run("testssl", "--quiet", "--color", "0", "--warnings", "batch", "--ip", "one", "--add-ca", self.pki.ca, "--jsonfile", report,
                       f"127.0.0.1:{self.skerry.ports['https']}", limit_s=900, cwd=self.pki.folder)
            with open(report, encoding="utf-8") as f:
                found = json.load(f)
            self.assertGreater(len(found), 100, done.stdout[-2000:])
            self.assertEqual([each for each in found if each["severity"] in ("HIGH", "CRITICAL", "FATAL")], [])


if LONG:
    class Api(unittest.TestCase):
        def test_schemathesis_gets_no_5xx(self):
            skerry = Skerry(self)
            skerry.post("/api/v1/readings", {"device_id": "dev-1", "temperature": 21})
            schema = os.path.join(skerry.folder, "openapi.json")
            with open(schema, "wb") as f:
                f.write(skerry.get("/api/v1/openapi.json").body)
            done = run(os.path.join(VENV, "st"), "run", schema, "--url", f"http://127.0.0.1:{skerry.ports['http']}", "-c", "not_a_server_error",
                       "--phases", "coverage,fuzzing", "-n", "50", "--seed", "1", "--suppress-health-check", "all", "--request-timeout", "30", limit_s=1800)
            self.assertEqual(done.returncode, 0, done.stdout[-4000:])
            self.assertEqual(skerry.get("/readyz").status, 200)


if __name__ == "__main__":
    sys.exit(unittest.main())
