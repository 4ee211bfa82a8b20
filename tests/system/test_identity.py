"""Nobody speaks without an identity: stock clients (curl, openssl, mosquitto_pub, paho) against the running gateway, with right
certificates and with wrong ones of every kind: refused with the right alert or status, counted, audited."""
import base64
import json
import os
import socket
import ssl
import stat
import subprocess
import unittest

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from site_pki import SitePki, openssl
from skerry import BIN, PATIENCE_S, Skerry, wait_until

TOPIC = "sensors/dev-1/data"


class Paho:
    """A paho client over TLS; says what CONNECT and the connection came to."""

    def __init__(self, test, pki, name=None, user=None, password=None, client_id="", port=None, transport="tcp"):
        self.reason, self.disconnected, self.acknowledged = None, None, set()
        self.paho = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5, reconnect_on_failure=False, transport=transport)
        if transport == "websockets":
            self.paho.ws_set_options(path="/mqtt")
        if port is None:
            files = (pki.path(name + ".pem"), pki.path(name + ".key")) if name else (None, None)
            self.paho.tls_set(pki.ca, *files)
        if user is not None:
            self.paho.username_pw_set(user, password)
        self.paho.on_connect = lambda c, u, flags, reason, properties: setattr(self, "reason", reason)
        self.paho.on_disconnect = lambda c, u, flags, reason, properties: setattr(self, "disconnected", reason)
        self.paho.on_publish = lambda c, u, mid, reason, properties: self.acknowledged.add((mid, reason.getName()))
        test.addCleanup(self.close)
        self.paho.connect("localhost" if port is None else "127.0.0.1", port or pki.skerry.ports["mqtts"], keepalive=30)
        self.paho.loop_start()
        wait_until(lambda: self.reason is not None, "CONNACK")

    def publish(self, topic):
        mid = self.paho.publish(topic, b"{}", 1).mid
        return wait_until(lambda: next((reason for m, reason in self.acknowledged if m == mid), None), "PUBACK")

    def close(self):
        self.paho.disconnect()
        self.paho.loop_stop()


class Identity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        holder = unittest.TestCase()
        cls.addClassCleanup(holder.doCleanups)
        cls.skerry = Skerry(holder, tls=True)
        cls.pki = SitePki(cls.skerry)
        cls.registered = cls.pki.register("dev-1", attributes={"location": "hall-a"})
        cls.pki.register("dev-2")

    def audit(self):
        with open(os.path.join(self.pki.site, "journal.ndjson"), encoding="utf-8") as f:
            return [json.loads(line) for line in f]

    # ---- the PKI, seen by openssl ----
    def test_the_root_is_as_required(self):
        text = openssl("x509", "-in", self.pki.ca, "-noout", "-text", "-nameopt", "RFC2253").decode()
        for part in ("Subject: L=San Francisco,C=US,O=Edge IoT CA", "Public-Key: (4096 bit)", "CA:TRUE", "Certificate Sign, CRL Sign"):
            self.assertIn(part, text)
        self.assertNotIn("Extended Key Usage", text)
        for name in ("ca.key", "issuer.key", "server.key", "journal.ndjson"):
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.pki.site, name)).st_mode), 0o600, name)

    def test_a_device_certificate_is_as_required(self):
        answer = self.registered
        self.assertEqual({k: answer[k] for k in ("id", "name", "type", "status", "last_seen")},
                         {"id": "dev-1", "name": "a device", "type": "sensor", "status": "registered", "last_seen": None})
        self.pki.write("ca-answer.pem", answer["ca_certificate"])
        openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", self.pki.path("ca-answer.pem"), self.pki.path("dev-1.pem"))
        text = openssl("x509", "-in", self.pki.path("dev-1.pem"), "-noout", "-text", "-nameopt", "RFC2253").decode()
        for part in ("Subject: L=Edge,C=US,O=Edge IoT Device,CN=dev-1", "Digital Signature, Key Encipherment", "TLS Web Client Authentication",
                     "DNS:dev-1.edge.local, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1"):
            self.assertIn(part, text)

    def test_servers_are_named_localhost_and_loopback(self):
        for host in ("localhost", "127.0.0.1"):
            done = subprocess.run(["curl", "-sS", "--cacert", self.pki.ca, f"https://{host}:{self.skerry.ports['https']}/.well-known/jwks.json"],
                                  capture_output=True, timeout=PATIENCE_S, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(json.loads(done.stdout)["keys"][0]["alg"], "RS256")

    def test_old_protocols_and_weak_suites_are_refused(self):
        for arguments in (["-tls1_1"], ["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"], ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"]):
            done = subprocess.run(["openssl", "s_client", "-connect", f"localhost:{self.skerry.ports['mqtts']}", *arguments], input=b"",
                                  capture_output=True, timeout=PATIENCE_S, check=False)
            self.assertNotEqual(done.returncode, 0, arguments)

    # ---- registration ----
    def test_registration_needs_a_code_and_uses_it_once(self):
        csr = self.pki.csr("dev-9")
        self.assertEqual(self.pki.curl("POST", "/devices/register", {"id": "dev-9", "csr": csr})[0], 401)
        code = self.pki.code()
        self.assertEqual(self.pki.curl("POST", "/devices/register", {"id": "dev-9", "csr": csr, "claim_code": code})[0], 201)
        status, answer = self.pki.curl("POST", "/devices/register", {"id": "dev-8", "csr": self.pki.csr("dev-8"), "claim_code": code})
        self.assertEqual((status, answer["reason"]), (401, "claim_code_invalid"))
        self.assertEqual(self.pki.curl("POST", "/devices/register", {"id": "a/b", "csr": csr, "claim_code": self.pki.code()})[0], 400)
        for body in ([], {"id": 3}, {"id": "x", "attributes": []}):
            self.assertEqual(self.pki.curl("POST", "/devices/register", body)[0], 400, body)

    def test_an_operators_certificate_replaces_the_code(self):
        self.pki.skerry_command("pki", "issue", "ann", "--role", "operator", "--out", self.pki.folder)
        status, answer = self.pki.curl("POST", "/devices/register", {"id": "dev-7", "csr": self.pki.csr("dev-7")}, name="ann")
        self.assertEqual(status, 201, answer)
        status, answer = self.pki.curl("POST", "/devices/register", {"id": "dev-6", "csr": self.pki.csr("dev-6")}, name="dev-1")
        self.assertEqual(status, 401, answer)

    def test_preregistered_secrets_enrol_once(self):
        self.pki.skerry_command("device", "add", "--csv", self.pki.write("devices.csv", "id,secret\nfactory-1,4f1c-77aa-0c3d-9e12\n"))
        body = {"id": "factory-1", "csr": self.pki.csr("factory-1"), "claim_code": "4f1c-77aa-0c3d-9e12"}
        self.assertEqual(self.pki.curl("POST", "/devices/register", body)[0], 201)
        self.assertEqual(self.pki.curl("POST", "/devices/register", body)[0], 401)

    # ---- EST with curl and openssl ----
    def est(self, path, device, name=None, user=None, out="est"):
        openssl("req", "-in", self.pki.path((out if name else device) + ".csr"), "-outform", "DER", "-out", self.pki.path("est.der"))
        with open(self.pki.path("est.der"), "rb") as f:
            self.pki.write("est.b64", base64.encodebytes(f.read()).decode())
        status, answer = self.pki.curl("POST", "/.well-known/est/" + path, data=self.pki.path("est.b64"), name=name, user=user,
                                       headers=["Content-Type: application/pkcs10"])
        if status == 200:
            self.assertNotIn(b"\n", answer)
            pem = openssl("pkcs7", "-inform", "DER", "-print_certs", stdin=base64.b64decode(answer)).decode()
            self.pki.write(out + ".pem", pem)
        return status

    def test_est_enrols_and_renews(self):
        status, answer = self.pki.curl("GET", "/.well-known/est/cacerts")
        self.assertEqual(status, 200)
        roots = openssl("pkcs7", "-inform", "DER", "-print_certs", stdin=base64.b64decode(answer)).decode()
        self.assertEqual(roots.count("BEGIN CERTIFICATE"), 2)
        self.pki.csr("est-1")
        self.assertEqual(self.est("simpleenroll", "est-1"), 401)
        self.assertEqual(self.est("simpleenroll", "est-1", user="est-1:" + self.pki.code(), out="est-1"), 200)
        self.assertEqual(self.pki.curl("POST", "/devices/est-1/auth", {}, name="est-1")[0], 200)
        self.pki.csr("est-1", "est-new")
        self.assertEqual(self.est("simplereenroll", "est-1", name="est-1", out="est-new"), 200)
        self.assertEqual(self.pki.curl("POST", "/devices/est-1/auth", {}, name="est-1")[0], 200, "the new one has not worked yet")
        self.assertEqual(self.pki.curl("POST", "/devices/est-1/auth", {}, name="est-new")[0], 200)
        self.assertEqual(self.pki.curl("POST", "/devices/est-1/auth", {}, name="est-1")[0], 401)

    # ---- tokens and sessions ----
    def test_auth_gives_a_token_of_a_day(self):
        status, answer = self.pki.curl("POST", "/devices/dev-1/auth", {}, name="dev-1")
        self.assertEqual((status, answer["expires_in"], answer["status"], answer["device"]["id"]), (200, 86400, "authenticated", "dev-1"))
        head, body, _ = (json.loads(base64.urlsafe_b64decode(p + "==")) if i < 2 else p for i, p in enumerate(answer["token"].split(".")))
        self.assertEqual(head["alg"], "RS256")
        self.assertEqual((body["device_id"], body["device_type"], body["exp"] - body["iat"]), ("dev-1", "sensor", 86400))
        keys = self.pki.curl("GET", "/.well-known/jwks.json")[1]
        keys = keys if isinstance(keys, dict) else json.loads(keys)
        self.assertIn(head["kid"], [k["kid"] for k in keys["keys"]])
        self.assertEqual(self.pki.curl("POST", "/devices/dev-1/auth", {})[0], 401)
        self.assertEqual(self.pki.curl("POST", "/devices/dev-1/auth", {}, name="dev-2")[0], 401)
        self.assertEqual(self.pki.curl("POST", "/devices/nobody/auth", {}, name="dev-1")[0], 404)
        self.assertEqual(self.pki.curl("POST", "/devices/dev-1/auth", [], name="dev-1")[0], 400)

    def session(self, device, context, signer=None):
        status, answer = self.pki.curl("POST", f"/devices/{device}/challenge", {})
        if status != 200:
            return status, answer
        self.pki.write("challenge", "")
        with open(self.pki.path("challenge"), "wb") as f:
            f.write(base64.b64decode(answer["challenge"]))
        signature = openssl("dgst", "-sha256", "-sign", self.pki.path((signer or device) + ".key"), self.pki.path("challenge"))
        body = {"challenge": answer["challenge"], "signature": base64.b64encode(signature).decode(), "context": context}
        return self.pki.curl("POST", f"/devices/{device}/session", body)

    def test_sessions_have_the_risk_of_their_context(self):
        status, at_home = self.session("dev-1", {"location": "hall-a", "ip_address": "192.0.2.1"})
        self.assertEqual(status, 200, at_home)
        status, away = self.session("dev-1", {"location": "elsewhere", "ip_address": "192.0.2.1"})
        self.assertEqual(status, 200, away)
        self.assertAlmostEqual(away["risk_score"] - at_home["risk_score"], 0.3)
        self.assertIn("location", [f["factor"] for f in away["factors"]])
        self.assertEqual(away["expires_in"], 3600)
        self.assertIn(away["access_level"], ("restricted", "minimal"))
        self.assertEqual(self.session("dev-1", {}, signer="dev-2")[1]["reason"], "invalid_challenge")
        self.assertEqual(self.session("nobody", {})[0], 404)
        open_sessions = self.pki.curl("GET", "/sessions", name="dev-1")[1]["items"]
        self.assertIn(away["session_id"], [s["id"] for s in open_sessions])
        self.assertEqual(self.pki.curl("DELETE", "/sessions/" + away["session_id"], name="dev-2")[0], 403)
        self.assertEqual(self.pki.curl("DELETE", "/sessions/" + away["session_id"], name="dev-1")[0], 204)
        self.assertEqual(self.pki.curl("DELETE", "/sessions/" + away["session_id"], name="dev-1")[0], 404)

    # ---- wrong certificates on every door ----
    def test_wrong_certificates_are_refused_counted_and_audited(self):
        alerts = {"certificate_expired": "expired", "unknown_ca": "unknown ca", "certificate_wrong_use": "unsupported certificate"}
        for reason, name in self.pki.all_wrong().items():
            with self.subTest(reason):
                before = {door: self.skerry.metric("skerry_identity_refusals_total", door=door, reason=reason) or 0 for door in ("https", "mqtts")}
                ask = self.pki.curl if name != "weak" else lambda _, path, __, name: self.pki.post_showing_a_weak_key(path, name)
                status, answer = ask("POST", "/devices/dev-1/auth", {}, name=name)
                self.assertEqual((status, answer["reason"]), (401, reason))
                done = self.pki.mosquitto_pub("-t", TOPIC, "-m", "{}", "-q", "1", name=name)
                self.assertNotEqual(done.returncode, 0, done.stderr)
                shown = subprocess.run(["openssl", "s_client", "-connect", f"localhost:{self.skerry.ports['mqtts']}", "-CAfile", self.pki.ca, "-tls1_2",
                                        "-cert", self.pki.path(name + ".pem"), "-key", self.pki.path(name + ".key"), "-cipher", "DEFAULT:@SECLEVEL=0"],
                                       input=b"", capture_output=True, timeout=PATIENCE_S, check=False)
                self.assertIn(alerts.get(reason, "bad certificate"), shown.stderr.decode())
                for door in ("https", "mqtts"):
                    self.assertGreater(self.skerry.metric("skerry_identity_refusals_total", door=door, reason=reason), before[door], door)
                self.assertIn(reason, [e["result"] for e in self.audit() if e["what"] == "refuse"])

    def test_another_devices_certificate_does_not_speak_for_this_one(self):
        with_other = Paho(self, self.pki, name="dev-2")
        self.assertEqual(with_other.publish(TOPIC), "Not authorized")
        self.assertEqual(with_other.publish("sensors/dev-2/data"), "Success")

    # ---- MQTT over TLS ----
    def test_mosquitto_pub_with_its_certificate(self):
        done = self.pki.mosquitto_pub("-t", TOPIC, "-m", '{"temperature": 21.5}', "-q", "1", name="dev-1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(self.skerry.all_items("/api/v1/readings?device=dev-1"))
        self.assertNotEqual(self.pki.mosquitto_pub("-t", TOPIC, "-m", "{}", "-q", "1").returncode, 0, "nobody without credentials over TLS")

    def test_paho_with_a_token_as_password(self):
        token = self.pki.curl("POST", "/devices/dev-1/auth", {}, name="dev-1")[1]["token"]
        client = Paho(self, self.pki, user="dev-1", password=token)
        self.assertFalse(client.reason.is_failure)
        self.assertEqual(client.publish(TOPIC), "Success")
        self.assertEqual(client.publish("sensors/dev-2/data"), "Not authorized")
        self.assertTrue(Paho(self, self.pki, user="dev-1", password=token[:-8] + "AAAAAAAA").reason.is_failure)

    def test_user_name_and_password(self):
        added = json.loads(self.pki.skerry_command("device", "add", "pass-1", "--json"))
        self.assertFalse(Paho(self, self.pki, user="pass-1", password=added["password"]).reason.is_failure)
        self.assertTrue(Paho(self, self.pki, user="pass-1", password="wrong").reason.is_failure)
        # On the plain door too: credentials that are given must be right, and narrow what is allowed.
        plain = Paho(self, self.pki, user="pass-1", password=added["password"], port=self.skerry.ports["mqtt"])
        self.assertEqual(plain.publish(TOPIC), "Not authorized")
        self.assertTrue(Paho(self, self.pki, user="pass-1", password="wrong", port=self.skerry.ports["mqtt"]).reason.is_failure)

    def test_a_client_id_of_another_identity_is_not_taken_over(self):
        first = Paho(self, self.pki, name="dev-1", client_id="shared")
        self.assertTrue(Paho(self, self.pki, name="dev-2", client_id="shared").reason.is_failure)
        self.assertTrue(Paho(self, self.pki, name="dev-2", client_id="dev-1").reason.is_failure)
        self.assertIsNone(first.disconnected)

    def test_mqtt_over_websocket(self):
        token = self.pki.curl("POST", "/devices/dev-1/auth", {}, name="dev-1")[1]["token"]
        client = Paho(self, self.pki, user="dev-1", password=token, port=self.skerry.ports["ws"], transport="websockets")
        self.assertEqual(client.publish(TOPIC), "Success")
        self.assertEqual(client.publish("sensors/dev-2/data"), "Not authorized")
        self.assertTrue(Paho(self, self.pki, user="dev-1", password="wrong", port=self.skerry.ports["ws"], transport="websockets").reason.is_failure)

    def test_sessions_resume(self):
        context = ssl.create_default_context(cafile=self.pki.ca)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.pki.path("dev-1.pem"), self.pki.path("dev-1.key"))
        session = None
        for expected in (False, True):
            with socket.create_connection(("localhost", self.skerry.ports["mqtts"]), timeout=PATIENCE_S) as raw:
                with context.wrap_socket(raw, server_hostname="localhost", session=session) as tls:
                    self.assertEqual(tls.session_reused, expected)
                    session = tls.session

    # ---- revocation ----
    def test_revocation_ends_open_connections_and_stands_in_the_list(self):
        self.pki.register("gone-1")
        client = Paho(self, self.pki, name="gone-1")
        self.assertEqual(client.publish("sensors/gone-1/data"), "Success")
        self.pki.skerry_command("device", "revoke", "gone-1", "--reason", "key_compromise")
        wait_until(lambda: client.disconnected is not None, "the connection to end", 3)
        self.assertEqual(client.disconnected.getName(), "Not authorized")
        status, answer = self.pki.curl("POST", "/devices/gone-1/auth", {}, name="gone-1")
        self.assertEqual((status, answer["reason"]), (401, "certificate_revoked"))
        self.assertEqual(self.session("gone-1", {})[1]["reason"], "certificate_revoked")
        self.assertNotEqual(self.pki.mosquitto_pub("-t", "sensors/gone-1/data", "-m", "x", "-q", "1", name="gone-1").returncode, 0)
        crl = self.pki.curl("GET", "/pki/crl.pem")[1]
        text = openssl("crl", "-noout", "-text", "-CAfile", self.pki.ca, stdin=crl).decode()
        serial = openssl("x509", "-in", self.pki.path("gone-1.pem"), "-noout", "-serial").decode().split("=")[1].strip()
        self.assertIn(serial, text)
        self.assertIn("Key Compromise", text)

    def test_a_device_revokes_itself_by_https(self):
        self.pki.register("gone-2")
        self.assertEqual(self.pki.curl("POST", "/devices/gone-2/revoke", {}, name="dev-1")[0], 403)
        self.assertEqual(self.pki.curl("POST", "/devices/gone-2/revoke", {"reason": "cessation"}, name="gone-2")[0], 200)
        self.assertEqual(self.pki.curl("POST", "/devices/gone-2/auth", {}, name="gone-2")[0], 401)

    # ---- the audit journal, and secrets ----
    def test_the_audit_journal_verifies_and_shows_a_cut(self):
        self.assertIn("0 problems", self.pki.skerry_command("audit", "verify"))
        copy = os.path.join(self.skerry.folder, "copy", "pki")
        os.makedirs(copy)
        for name in ("journal.ndjson", "journal.head", "ca.pem"):
            with open(os.path.join(self.pki.site, name), "rb") as source, open(os.path.join(copy, name), "wb") as target:
                target.write(source.read())
        with open(os.path.join(copy, "journal.ndjson"), "r+b") as f:
            whole = f.read().splitlines(keepends=True)
            f.seek(0)
            f.truncate()
            f.writelines(whole[:3])
        done = subprocess.run([BIN, "audit", "verify", "--data", os.path.dirname(copy)], capture_output=True, timeout=PATIENCE_S, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"cut", done.stdout)

    def test_no_secret_is_told(self):
        code = self.pki.code()
        self.pki.curl("POST", "/devices/register", {"id": "c-1", "csr": self.pki.csr("c-1"), "claim_code": code})
        status, wrong = self.pki.curl("POST", "/devices/register", {"id": "c-2", "csr": self.pki.csr("c-2"), "claim_code": "CANARY-SECRET-CODE"})
        token = self.pki.curl("POST", "/devices/dev-1/auth", {}, name="dev-1")[1]["token"]
        Paho(self, self.pki, user="dev-1", password="CANARY-PASSWORD")
        told = self.skerry.program.log() + json.dumps(self.audit()) + json.dumps(wrong) + self.skerry.get("/metrics").body.decode()
        for secret in (code, "CANARY", token, "PRIVATE KEY"):
            self.assertNotIn(secret, told)

    def test_policy_commands(self):
        run = lambda *a: subprocess.run([BIN, "policy", *a], capture_output=True, timeout=PATIENCE_S, check=False)  # noqa: E731
        self.assertEqual(run("test").returncode, 0)
        self.assertEqual(run("test", "--as", "dev-1", "--publish", "sensors/dev-1/data").returncode, 0)
        self.assertEqual(run("test", "--as", "dev-1", "--publish", "sensors/dev-2/data").returncode, 1)


class Restart(unittest.TestCase):
    def test_strict_mode_looks_at_the_ids_in_bodies_and_queries(self):
        skerry = Skerry(self, "security.mode=strict", tls=True)
        pki = SitePki(skerry)
        pki.register("dev-1")
        token = pki.curl("POST", "/devices/dev-1/auth", {}, name="dev-1")[1]["token"]
        own = {"Authorization": "Bearer " + token}
        one = {"device_id": "dev-1", "temperature": 1}
        self.assertEqual(skerry.post("/api/v1/readings", one, own).status, 201)
        for body in ({"device_id": "dev-2", "temperature": 1}, [one, {"device_id": "dev-2", "temperature": 1}]):
            answer = skerry.post("/api/v1/readings", body, own)
            self.assertEqual((answer.status, answer.json()["reason"]), (403, "publish_denied"))
            self.assertEqual(answer.json()["index"], 1 if isinstance(body, list) else 0)
        lines = "\n".join(json.dumps({"device_id": d, "temperature": 2}) for d in ("dev-1", "dev-2"))
        self.assertEqual(skerry.post("/api/v1/readings", lines, {**own, "Content-Type": "application/x-ndjson"}).status, 403)
        packed = b"\x82\xa9device_id\xa5dev-2\xa1t\x01"
        self.assertEqual(skerry.post("/api/v1/readings", packed, {**own, "Content-Type": "application/msgpack"}).status, 403)
        reads = lambda path: skerry.request("GET", path, headers=own)  # noqa: E731
        self.assertEqual(len(reads("/api/v1/readings?device=dev-1").json()["items"]), 1, "all or nothing: the others were refused whole")
        self.assertEqual(reads("/api/v1/readings?device=dev-2").status, 403)
        self.assertEqual(reads("/api/v1/readings").status, 403)
        self.assertGreater(skerry.metric("skerry_identity_refusals_total", door="http", reason="publish_denied"), 0)

    def test_commands_on_a_gateway_in_strict_mode_need_the_data_folder_and_no_password(self):
        skerry = Skerry(self, "security.mode=strict", tls=True)
        command = lambda *words: subprocess.run([BIN, *words, "--data", skerry.data], capture_output=True, text=True, timeout=PATIENCE_S, check=False)  # noqa: E731
        token_file = os.path.join(skerry.data, "command.token")
        self.assertEqual(stat.S_IMODE(os.stat(token_file).st_mode), 0o600)
        with open(token_file, encoding="ascii") as f:
            own = {"Authorization": "Bearer " + f.read()}
        self.assertEqual(skerry.post("/api/v1/readings", {"device_id": "dev-1", "temperature": 1}, own).status, 201)
        backup = os.path.join(skerry.folder, "backup.tar")
        for words, said in ((("device", "list"), "dev-1"), (("device", "show", "dev-1"), "dev-1"), (("export", "--csv"), "dev-1"), (("backup", backup), ""), (("reload",), ""),
                            (("device", "forget", "dev-1"), "forgotten")):
            done = command(*words)
            self.assertEqual(done.returncode, 0, (words, done.stdout, done.stderr))
            self.assertIn(said, done.stdout)
        names = subprocess.run(f"zstd -dc '{backup}' | tar -tf -", shell=True, capture_output=True, text=True, check=True).stdout
        self.assertIn("pki/ca.pem", names)
        self.assertNotIn("command.token", names)
        with open(os.path.join(skerry.data, "pki", "journal.ndjson"), encoding="utf-8") as f:
            asked = [(line["who"], line["to"]) for line in map(json.loads, f) if line["what"] == "ask"]
        self.assertEqual({who for who, _ in asked}, {"cli"})
        self.assertEqual([to.split("/")[3] + " " + to.split()[0] for _, to in asked], ["backups POST", "backups DELETE", "config POST", "devices DELETE"])
        os.rename(token_file, token_file + "-away")
        self.assertNotEqual(command("device", "list").returncode, 0, "without the file")
        skerry.stop()
        skerry.start()
        self.assertEqual(skerry.request("GET", "/api/v1/devices", headers=own).status, 401, "of a run that is over")
        self.assertEqual(command("device", "list").returncode, 0)
        skerry.stop()
        self.assertFalse(os.path.exists(token_file))

    def test_strict_mode_policy_file_and_a_second_start(self):
        skerry = Skerry(self, tls=True)
        pki = SitePki(skerry)
        pki.register("dev-1")
        token = pki.curl("POST", "/devices/dev-1/auth", {}, name="dev-1")[1]["token"]
        with open(pki.ca, "rb") as f:
            before = f.read()
        skerry.stop()
        policy = pki.write("policy.yaml", "rules:\n  - {publish: ['line/{id}'], read: ['/api/v1/readings']}\n")
        skerry.settings = ("security.mode=strict", f"security.policy={policy}")
        skerry.start()
        with open(pki.ca, "rb") as f:
            self.assertEqual(f.read(), before)
        self.assertEqual(skerry.get("/metrics").status, 200)
        self.assertEqual(skerry.get("/api/v1/readings").status, 401)
        self.assertEqual(skerry.request("GET", "/api/v1/readings?device=dev-1", headers={"Authorization": "Bearer " + token}).status, 200)
        self.assertEqual(skerry.request("GET", "/api/v1/devices", headers={"Authorization": "Bearer " + token}).status, 403)
        self.assertNotEqual(skerry.mosquitto_pub("-t", "x", "-m", "y", "-q", "1").returncode, 0, "nobody is anonymous")
        client = Paho(self, pki, name="dev-1")
        self.assertEqual(client.publish(TOPIC), "Not authorized")
        self.assertEqual(client.publish("line/dev-1"), "Success")
        pki.write("policy.yaml", "rules:\n  - {publish: ['sensors/{id}/#']}\n")
        wait_until(lambda: client.publish(TOPIC) == "Success", "the changed policy to hold")
        self.assertEqual(client.publish("line/dev-1"), "Not authorized")


if __name__ == "__main__":
    unittest.main()
