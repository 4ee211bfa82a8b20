"""Backup and restore: of a gateway under load, of one that is stopped, cut short, damaged, and killed half-way."""
import json
import os
import signal
import subprocess
import threading
import unittest

from skerry import BIN, PATIENCE_S, ROOT, Program, Skerry, temp_folder, wait_until


def skerry(*arguments, **options):
    return subprocess.run([BIN, *arguments], capture_output=True, timeout=PATIENCE_S, check=False, **options)


def pipelines(data, name, limit):
    os.makedirs(os.path.join(data, "pipelines"), exist_ok=True)
    path = os.path.join(data, "pipelines", name + ".sql")
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"""CREATE TABLE i (device_id STRING, v DOUBLE) WITH ('connector' = 'mqtt', 'topic' = 'sensors/+/data');
CREATE TABLE o (device_id STRING, v DOUBLE) WITH ('connector' = 'mqtt', 'topic' = 'analytics/{{device_id}}');
INSERT INTO o SELECT device_id, v FROM i WHERE v > {limit};""")
    return path


class Load:
    """Posts readings one after the other until it is told to end; keeps how many were acknowledged."""

    def __init__(self, test, gateway):
        self.gateway, self.acknowledged, self.going = gateway, 0, True
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        test.addCleanup(self.end)

    def run(self):
        while self.going:
            batch = [{"device_id": "load", "n": self.acknowledged + i, "pad": "x" * 1500} for i in range(50)]
            if self.gateway.post("/api/v1/readings", batch).status != 201:
                return
            self.acknowledged += 50

    def end(self):
        self.going = False
        self.thread.join()


class Backup(unittest.TestCase):
    def setUp(self):
        self.folder = temp_folder(self, "backup")
        self.file = os.path.join(self.folder, "b.tar.zst")

    def readings(self, gateway, device="load"):
        return [r["data"].get("n") for r in gateway.all_items(f"/api/v1/readings?device={device}&limit=1000")]

    def restored(self, file=None):
        data = os.path.join(temp_folder(self, "restored"), "data")
        done = skerry("restore", file or self.file, "--data", data)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn(b" 0 problems", done.stderr)
        return data

    def epochs(self, data):
        return [line for line in skerry("log", "inspect", data).stdout.decode().splitlines() if "epoch" in line]

    def test_under_load_all_that_was_acknowledged_before_is_there(self):
        gateway = Skerry(self, "log.segment_bytes=1MiB")  # so that sealed segments turn into blocks meanwhile
        gateway.mosquitto_pub("-r", "-q", "1", "-t", "devices/load/status", "-m", '{"battery":7}')
        pipelines(gateway.data, "mine", 10**6)
        load = Load(self, gateway)
        backups = []
        for i in range(4):
            wait_until(lambda i=i: load.acknowledged >= 800 * (i + 1), "load")
            before = load.acknowledged
            file = self.file + str(i)
            done = skerry("backup", file, "--data", gateway.data)
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertIn(b"every record before position", done.stderr)
            self.assertEqual(0o600, os.stat(file).st_mode & 0o777)
            backups.append((before, file))
        load.end()
        self.assertFalse(os.path.exists(os.path.join(gateway.data, "snapshots")))
        self.assertTrue(os.listdir(os.path.join(gateway.data, "log", "blocks")), "the load should have made blocks")
        original = {(d["device_id"], d["data"]["n"]) for d in gateway.all_items("/api/v1/devices")}
        gateway.stop()
        for before, file in (backups[0], backups[-1]):
            data = self.restored(file)
            again = Skerry(self, data=data)
            numbers = self.readings(again)
            self.assertGreaterEqual(len(numbers), before)
            self.assertEqual(list(range(len(numbers))), numbers)
            self.assertIn('{"battery":7}', json.dumps(again.get("/api/v1/devices/load").json(), separators=(",", ":")))
            self.assertIn("mine", [p["name"] for p in again.get("/api/v1/pipelines").json()["items"]])
            self.assertEqual(201, again.post("/api/v1/readings", {"device_id": "load", "n": -1}).status)
            retained = subprocess.run(["mosquitto_sub", *again.client_arguments(), "-t", "devices/+/status", "-C", "1", "-W", "10"],
                                      capture_output=True, timeout=PATIENCE_S, check=False)
            self.assertEqual(b'{"battery":7}\n', retained.stdout)
            again.stop()
        self.assertEqual({("load", load.acknowledged - 1)}, original)

    def test_of_a_stopped_gateway_through_a_pipe(self):
        gateway = Skerry(self)
        gateway.post("/api/v1/readings", [{"device_id": "load", "n": i} for i in range(100)])
        gateway.kill()  # ports.json is still there, and nobody answers
        before = self.epochs(gateway.data)
        packed = skerry("backup", "-", "--data", gateway.data)
        self.assertEqual(0, packed.returncode, packed.stderr)
        data = os.path.join(self.folder, "data")
        done = skerry("restore", "-", "--data", data, input=packed.stdout)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(list(range(100)), self.readings(Skerry(self, data=data)))
        gateway.start()  # the original is as it was
        self.assertEqual(before[-1:], self.epochs(gateway.data)[-1:])

    def test_a_backup_that_is_not_whole_is_refused(self):
        gateway = Skerry(self)
        gateway.post("/api/v1/readings", [{"device_id": "load", "n": i} for i in range(100)])
        self.assertEqual(0, skerry("backup", self.file, "--data", gateway.data).returncode)
        self.assertEqual(0, skerry("restore", "--check", self.file).returncode)
        with open(self.file, "rb") as f:
            whole = f.read()
        middle = len(whole) // 2
        for name, bad in {"cut": whole[:-20], "half": whole[:middle], "changed": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1:],
                          "longer": whole + whole, "none": b"", "other": b"PK\3\4" + bytes(1000)}.items():
            with self.subTest(name):
                with open(self.file, "wb") as f:
                    f.write(bad)
                done = skerry("restore", "--check", self.file)
                self.assertEqual(1, done.returncode, done.stderr)
                data = os.path.join(self.folder, name)
                done = skerry("restore", self.file, "--data", data)
                self.assertEqual(1, done.returncode)
                self.assertRegex(done.stderr, b"backup|cut short|not as it was")
                # What is there is said to be unfinished, and a gateway does not start on it.
                self.assertTrue(os.path.exists(os.path.join(data, "RESTORE-UNFINISHED")))
                started = skerry("edge", "--data", data, "--set", "mqtt.port=0", "--set", "http.port=0")
                self.assertEqual((1, True), (started.returncode, b"a restore into this folder has not ended" in started.stderr))
        with open(self.file, "wb") as f:
            f.write(whole)
        done = skerry("restore", self.file, "--data", os.path.join(self.folder, "half"))  # over the unfinished one
        self.assertEqual(0, done.returncode, done.stderr)
        again = skerry("restore", self.file, "--data", os.path.join(self.folder, "half"))
        self.assertIn(b"is not empty", again.stderr)
        self.assertEqual(1, again.returncode)

    def test_killed_half_way_leaves_a_clear_state(self):
        gateway = Skerry(self)
        for _ in range(20):
            gateway.post("/api/v1/readings", [{"device_id": "load", "n": i, "pad": os.urandom(300).hex()} for i in range(500)])
        # A backup into a pipe that nobody reads stands still; then it is killed, and the gateway too.
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        with open(os.devnull, "rb") as nothing:
            half = subprocess.Popen([BIN, "backup", "-", "--data", gateway.data], stdin=nothing, stdout=write, stderr=subprocess.DEVNULL)
        os.close(write)
        snapshots = os.path.join(gateway.data, "snapshots")
        wait_until(lambda: os.path.exists(snapshots), "the snapshot")
        half.send_signal(signal.SIGKILL)
        half.wait()
        self.assertTrue(os.path.exists(snapshots))
        self.assertEqual(0, skerry("backup", self.file, "--data", gateway.data).returncode)  # takes its place
        self.assertFalse(os.path.exists(snapshots))
        self.assertEqual(201, gateway.request("POST", "/api/v1/backups", "").status)
        self.assertTrue(os.path.exists(snapshots))
        gateway.kill()
        gateway.start()
        self.assertFalse(os.path.exists(snapshots), "a start removes what a crash left")
        # A restore that is killed can be run again.
        data = os.path.join(self.folder, "data")
        restore = Program(self, [BIN, "restore", "-", "--data", data], os.path.join(self.folder, "log"), stdin=subprocess.PIPE)
        with open(self.file, "rb") as f:
            restore.process.stdin.write(f.read(2_000_000))
            restore.process.stdin.flush()
        wait_until(lambda: os.path.exists(os.path.join(data, "log")), "the restore to have begun")
        restore.kill()
        self.assertIn(b"has not ended", skerry("edge", "--data", data, "--set", "http.port=0").stderr)
        self.assertEqual(0, skerry("restore", self.file, "--data", data).returncode)
        self.assertEqual(10_000, len(self.readings(Skerry(self, data=data))))

    def test_a_backup_of_the_first_format_is_read_for_ever(self):
        gateway = Skerry(self, data=self.restored(os.path.join(ROOT, "tests", "cli", "golden", "backup-v1.tar.zst")))
        self.assertEqual([20.5, 95], [r["data"]["temperature"] for r in gateway.all_items("/api/v1/readings?device=oven")])
        self.assertEqual(["high_temperature"], [a["alert_type"] for a in gateway.all_items("/api/v1/alerts")])
        self.assertEqual({"battery": 7}, gateway.get("/api/v1/devices/oven").json()["status"])

    def test_errors_say_what_to_do(self):
        self.assertIn(b"is no data folder", skerry("backup", self.file, "--data", self.folder).stderr)
        self.assertIn(b"name the folder", skerry("restore", self.file).stderr)
        self.assertIn(b"cannot be opened", skerry("restore", self.file, "--check").stderr)


if __name__ == "__main__":
    unittest.main()
