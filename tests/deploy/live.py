"""Real processes for tests: a gateway, node_exporter, Prometheus, Alertmanager and a receiver, on loopback and ports of the system's choice."""
import http.server
import json
import os
import re
import subprocess
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

from common import ROOT, tool, yaml

LIMIT_S = 60


def program():
    """The built program, or a skip."""
    path = os.environ.get("SKERRY_BIN") or os.path.join(ROOT, "build", "dev", "skerry")
    if not os.access(path, os.X_OK):
        raise unittest.SkipTest("the program is not built: script/build dev, or SKERRY_BIN")
    return path


def until(what, look, limit_s=LIMIT_S):
    """What `look` finds at last; it may fail or find nothing until then."""
    end, last, pause = time.monotonic() + limit_s, None, threading.Event()
    while time.monotonic() < end:
        try:
            found = look()
            if found:
                return found
            last = found
        except (OSError, ValueError, KeyError, IndexError) as error:
            last = error
        pause.wait(0.05)
    raise AssertionError(f"{what}: not within {limit_s} s; last: {last}")


def fetch(url, body=None, content_type="application/json"):
    """(status, text)"""
    request = urllib.request.Request(url, body.encode() if body is not None else None, {"Content-Type": content_type} if body is not None else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class Process:
    """A program that is ended by its id when the test is over; what it printed is kept."""

    def __init__(self, command, log, **options):
        self.log = log
        with open(log, "wb") as out:
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, **options)

    def printed(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def listening(self):
        """host:port, as the programs of Prometheus print it."""
        def look():
            if self.child.poll() is not None:
                raise AssertionError(f"ended with {self.child.returncode}:\n{self.printed()[-3000:]}")
            return re.findall(r'msg="Listening on" address=(\S+:[1-9]\d*)', self.printed())
        return until(self.log, look)[-1]

    def stop(self, limit_s=30):
        if self.child.poll() is None:
            self.child.terminate()
        try:
            return self.child.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.child.kill()
            return self.child.wait()


class Gateway(Process):
    """`skerry edge` with the settings of the ConfigMap, on loopback."""

    def __init__(self, folder, settings, node="edge-1.plant", http_port=0):
        self.data = os.path.join(folder, "data")
        config = os.path.join(folder, "skerry.yaml")
        with open(config, "w", encoding="utf-8") as f:
            f.write(settings)
        ports_file = os.path.join(self.data, "ports.json")
        if os.path.exists(ports_file):
            os.remove(ports_file)
        os.makedirs(self.data, exist_ok=True)
        super().__init__([program(), "edge", "--config", config, "--data", self.data, "--set", "listen.host=127.0.0.1",
                          "--set", "mqtt.port=0", "--set", "coap.port=0", "--set", f"http.port={http_port}"], os.path.join(folder, "gateway.log"),
                         env={**os.environ, "EDGE_NODE_ID": node, "SKERRY_GATEWAY__ID": node})

        def ready():
            if self.child.poll() is not None:
                raise AssertionError(f"the gateway ended with {self.child.returncode}:\n{self.printed()[-3000:]}")
            with open(ports_file, encoding="utf-8") as f:
                return json.load(f)
        self.ports = until("DATA/ports.json", ready)
        self.url = f"http://127.0.0.1:{self.ports['http']}"
        until("/readyz", lambda: fetch(self.url + "/readyz")[0] == 200)

    def feed(self, stop):
        """Readings, some of them hot, and a command, until told to stop: so that nothing counted stays at its beginning."""
        n = 0
        while not stop.wait(0.1):
            n += 1
            lines = [json.dumps({"device_id": f"m{i}", "temperature": 95.0 if n % 5 == 0 else 20.0 + i, "humidity": 40}) for i in range(5)]
            try:
                fetch(self.url + "/api/v1/readings", "\n".join(lines) + "\n", "application/x-ndjson")
                fetch(self.url + "/api/v1/readings?device=m1&limit=5")
                if n % 20 == 1:
                    fetch(self.url + "/api/v1/commands", json.dumps({"device_id": "m1", "command": "throttle", "ttl_s": 1}))
            except OSError:
                pass


class Prometheus(Process):
    def __init__(self, folder, config):
        path = os.path.join(folder, "prometheus.yml")
        with open(path, "w", encoding="utf-8") as f:
            yaml.safe_dump(config, f)
        super().__init__([tool("prometheus"), f"--config.file={path}", f"--storage.tsdb.path={folder}/tsdb", "--web.listen-address=127.0.0.1:0"],
                         os.path.join(folder, "prometheus.log"))
        self.url = f"http://{self.listening()}"
        until("Prometheus ready", lambda: fetch(self.url + "/-/ready")[0] == 200)

    def api(self, path, **parameters):
        status, text = fetch(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
        answer = json.loads(text)
        if status != 200:
            raise ValueError(f"{path}: {answer}")
        return answer["data"]

    def query(self, expr):
        return self.api("query", query=expr)["result"]


class Receiver:
    """Where Alertmanager sends to: keeps (path, alert name, status)."""

    def __init__(self):
        heard = self.heard = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                heard.extend((self.path, a["labels"]["alertname"], a["status"], a["labels"]) for a in body["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
