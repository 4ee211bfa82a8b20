"""Certificates for the tests about identity: made by openssl, right ones by the gateway's own issuer and wrong ones of every kind."""
import datetime
import http.client
import json
import os
import ssl
import subprocess

from skerry import BIN, PATIENCE_S


def openssl(*arguments, stdin=None):
    done = subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


class SitePki:
    """Beside a running gateway: its authorities' files, and a folder for what is made."""

    def __init__(self, skerry):
        self.skerry = skerry
        self.folder = os.path.join(skerry.folder, "pki")
        os.makedirs(self.folder, exist_ok=True)
        self.site = os.path.join(skerry.data, "pki")
        self.ca = os.path.join(self.site, "ca.pem")

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        return self.path(name)

    def skerry_command(self, *arguments, status=0, stdin=None):
        done = subprocess.run([BIN, *arguments, "--data", self.skerry.data], capture_output=True, timeout=PATIENCE_S, check=False, input=stdin)
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done.stdout.decode()

    def code(self, device=None):
        only = ["--id", device] if device else []
        return json.loads(self.skerry_command("device", "claim", "--json", *only))["codes"][0]["code"]

    def key(self, name, kind="P-256"):
        arguments = ["-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{kind}"] if str(kind).isdigit() else ["-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{kind}"]
        openssl("genpkey", *arguments, "-out", self.path(name + ".key"))
        return self.path(name + ".key")

    def csr(self, device, name=None, kind="P-256"):
        key = self.key(name or device, kind)
        openssl("req", "-new", "-key", key, "-subj", f"/CN={device}", "-out", self.path((name or device) + ".csr"))
        with open(self.path((name or device) + ".csr"), encoding="utf-8") as f:
            return f.read()

    def curl(self, method, path, body=None, name=None, headers=(), data=None, user=None):
        """(status, body); 0 where TLS itself refused."""
        command = ["curl", "-sS", "--cacert", self.ca, "-X", method, "-o", self.path("answer"), "-w", "%{http_code}",
                   f"https://localhost:{self.skerry.ports['https']}{path}"]
        if body is not None:
            command += ["-H", "Content-Type: application/json", "--data-binary", json.dumps(body)]
        if data is not None:
            command += ["--data-binary", "@" + data]
        if name:
            command += ["--cert", self.path(name + ".pem"), "--key", self.path(name + ".key")]
        if user:
            command += ["-u", user]
        for header in headers:
            command += ["-H", header]
        if os.path.exists(self.path("answer")):
            os.remove(self.path("answer"))
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=False)
        text = b""
        if os.path.exists(self.path("answer")):
            with open(self.path("answer"), "rb") as f:
                text = f.read()
        try:
            return int(done.stdout or 0), json.loads(text)
        except ValueError:
            return int(done.stdout or 0), text

    def post_showing_a_weak_key(self, path, name):
        """curl refuses to show one."""
        context = ssl.create_default_context(cafile=self.ca)
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.load_cert_chain(self.path(name + ".pem"), self.path(name + ".key"))
        connection = http.client.HTTPSConnection("localhost", self.skerry.ports["https"], context=context, timeout=PATIENCE_S)
        connection.request("POST", path, "{}")
        answer = connection.getresponse()
        status, body = answer.status, json.loads(answer.read())
        connection.close()
        return status, body

    def register(self, device, name=None, **more):
        """Registered by claim code; its certificate and key are NAME.pem and NAME.key."""
        body = {"id": device, "name": "a device", "type": "sensor", "csr": self.csr(device, name), "claim_code": self.code(), **more}
        status, answer = self.curl("POST", "/devices/register", body)
        assert status == 201, (status, answer)
        self.write((name or device) + ".pem", answer["certificate"])
        return answer

    def forge(self, name, device="dev-1", days=("-1", "30"), eku="clientAuth", san=None, kind="P-256", issuer=None):
        """A certificate for `device` that is wrong in what differs from the defaults; signed by the site's issuer unless told otherwise."""
        key = self.key(name, kind)
        san = san or f"DNS:{device}.edge.local,IP:127.0.0.1,IP:::1"
        extensions = f"basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,keyEncipherment\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nsubjectAltName={san}\n"
        if eku:
            extensions += f"extendedKeyUsage={eku}\n"
        self.write(name + ".ext", extensions)
        openssl("req", "-new", "-key", key, "-subj", f"/CN={device}/O=Edge IoT Device/C=US/L=Edge", "-out", self.path(name + ".csr"))
        issuer_pem, issuer_key = issuer or (os.path.join(self.site, "issuer.pem"), os.path.join(self.site, "issuer.key"))
        self.sign(name, issuer_pem, issuer_key, days)
        with open(self.path(name + ".pem"), "ab") as out, open(issuer_pem, "rb") as chain:
            out.write(chain.read())
        return name

    def sign(self, name, issuer_pem, issuer_key, days):
        """openssl ca, because it takes dates; its database is a file of this folder."""
        database = self.write("index.txt", "")
        self.write("index.txt.attr", "unique_subject=no\n")
        config = self.write("ca.cnf", f"[ca]\ndefault_ca=x\n[x]\ndatabase={database}\nnew_certs_dir={self.folder}\nrand_serial=yes\n"
                            "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\norganizationName=optional\ncountryName=optional\nlocalityName=optional\n")
        now = datetime.datetime.now(datetime.timezone.utc)
        start, end = ((now + datetime.timedelta(days=float(d))).strftime("%Y%m%d%H%M%SZ") for d in days)
        openssl("ca", "-batch", "-notext", "-config", config, "-cert", issuer_pem, "-keyfile", issuer_key, "-in", self.path(name + ".csr"),
                "-out", self.path(name + ".pem"), "-extfile", self.path(name + ".ext"), "-startdate", start, "-enddate", end)

    def other_ca(self):
        key = self.key("other-ca")
        openssl("req", "-x509", "-new", "-key", key, "-subj", "/O=Edge IoT CA/C=US/L=San Francisco", "-days", "30", "-out", self.path("other-ca.pem"))
        return self.path("other-ca.pem"), key

    def all_wrong(self):
        """kind -> name of a certificate for dev-1 that must be refused."""
        return {
            "certificate_expired": self.forge("expired", days=("-30", "-1")),
            "certificate_not_yet_valid": self.forge("future", days=("1", "30")),
            "unknown_ca": self.forge("stranger", issuer=self.other_ca()),
            "certificate_wrong_use": self.forge("no-client", eku="serverAuth"),
            "certificate_weak": self.forge("weak", kind="1024"),
            "certificate_name_mismatch": self.forge("san", san="DNS:dev-2.edge.local"),
        }

    def mosquitto_pub(self, *arguments, name=None):
        command = ["mosquitto_pub", "-h", "localhost", "-p", str(self.skerry.ports["mqtts"]), "--cafile", self.ca]
        if name:
            command += ["--cert", self.path(name + ".pem"), "--key", self.path(name + ".key")]
        return subprocess.run([*command, *arguments], capture_output=True, timeout=PATIENCE_S, check=False)
