"""Starts the real programs for tests: skerry, mosquitto, the example device. Everything is on loopback, on ports that the
system chooses, in folders that are removed; a program is ended by its own process id."""
import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
BIN = os.environ.get("SKERRY_BIN", os.path.join(ROOT, "build/dev/skerry"))
LONG = bool(os.environ.get("SKERRY_LONG"))
PATIENCE_S = float(os.environ.get("SKERRY_PATIENCE", "30"))  # how long anything may take on a busy machine
_never = threading.Event()
for _port in ("COAP",):  # doors that a test does not name are on ports the system chooses, too
    os.environ.setdefault(f"SKERRY_{_port}__PORT", "0")


def wait_until(check, what, timeout_s=None):
    """The first true answer of `check`; fails saying `what` was waited for."""
    end = time.monotonic() + (timeout_s or PATIENCE_S)
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain for {what}; last answer: {answer!r}")
        _never.wait(0.01)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def temp_folder(test, name):
    path = tempfile.mkdtemp(prefix=f"skerry-{name}-")
    test.addCleanup(shutil.rmtree, path, ignore_errors=True)
    return path


class Program:
    """One process; what it prints is kept in a file."""

    def __init__(self, test, command, log_path, stdin=None, env=None):
        self.log_path = log_path
        with open(log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdin=stdin or subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                            env={**os.environ, **(env or {})})
        test.addCleanup(self.kill)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def running(self):
        return self.process.poll() is None

    def kill(self):
        """kill -9: nothing is flushed, nothing said."""
        if self.running():
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        if self.process.stdin:
            self.process.stdin.close()

    def stop(self, timeout_s=None):
        """SIGTERM; the exit status."""
        if self.running():
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s or PATIENCE_S)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


class Skerry:
    """`skerry edge` over one data folder; may be killed and started again, then on the same ports."""

    def __init__(self, test, *settings, data=None, config=None, tls=False):
        self.test = test
        self.config = config  # a settings file
        self.settings = settings
        self.folder = temp_folder(test, "edge")
        self.data = data or os.path.join(self.folder, "data")
        self.ports = {"mqtt": 0, "http": 0}
        self.tls = tls  # a root of 4096 bits takes seconds to make: only where a test is about it
        self.program = None
        self.start()

    @staticmethod
    def available():
        return os.access(BIN, os.X_OK)

    def begin(self):
        """Starts it and does not wait."""
        ports_file = os.path.join(self.data, "ports.json")
        if os.path.exists(ports_file):  # left by a run that was killed
            os.remove(ports_file)
        command = [BIN, "edge", "--data", self.data]
        doors = [] if self.tls else [f"{door}.enabled=false" for door in ("mqtts", "ws", "https", "coaps")]
        for setting in (*(f"{door}.port={port}" for door, port in self.ports.items()), *doors, *self.settings):
            command += ["--set", setting]
        if self.config:
            command += ["--config", self.config]
        self.program = Program(self.test, command, os.path.join(self.folder, "log"))

    def wait_ready(self):
        ports_file = os.path.join(self.data, "ports.json")

        def ports():
            if not self.program.running():
                raise AssertionError(f"skerry ended with {self.program.process.returncode}:\n{self.program.log()[-4000:]}")
            try:
                with open(ports_file, encoding="utf-8") as f:
                    return json.load(f)
            except (OSError, ValueError):
                return None

        self.ports = wait_until(ports, "ports.json")
        wait_until(lambda: self.get("/readyz").status == 200, "/readyz to say 200")

    def start(self):
        self.begin()
        self.wait_ready()

    def kill(self):
        self.program.kill()

    def stop(self):
        return self.program.stop()

    def tell(self):
        """What a person wants to see when a test failed: the end of its log, its state, what it counted."""
        counted = [line for line in self.get("/metrics").body.decode().splitlines() if not line.startswith("#") and "_bucket" not in line]
        return "\n".join([self.program.log()[-3000:], self.get("/api/v1/status").body.decode(), *counted])

    # ---- HTTP ----
    def request(self, method, path, body=None, headers=None):
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        data = body.encode() if isinstance(body, str) else body
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports['http']}{path}", data=data, method=method)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        for key, value in (headers or {}).items():
            request.add_header(key, value)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())
        except (urllib.error.URLError, ConnectionError) as error:
            return Answer(0, {}, str(error).encode())

    def get(self, path):
        return self.request("GET", path)

    def post(self, path, body, headers=None):
        return self.request("POST", path, body, headers)

    def all_items(self, path):
        """Every item of a list, over its pages."""
        items, cursor = [], None
        while True:
            joint = "&" if "?" in path else "?"
            answer = self.get(path + (f"{joint}cursor={cursor}" if cursor else ""))
            assert answer.status == 200, answer.body
            page = answer.json()
            items += page["items"]
            cursor = page["next"]
            if not cursor:
                return items

    def log_records(self, only_class):
        """What `skerry log dump` says of a class, as the gateway runs."""
        dump = subprocess.run([BIN, "log", "dump", "--class", only_class, self.data], capture_output=True, timeout=PATIENCE_S, check=True)
        return [json.loads(line) for line in dump.stdout.splitlines()]

    def metric(self, name, **labels):
        """The sum over every series of `name` that has these labels."""
        total, found = 0.0, False
        for line in self.get("/metrics").body.decode().splitlines():
            if line.startswith("#"):
                continue
            series, value = line.rsplit(" ", 1)
            series_name, _, rest = series.partition("{")
            if series_name == name and all(f'{k}="{v}"' in rest for k, v in labels.items()):
                total, found = total + float(value), True
        return total if found else None

    # ---- stock clients ----
    def client_arguments(self):
        return ["-h", "127.0.0.1", "-p", str(self.ports["mqtt"])]

    def mosquitto_pub(self, *arguments, **options):
        return subprocess.run(["mosquitto_pub", *self.client_arguments(), *arguments], capture_output=True, timeout=PATIENCE_S,
                              check=False, **options)


class Mosquitto:
    """The stock broker, as a judge and for the example device."""

    def __init__(self, test, port=None):
        self.test = test
        self.folder = temp_folder(test, "mosquitto")
        self.port = port or free_port()
        self.program = None
        self.start()

    def start(self):
        config = os.path.join(self.folder, "mosquitto.conf")
        with open(config, "w", encoding="utf-8") as f:
            f.write(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n"
                    f"persistence true\npersistence_location {self.folder}/\nuser {getpass.getuser()}\n")
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self.program = Program(self.test, [program, "-c", config], os.path.join(self.folder, "log"))
        wait_until(self._answers, "mosquitto to listen")

    def _answers(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        """SIGTERM: it writes its sessions down."""
        self.program.stop()

    def client_arguments(self):
        return ["-h", "127.0.0.1", "-p", str(self.port)]


class Subscriber:
    """mosquitto_sub as a process; lines() are `topic payload`."""

    def __init__(self, test, broker, *arguments):
        self.path = os.path.join(temp_folder(test, "sub"), "out")
        self.program = Program(test, ["stdbuf", "-oL", "mosquitto_sub", *broker.client_arguments(), "-v", *arguments, "-d"], self.path)
        wait_until(lambda: "Subscribed (mid" in self.program.log(), "SUBACK")

    def lines(self):
        said = ("Client ", "Subscribed (mid")
        return [line for line in self.program.log().splitlines() if not line.startswith(said)]

    def wait_for(self, count, timeout_s=None):
        return wait_until(lambda: len(self.lines()) >= count and self.lines(), f"{count} messages", timeout_s)


@unittest.skipUnless(Skerry.available(), f"{BIN} is not built")
class SkerryTest(unittest.TestCase):
    """A test that has a gateway of its own."""

    settings = ()

    def setUp(self):
        self.skerry = Skerry(self, *self.settings)
