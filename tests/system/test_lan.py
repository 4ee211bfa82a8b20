"""`skerry up --lan`: the lines that it prints work as they stand, from an address that is not loopback; nothing plain listens there."""
import json
import os
import re
import socket
import ssl
import subprocess
import unittest
import urllib.request

from skerry import BIN, PATIENCE_S, Program, temp_folder, wait_until


def lan_address():
    """The machine's first IPv4 address that is not loopback; nothing where it is on no network."""
    out = subprocess.run(["ip", "-4", "-o", "addr", "show", "up", "scope", "global"], capture_output=True, text=True, check=False).stdout
    got = re.findall(r"inet ([\d.]+)/", out)
    return got[0] if got else None


class Lan(unittest.TestCase):
    def start(self, folder):
        log = os.path.join(folder, "log")
        if os.path.exists(log):
            os.remove(log)
        ports = [w for door in ("mqtt", "mqtts", "ws", "http", "https", "coap", "coaps") for w in ("--set", f"{door}.port=0")]
        program = Program(self, [BIN, "up", "--lan", "--demo", "none", "--data", os.path.join(folder, "data"), *ports], log)
        wait_until(lambda: "Ctrl-C ends" in program.log() or not program.running(), "the welcome", 4 * PATIENCE_S)
        return program

    def test_the_lines_to_paste_work(self):
        folder = temp_folder(self, "lan")
        program = self.start(folder)
        if lan_address() is None:  # on no network it says so
            self.assertEqual((program.stop(), "no IPv4 address" in program.log()), (1, True), program.log())
            return
        said = program.log()
        with open(os.path.join(folder, "data", "ports.json"), encoding="utf-8") as f:
            ports = json.load(f)
        host, port, user, password = re.search(r"ESP32 +host (\S+)  port (\d+)  user (\S+)  password (\S+)", said).groups()
        self.assertNotIn(host, ("127.0.0.1", "0.0.0.0"))
        self.assertEqual(int(port), ports["mqtts"])
        line = next(text for text in said.splitlines() if "mosquitto_pub -h " + host in text)
        done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = subprocess.run(line.replace(password, "WRONG"), shell=True, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        self.assertNotEqual(done.returncode, 0)
        done = subprocess.run(line.replace("sensors/esp32", "sensors/other"), shell=True, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        with urllib.request.urlopen(f"http://127.0.0.1:{ports['http']}/api/v1/devices", timeout=PATIENCE_S) as answer:
            self.assertEqual([each["device_id"] for each in json.load(answer)["items"]], ["esp32"], "and of nobody else")
        url, name, secret = re.search(r"Page +(https://\S+)/ +log in as (\S+), password (\S+)", said).groups()
        context = ssl.create_default_context(cafile=os.path.join(folder, "data", "pki", "ca.pem"))
        request = urllib.request.Request(url + "/api/v1/login", json.dumps({"name": name, "password": secret}).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, context=context, timeout=PATIENCE_S) as answer:
            self.assertEqual(json.load(answer)["role"], "admin")
        for door in ("mqtt", "http"):
            with socket.socket() as s:
                self.assertNotEqual(s.connect_ex((host, ports[door])), 0, door + " is plain")
        self.assertEqual(program.stop(), 0)
        again = self.start(folder)
        self.assertNotIn(password, again.log(), "told once")
        self.assertIn("shown at the first start", again.log())


if __name__ == "__main__":
    unittest.main()
