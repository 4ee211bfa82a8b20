"""The arm64 build under qemu-user: it takes a reading from a stock client, keeps it over kill -9, and fits into the packages."""
import glob
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
import skerry  # noqa: E402
from skerry import ROOT, Skerry, temp_folder, wait_until  # noqa: E402

SYSROOT = os.path.join(ROOT, "build", "sysroot-arm64")
PROGRAM = os.path.join(ROOT, "build", "arm64", "skerry")


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def emulated(test, program):
    """A program of this machine that becomes the emulator with that one."""
    path = os.path.join(temp_folder(test, "arm64"), "skerry")
    with open(path, "w", encoding="utf-8") as f:
        f.write(f'#!/bin/sh\nexec qemu-aarch64 -L {SYSROOT} {program} "$@"\n')
    os.chmod(path, 0o755)
    return path


class Arm64(unittest.TestCase):
    def test_acknowledged_over_mqtt_shown_over_http_and_there_after_a_kill(self):
        self.assertIn("AArch64", run("readelf", "-h", PROGRAM).stdout)
        skerry.BIN = emulated(self, PROGRAM)
        gateway = Skerry(self)
        for n in range(3):
            done = gateway.mosquitto_pub("-q", "1", "-t", "sensors/arm/data", "-m", f'{{"temperature":{85 + n},"n":{n}}}')
            self.assertEqual(0, done.returncode, done.stderr)
        wait_until(lambda: len(gateway.all_items("/api/v1/alerts?device=arm")) == 3, "the alerts of the shipped rule")

        def numbers():
            return [r["data"]["n"] for r in gateway.all_items("/api/v1/readings?device=arm")]

        self.assertEqual([0, 1, 2], numbers())
        gateway.kill()
        gateway.start()
        self.assertEqual([0, 1, 2], numbers())
        self.assertEqual(3, gateway.get("/api/v1/devices/arm").json()["readings"])
        # A folder of one architecture is read on another.
        gateway.stop()
        skerry.BIN = os.environ["SKERRY_BIN"]
        self.assertEqual([0, 1, 2], [r["data"]["n"] for r in Skerry(self, data=gateway.data).all_items("/api/v1/readings?device=arm")])

    def test_packages(self):
        for kind in ("tar", "deb"):
            done = run(os.path.join(ROOT, "script", "package"), kind, "arm64", "--program", PROGRAM)
            self.assertEqual(0, done.returncode, done.stderr)
            path = os.path.join(ROOT, done.stdout.splitlines()[-1])
            self.assertIn("arm64", os.path.basename(path))
            folder = temp_folder(self, "unpacked")
            if kind == "deb":
                self.assertEqual("arm64\n", run("dpkg-deb", "--field", path, "Architecture").stdout)
                self.assertEqual(0, run("dpkg-deb", "-x", path, folder).returncode)
                program = os.path.join(folder, "usr", "bin", "skerry")
            else:
                self.assertEqual(0, run("tar", "-xzf", path, "-C", folder).returncode)
                program = glob.glob(os.path.join(folder, "*", "bin", "skerry"))[0]
                for library in glob.glob(os.path.join(folder, "*", "lib", "skerry", "*")):
                    self.assertIn("AArch64", run("readelf", "-h", library).stdout, library)
            self.assertRegex(run(emulated(self, program), "--version").stdout, r"^skerry [0-9.]+\n$")


if __name__ == "__main__":
    unittest.main()
