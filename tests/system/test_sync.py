"""A gateway and its cloud killed in turns under load, with the link cut at random by a proxy between them: the cloud's rows
are what devices had acknowledged, each once, and offsets rise. 20 kills each; 200 each with SKERRY_LONG. Prints its seed."""
import collections
import json
import os
import random
import socket
import subprocess
import threading
import unittest

from clients import Client
from skerry import BIN, LONG, PATIENCE_S, Program, Skerry, SkerryTest, wait_until

KILLS = 200 if LONG else 20  # of each side
SEED = int(os.environ.get("SKERRY_SEED") or random.SystemRandom().randrange(1 << 32))


class Cloud(Skerry):
    """`skerry cloud` over one data folder; after a kill it comes back on the same ports."""

    def begin(self):
        ports_file = os.path.join(self.data, "ports.json")
        if os.path.exists(ports_file):
            os.remove(ports_file)
        command = [BIN, "cloud", "--data", self.data]
        for setting in (f"http.port={self.ports['http']}", f"link.port={self.ports.get('link', 0)}", *self.settings):
            command += ["--set", setting]
        self.program = Program(self.test, command, os.path.join(self.folder, "log"))


class Proxy:
    """Carries bytes to the cloud's link port; cuts every connection when told to, or after some bytes that chance chooses."""

    def __init__(self, test, target, chance):
        self.target, self.chance = target, chance
        self.lock, self.open, self.cuts = threading.Lock(), set(), 0
        self.blocked = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        test.addCleanup(self.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                edge, _ = self.listener.accept()
            except OSError:
                return
            try:
                if self.blocked:
                    raise OSError("the link is cut")
                cloud = socket.create_connection(("127.0.0.1", self.target), timeout=PATIENCE_S)
                cloud.settimeout(None)
            except OSError:
                edge.close()
                continue
            pair = (edge, cloud)
            with self.lock:
                self.open.add(pair)
                limit = self.chance.randrange(500, 200_000) if self.chance.random() < 0.7 else None
            for source, sink in (pair, pair[::-1]):
                threading.Thread(target=self._carry, args=(source, sink, pair, limit), daemon=True).start()

    def _carry(self, source, sink, pair, limit):
        carried = 0
        try:
            while True:
                data = source.recv(16_384)
                if not data:
                    break
                carried += len(data)
                if limit and carried > limit:
                    self.cuts += 1
                    break
                sink.sendall(data)
        except OSError:
            pass
        self._end(pair)

    def _end(self, pair):
        with self.lock:
            self.open.discard(pair)
        for end in pair:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def cut(self):
        with self.lock:
            pairs = list(self.open)
        for pair in pairs:
            self.cuts += 1
            self._end(pair)

    def close(self):
        self.listener.close()
        self.cut()


def uplink(edge):
    answer = edge.get("/api/v1/status")
    return answer.json()["uplink"] if answer.status == 200 else {}


def verify(edge, cloud):
    done = subprocess.run([BIN, "verify", "--json", "--edge", edge, "--cloud", cloud], capture_output=True, timeout=120, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


class SyncTest(SkerryTest):
    def setUp(self):
        if not Skerry.available():
            self.skipTest("no skerry")
        self.chance = random.Random(SEED)
        self.cloud = Cloud(self)
        self.proxy = Proxy(self, self.cloud.ports["link"], self.chance)
        self.edge = Skerry(self, f"cloud.url=ws://127.0.0.1:{self.proxy.port}", "sync.linger=20ms", "sync.classes=critical,high,medium,low")

    def synced(self):
        link = uplink(self.edge)
        return link.get("up") and link.get("backlog_records") == 0

    def check(self, acknowledged):
        wait_until(self.synced, "everything to be acknowledged by the cloud", 120)
        for device, numbers in acknowledged.items():
            items = self.cloud.all_items(f"/api/v1/readings?device={device}&limit=1000")
            stored = [i["data"]["n"] for i in items]
            self.assertEqual([n for n, times in collections.Counter(stored).items() if times > 1], [], f"{device}: twice in the cloud")
            self.assertEqual(sorted(numbers - set(stored)), [], f"{device}: acknowledged to the device and not in the cloud")
            local = [i["data"]["n"] for i in self.edge.all_items(f"/api/v1/readings?device={device}&limit=1000")]
            self.assertEqual(stored, local, f"{device}: the cloud has what the gateway has, in its order")
            offsets = [i["offset"] for i in items]
            self.assertEqual(offsets, sorted(set(offsets)), f"{device}: offsets")
        for edge, cloud in ((self.edge.data, self.cloud.data), *((f"http://127.0.0.1:{a.ports['http']}" for a in (self.edge, self.cloud)),)):
            code, report = verify(edge, cloud)
            self.assertEqual(code, 0, report)
            self.assertEqual(report["problems"], [])
            self.assertGreaterEqual(report["compared"], sum(map(len, acknowledged.values())))
        return report

    def test_both_sides_are_killed_and_the_link_is_cut(self):
        acknowledged = collections.defaultdict(set)
        next_n = collections.Counter()
        try:
            for self.kills in range(2 * KILLS):
                client = Client(self, self.edge, f"pub-{self.kills}", reconnect=False)
                sent = {}
                for _ in range(self.chance.randrange(50, 400)):
                    device = f"d{self.chance.randrange(3)}"
                    n = next_n[device]
                    next_n[device] += 1
                    sent[client.send(f"sensors/{device}/data", json.dumps({"n": n, "timestamp": 1_790_000_000 + n, "temperature": 85 if n % 40 == 0 else 20}))] = (device, n)
                wanted = self.chance.randrange(len(sent) + 1)
                wait_until(lambda: len(client.acknowledged) >= wanted, f"{wanted} acknowledgements")
                if self.chance.random() < 0.5:
                    self.proxy.cut()
                side = self.edge if self.kills % 2 == 0 else self.cloud
                side.kill()
                client.close()
                for mid in list(client.acknowledged):
                    if mid in sent:
                        acknowledged[sent[mid][0]].add(sent[mid][1])
                side.start()
            self.proxy.chance = random.Random(SEED + 1)
            self.check(acknowledged)
        except BaseException:
            print(f"\nSKERRY_SEED={SEED} repeats this run; kill {self.kills + 1} of {2 * KILLS}. The gateway:\n{self.edge.tell()}\nThe cloud:\n"
                  f"{self.cloud.program.log()[-3000:]}\n{self.cloud.get('/api/v1/gateways').body.decode()}", flush=True)
            raise
        total = sum(map(len, acknowledged.values()))
        print(f"\n{KILLS} kills of each side, {self.proxy.cuts} cuts, {total} acknowledged to devices: all in the cloud, each once, in order", flush=True)

    def test_what_comes_in_offline_arrives_and_live_goes_first(self):
        self.proxy.blocked = True
        self.proxy.cut()
        many = [{"device_id": "old", "n": n, "timestamp": 1_790_000_000 + n} for n in range(10_000)]
        self.assertEqual(self.edge.post("/api/v1/readings", many).status, 201)
        self.edge.kill()
        self.edge.start()  # Azure/iotedge#392: restarted offline
        self.assertFalse(uplink(self.edge)["up"])
        self.proxy.blocked = False
        wait_until(lambda: uplink(self.edge).get("up"), "the link to come back", 60)
        self.assertEqual(self.edge.post("/api/v1/readings", {"device_id": "new", "n": 0}).status, 201)
        wait_until(lambda: self.cloud.get("/api/v1/devices/new").status == 200, "the live reading")
        self.check({"old": set(range(10_000)), "new": {0}})

    def test_an_alert_and_its_command_come_to_the_cloud(self):
        with self.subscribed() as lines:
            self.edge.post("/api/v1/readings", {"device_id": "oven", "temperature": 95})
            issued = self.edge.post("/api/v1/commands", {"device_id": "oven", "command": "cool", "ttl_s": 1}).json()
            alert = wait_until(lambda: self.cloud.get("/api/v1/alerts?device=oven").json()["items"], "the alert")[0]
            self.assertEqual(alert["gateway_id"], uplink(self.edge) and self.edge.get("/api/v1/status").json()["gateway_id"])
            fate = wait_until(lambda: (c := self.cloud.get(f"/api/v1/commands/{issued['command_id']}").json()).get("state") == "expired" and c, "its fate")
            self.assertEqual([s["state"] for s in fate["states"]], ["issued", "expired"])
            wait_until(lambda: {"event: alert", "event: command", "event: readings"} <= set(lines), "the events")

    def go_back(self, put_back):
        """A gateway that is put back to what it was 20 readings ago, by `put_back(image)`, and started."""
        self.edge.post("/api/v1/readings", [{"device_id": "d", "n": n} for n in range(20)])
        wait_until(self.synced, "the first readings")
        self.edge.stop()
        image = os.path.join(self.edge.folder, "image")
        subprocess.run(["cp", "-a", self.edge.data, image], check=True)
        self.edge.start()
        self.edge.post("/api/v1/readings", [{"device_id": "d", "n": n} for n in range(20, 40)])
        wait_until(self.synced, "more readings")
        self.edge.stop()
        put_back(image)
        self.edge.start()

    def check_goes_on(self):
        self.edge.post("/api/v1/readings", {"device_id": "d", "n": 100})
        wait_until(self.synced, "the gateway to go on")
        numbers = [i["data"]["n"] for i in self.cloud.all_items("/api/v1/readings?device=d&limit=1000")]
        self.assertEqual(sorted(numbers), [*range(40), 100])

    def test_an_old_image_is_refused_until_somebody_says_so(self):
        def in_place(image):
            """Byte for byte into the same files, as a disk image is put back: nothing inside tells."""
            for folder, _, names in os.walk(self.edge.data):
                for name in names:
                    path = os.path.join(folder, name)
                    if not os.path.exists(os.path.join(image, os.path.relpath(path, self.edge.data))):
                        os.remove(path)
            for folder, _, names in os.walk(image):
                for name in names:
                    path = os.path.join(self.edge.data, os.path.relpath(os.path.join(folder, name), image))
                    with open(os.path.join(folder, name), "rb") as source, open(path, "r+b" if os.path.exists(path) else "wb") as to:
                        to.write(source.read())
                        to.truncate()
        self.go_back(in_place)
        refused = wait_until(lambda: uplink(self.edge).get("refused"), "the refusal")
        self.assertIn(refused["reason"], ("restored", "diverged"))
        shown = self.cloud.get("/api/v1/gateways").json()["items"][0]["refusals"]
        self.assertIn(refused["reason"], [r["reason"] for r in shown])
        self.edge.stop()
        renewed = subprocess.run([BIN, "sync", "new-epoch", "--data", self.edge.data], capture_output=True, check=False, text=True)
        self.assertEqual(renewed.returncode, 0, renewed.stderr)
        self.edge.start()
        self.check_goes_on()

    def test_a_restored_copy_goes_on_in_a_new_epoch(self):
        def as_a_copy(image):
            subprocess.run(["rm", "-rf", self.edge.data], check=True)
            os.rename(image, self.edge.data)
        self.go_back(as_a_copy)
        self.check_goes_on()
        self.assertIsNone(uplink(self.edge).get("refused"))

    def test_a_restored_backup_goes_on_in_a_new_epoch(self):
        backup = os.path.join(self.edge.folder, "backup")

        def restore(image):
            for command in (["backup", backup, "--data", image], ["restore", backup, "--data", self.edge.data]):
                if command[0] == "restore":
                    subprocess.run(["rm", "-rf", self.edge.data], check=True)
                done = subprocess.run([BIN, *command], capture_output=True, check=False, text=True)
                self.assertEqual(done.returncode, 0, done.stderr)
        self.go_back(restore)
        self.check_goes_on()
        self.assertIsNone(uplink(self.edge).get("refused"))
        self.edge.stop()
        told = subprocess.run([BIN, "log", "inspect", os.path.join(self.edge.data, "log")], capture_output=True, check=True, text=True).stdout
        self.assertIn("restored from the backup made", told)
        self.assertNotIn("another place", told)

    def subscribed(self):
        """Lines of the cloud's event stream, as they come."""
        test, lines = self, []

        class Stream:
            def __enter__(self):
                self.socket = socket.create_connection(("127.0.0.1", test.cloud.ports["http"]), timeout=PATIENCE_S)
                self.socket.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
                self.file = self.socket.makefile("r", encoding="utf-8")
                threading.Thread(target=lambda: lines.extend(line.strip() for line in iter(self._line, "")), daemon=True).start()
                wait_until(lambda: "retry: 2000" in lines, "the event stream")
                return lines

            def _line(self):
                try:
                    line = self.file.readline()
                    lines.append(line.strip())
                    return line
                except (OSError, ValueError):
                    return ""

            def __exit__(self, *_):
                self.socket.shutdown(socket.SHUT_RDWR)
                self.socket.close()

        return Stream()


class UpTest(unittest.TestCase):
    def test_up_starts_a_cloud_side_beside_its_gateway(self):
        if not Skerry.available():
            self.skipTest("no skerry")

        class Up(Skerry):
            def begin(self):
                command = [BIN, "up", "--demo", "none", "--data", self.data, "--set", "mqtt.port=0", "--set", "http.port=0", "--set", "coap.port=0"]
                self.program = Program(self.test, command, os.path.join(self.folder, "log"))

        up = Up(self)
        with open(os.path.join(up.data, "cloud", "ports.json"), encoding="utf-8") as f:
            ports = json.load(f)
        self.assertEqual(sorted(ports), ["http", "link"])
        up.post("/api/v1/readings", {"device_id": "d", "n": 1})
        wait_until(lambda: uplink(up).get("up") and uplink(up)["backlog_records"] == 0, "the cloud beside")
        self.assertEqual(up.stop(), 0)


if __name__ == "__main__":
    unittest.main()
