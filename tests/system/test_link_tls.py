"""The link under mutual TLS 1.3, with certificates made by openssl: a gateway and its cloud meet; every wrong certificate is refused, told
and counted; files that are replaced count without a restart."""
import datetime
import os
import shutil
import subprocess
import unittest

from site_pki import openssl
from skerry import BIN, Skerry, SkerryTest, temp_folder, wait_until
from test_sync import Cloud, uplink

GATEWAY = "gw-1"


class Pki:
    """An authority of its own in a folder, and certificates by it."""

    def __init__(self, folder, name="ca"):
        self.folder, self.name = folder, name
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/O=Fleet {name}/CN={name}", "-days", "30",
                "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
                "-keyout", self.path(name + ".key"), "-out", self.path(name + ".pem"))
        self.ca = self.path(name + ".pem")
        self.write(name + ".cnf", f"[ca]\ndefault_ca=x\n[x]\ndatabase={self.path(name + '.index')}\nnew_certs_dir={folder}\nrand_serial=yes\ncrlnumber={self.path(name + '.crlnumber')}\n"
                   "default_md=sha256\npolicy=p\nunique_subject=no\ndefault_crl_days=7\n[p]\ncommonName=supplied\norganizationalUnitName=optional\norganizationName=optional\n")
        self.write(name + ".index", "")
        self.write(name + ".crlnumber", "01\n")

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)

    def make(self, name, cn, eku="clientAuth", ou="gateway", san=None, days=(-1, 30)):
        """NAME.pem and NAME.key."""
        subject = f"/O=Fleet/CN={cn}" if not ou else f"/O=Fleet/OU={ou}/CN={cn}"
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject, "-keyout", self.path(name + ".key"), "-out", self.path(name + ".csr"))
        extensions = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        extensions += f"extendedKeyUsage={eku}\nsubjectAltName={san or 'DNS:' + cn}\n"
        self.write(name + ".ext", extensions)
        now = datetime.datetime.now(datetime.timezone.utc)
        start, end = ((now + datetime.timedelta(days=d)).strftime("%Y%m%d%H%M%SZ") for d in days)
        self.ca_command("-in", self.path(name + ".csr"), "-out", self.path(name + ".pem"), "-extfile", self.path(name + ".ext"), "-startdate", start, "-enddate", end, "-notext")
        return name

    def ca_command(self, *arguments):
        return openssl("ca", "-batch", "-config", self.path(self.name + ".cnf"), "-cert", self.ca, "-keyfile", self.path(self.name + ".key"), *arguments)

    def revoke(self, name):
        self.ca_command("-revoke", self.path(name + ".pem"))
        self.write_crl()

    def write_crl(self):
        self.ca_command("-gencrl", "-out", self.path("crl.pem"))


@unittest.skipUnless(Skerry.available(), f"{BIN} is not built")
class LinkTls(SkerryTest):
    def setUp(self):
        self.folder = temp_folder(self, "link-pki")
        self.pki = Pki(self.folder)
        self.pki.write_crl()
        self.pki.make("cloud", "cloud", eku="serverAuth", ou=None, san="DNS:localhost,IP:127.0.0.1")
        self.pki.make("gw", GATEWAY)
        self.cloud = self.start_cloud()
        self.use("gw")

    def start_cloud(self, **more):
        path = self.pki.path
        keys = {"certificate": path("cloud.pem"), "key": path("cloud.key"), "ca": self.pki.ca, "crl": path("crl.pem"), **more}
        cloud = Cloud.__new__(Cloud)
        cloud.tls = True
        Cloud.__init__(cloud, self, *(f"link.{key}={value}" for key, value in keys.items()))
        return cloud

    def use(self, name, ca=None):
        """What the gateway shows from its next connection on."""
        for kind in ("pem", "key"):
            shutil.copyfile(self.pki.path(f"{name}.{kind}"), self.pki.path(f"used.{kind}.new"))
            os.replace(self.pki.path(f"used.{kind}.new"), self.pki.path(f"used.{kind}"))
        shutil.copyfile(ca or self.pki.ca, self.pki.path("used-ca.pem"))

    def start_edge(self, *settings, host="localhost", gateway=GATEWAY):
        return Skerry(self, f"cloud.url=wss://{host}:{self.cloud.ports['link']}", f"cloud.ca={self.pki.path('used-ca.pem')}", f"cloud.certificate={self.pki.path('used.pem')}",
                      f"cloud.key={self.pki.path('used.key')}", f"gateway.id={gateway}", "sync.linger=20ms", *settings)

    def synced(self, edge):
        link = uplink(edge)
        return link.get("up") and link.get("backlog_records") == 0

    def trouble(self, edge, kind):
        found = wait_until(lambda: uplink(edge).get("trouble_kind") and uplink(edge), f"trouble of kind {kind}")
        self.assertEqual(found["trouble_kind"], kind, found)
        self.assertGreaterEqual(edge.metric("skerry_link_failures_total", kind=kind), 1)
        self.assertFalse(found["up"])
        return found["trouble"]

    def test_they_meet_and_nothing_is_readable_without(self):
        edge = self.start_edge()
        edge.post("/api/v1/readings", {"device_id": "d", "n": 1})
        wait_until(lambda: self.synced(edge), "the reading in the cloud")
        self.assertEqual(self.cloud.get("/api/v1/readings?device=d").json()["items"][0]["gateway_id"], GATEWAY)
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.cloud.ports['link']}", "-tls1_2"], input=b"", capture_output=True, timeout=30, check=False)
        self.assertIn(b"alert", done.stderr, "TLS 1.2 is refused")
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.cloud.ports['link']}", "-ign_eof"], input=b"GET /link HTTP/1.1\r\n\r\n", capture_output=True, timeout=30, check=False)
        self.assertIn(b"certificate required", done.stderr)
        self.assertGreaterEqual(self.cloud.metric("skerry_tls_handshakes_failed_total", door="link"), 2)

    def test_a_gateways_wrong_certificate_is_refused_told_and_counted(self):
        other = Pki(self.folder, "other")
        self.pki.make("revoked", GATEWAY)
        self.pki.revoke("revoked")
        kinds = {
            "unknown_ca": (other.make("stranger", GATEWAY), "unknown ca"),
            "certificate_expired": (self.pki.make("expired", GATEWAY, days=(-30, -1)), "certificate expired"),
            "certificate_revoked": ("revoked", "certificate revoked"),
            "certificate_wrong_use": (self.pki.make("server", GATEWAY, eku="serverAuth"), "unsupported certificate"),
            "not_a_gateway": (self.pki.make("device", GATEWAY, ou=None), "unsupported certificate"),
        }
        self.cloud.stop()
        self.cloud.start()  # the new revocation list
        for reason, (name, alert) in kinds.items():
            with self.subTest(reason):
                self.use(name)
                edge = self.start_edge()
                self.assertIn(alert, self.trouble(edge, "own_certificate"))
                self.assertGreaterEqual(self.cloud.metric("skerry_link_certificates_refused_total", reason=reason), 1)
                edge.post("/api/v1/readings", {"device_id": "d", "n": 1})
                self.assertEqual(uplink(edge)["backlog_records"], 1, "it goes on and keeps everything")
                self.assertEqual(edge.stop(), 0)
        self.assertEqual(self.cloud.get("/api/v1/readings?device=d").json()["items"], [])

    def test_another_gateways_certificate_does_not_speak_for_this_one(self):
        self.use(self.pki.make("gw2", "gw-2"))
        edge = self.start_edge()
        refused = wait_until(lambda: uplink(edge).get("refused"), "the refusal")
        self.assertEqual(refused["reason"], "denied")
        self.assertIn("gw-2", refused["why"])
        self.assertGreaterEqual(self.cloud.metric("skerry_link_certificates_refused_total", reason="other_gateway"), 1)

    def test_a_false_cloud_is_not_believed(self):
        self.use("gw", ca=Pki(self.folder, "other").ca)
        edge = self.start_edge()
        self.assertIn("its authority is not in cloud.ca", self.trouble(edge, "cloud_certificate"))
        edge.stop()
        self.use("gw")
        edge = self.start_edge("cloud.server_name=elsewhere.example")
        self.assertIn("must name the host", self.trouble(edge, "cloud_certificate"))

    def test_broken_files_are_told_and_the_gateway_goes_on(self):
        os.remove(self.pki.path("used.pem"))
        edge = self.start_edge()
        self.assertIn("used.pem", self.trouble(edge, "credentials"))
        shutil.copyfile(self.pki.path("gw.pem"), self.pki.path("used.pem"))
        wait_until(lambda: self.synced(edge), "the link, once the file is there")
        missing = subprocess.run([BIN, "edge", "--data", temp_folder(self, "no"), "--set", "cloud.url=wss://localhost:1", "--set", "mqtt.port=0", "--set", "http.port=0"], capture_output=True, timeout=30, check=False)
        self.assertEqual(missing.returncode, 1, missing.stderr)
        self.assertIn(b"cloud.ca: is needed with wss://", missing.stderr)
        outside = subprocess.run([BIN, "cloud", "--data", temp_folder(self, "no"), "--set", "link.host=0.0.0.0", "--set", "http.port=0", "--set", "link.port=0"], capture_output=True, timeout=30, check=False)
        self.assertIn(b"set link.certificate", outside.stderr)

    def test_a_revocation_ends_an_open_link_and_a_new_certificate_begins_one(self):
        edge = self.start_edge()
        wait_until(lambda: self.synced(edge), "the link")
        self.pki.make("next", GATEWAY)
        self.pki.revoke("gw")
        wait_until(lambda: uplink(edge).get("trouble_kind") == "own_certificate", "the revoked link to end", 60)
        self.use("next")
        wait_until(lambda: self.synced(edge), "the new certificate's link", 60)

    def test_a_certificate_of_a_site_lets_a_gateway_in(self):
        """`skerry pki issue --role gateway` on the cloud's own authority."""
        site = temp_folder(self, "site")
        for arguments in (["init"], ["issue", GATEWAY, "--role", "gateway", "--out", self.folder]):
            done = subprocess.run([BIN, "pki", *arguments, "--data", site], capture_output=True, timeout=120, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.cloud.stop()
        self.cloud = self.start_cloud(ca=os.path.join(site, "pki", "ca.pem"), crl="")
        shutil.copyfile(self.pki.path(f"{GATEWAY}.pem"), self.pki.path("site.pem"))
        shutil.copyfile(self.pki.path(f"{GATEWAY}.key"), self.pki.path("site.key"))
        self.use("site")
        edge = self.start_edge()
        wait_until(lambda: self.synced(edge), "the link")


if __name__ == "__main__":
    unittest.main()
