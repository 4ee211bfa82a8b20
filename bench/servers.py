"""Brokers to measure: starts mosquitto and skerry on free loopback ports, each with fresh data, and ends them again."""
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
WORK = os.path.join(ROOT, "build", "bench")
SKERRY = os.environ.get("SKERRY_BIN", os.path.join(ROOT, "build", "release", "skerry"))
LOAD = os.environ.get("SKERRY_BENCH_LOAD", os.path.join(ROOT, "build", "release", "bench", "bench_load"))
START_LIMIT_S = 20


def fail(why):
    sys.exit(f"bench: {why}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pinned(cpu):
    return ["taskset", "-c", str(cpu)] if cpu is not None else []


class Server:
    """One run of one broker. `with` ends it and removes its data."""

    def __init__(self, name, cpu=None, settings=(), folder=WORK):
        os.makedirs(folder, exist_ok=True)
        self.name, self.dir = name, tempfile.mkdtemp(prefix=f"{name}-", dir=folder)
        start = self._mosquitto if name.startswith("mosquitto") else self._skerry
        with open(os.path.join(self.dir, "server.log"), "wb") as log:
            self.process, self.port = start(cpu, settings, log)

    def _mosquitto(self, cpu, settings, log):
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        if not os.path.exists(program):
            fail("mosquitto is not installed: script/bootstrap bench")
        port, config = free_port(), os.path.join(self.dir, "mosquitto.conf")
        with open(config, "w", encoding="utf-8") as f:
            f.write(f"listener {port} 127.0.0.1\nallow_anonymous true\nlog_type error\n" + "".join(s + "\n" for s in settings))
        process = subprocess.Popen([*pinned(cpu), program, "-c", config], stdout=log, stderr=log)
        self._wait(process, lambda: self._answers(port))
        return process, port

    def _skerry(self, cpu, settings, log):
        if not os.path.exists(SKERRY):
            fail(f"{SKERRY} is not built: script/build release skerry")
        sets = [w for s in ("mqtt.port=0", "http.port=0", "mqtts.enabled=false", "https.enabled=false", "ws.enabled=false", "coaps.enabled=false", *settings) for w in ("--set", s)]
        process = subprocess.Popen([*pinned(cpu), SKERRY, "edge", "--data", self.dir, *sets], stdout=log, stderr=log)
        ports = os.path.join(self.dir, "ports.json")
        self._wait(process, lambda: os.path.exists(ports))
        with open(ports, encoding="utf-8") as f:
            return process, json.load(f)["mqtt"]

    def _answers(self, port):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False

    def _wait(self, process, ready):
        until = time.monotonic() + START_LIMIT_S
        while not ready():
            if process.poll() is not None or time.monotonic() > until:
                with open(os.path.join(self.dir, "server.log"), encoding="utf-8", errors="replace") as f:
                    fail(f"{self.name} did not start:\n{f.read()[-2000:]}")
            time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def run_json(command):
    """The JSON line that a load generator prints last; what it says on standard error is passed on."""
    out = subprocess.run([str(w) for w in command], stdout=subprocess.PIPE, text=True)
    lines = [line for line in out.stdout.splitlines() if line.startswith("{")]
    if not lines:
        fail(f"no result from {' '.join(str(w) for w in command)}")
    return json.loads(lines[-1]), out.returncode


def spread(values):
    """The median, and the least and the most."""
    return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def machine():
    """In one line, what this was measured on."""
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, {model}, load {load:.1f}, Linux {os.uname().release}"
