"""The container's root file system: complete, small, and fit to run as the pod runs it: unprivileged, on a read-only root."""
import json
import os
import re
import shutil
import tempfile
import unittest

from common import DEPLOY, Deploy, need_yaml, read, run, tool
from live import Process, fetch, program, until
from test_kustomize import GATEWAY, POD, at, one

STAGE = os.path.join(DEPLOY, "container", "stage")
# Prints nothing of its own: mounts what a pod has, and becomes the program.
AS_A_POD = """set -eu
mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"
mount --rbind /proc "$1/proc"; mount --rbind /dev "$1/dev"
mount --bind "$2" "$1/var/lib/skerry"; mount --bind "$3" "$1/etc/skerry"; mount -o remount,bind,ro "$1/etc/skerry"
root=$1; shift 3
exec setpriv --no-new-privs chroot --userspec=10001:10001 --groups= "$root" /usr/bin/skerry "$@"
"""


def need_root():
    if os.geteuid() != 0 or run(["unshare", "--mount", "true"])[0] != 0:
        raise unittest.SkipTest("needs root and mount namespaces")


class Container(Deploy):
    def setUp(self):
        tool("readelf")
        self.dir = tempfile.mkdtemp(prefix="skerry-container-")
        self.addCleanup(shutil.rmtree, self.dir)
        self.root = os.path.join(self.dir, "root")

    def test_stage_is_clean(self):
        self.ok([tool("shellcheck"), STAGE])
        self.assertIn("usage:", self.ok([STAGE, "--help"]))

    def test_stage_takes_every_library_along(self):
        need_root()
        self.ok([STAGE, shutil.which("readelf"), self.dir])
        self.assertIn("GNU readelf", self.ok(["chroot", self.root, "/usr/bin/skerry", "--version"]))

    def test_stage_holds_nothing_that_helps_an_intruder(self):
        self.ok([STAGE, shutil.which("readelf"), self.dir])
        programs = [os.path.join(f, n) for f, _, names in os.walk(self.root) for n in names
                    if os.access(os.path.join(f, n), os.X_OK) and not os.path.islink(os.path.join(f, n))]
        self.assertEqual(sorted(os.path.basename(p) for p in programs if not re.search(r"ld-linux|\.so", p)), ["skerry"])

    def test_stage_says_what_is_wrong(self):
        self.fails([STAGE, os.path.join(DEPLOY, "container", "Containerfile"), self.dir], 1, "is no program")
        self.fails([STAGE], 2, "usage:")
        self.fails([STAGE, "/bin/true", self.dir, "--libraries", "/nowhere"], 2, "--libraries")

    def test_containerfile_and_deployment_agree(self):
        need_yaml()
        text, deployment = read("deploy/container/Containerfile"), one("base", "Deployment")
        context = at(deployment, f"{POD}.securityContext")
        self.assertEqual(re.search(r"^USER (\S+)$", text, re.M)[1], f"{context['runAsUser']}:{context['runAsGroup']}")
        ports = {str(p["containerPort"]) for p in at(deployment, f"{GATEWAY}.ports")}
        self.assertEqual(set(re.search(r"^EXPOSE (.*)$", text, re.M)[1].split()), ports)
        mounts = {m["name"]: m["mountPath"] for m in at(deployment, f"{GATEWAY}.volumeMounts")}
        self.assertEqual(re.search(r"^VOLUME (\S+)$", text, re.M)[1], mounts["data"])
        self.assertIn(at(deployment, f"{GATEWAY}.image"), text)

    def test_the_gateway_runs_unprivileged_on_a_read_only_root(self):
        need_yaml()
        need_root()
        self.ok([STAGE, program(), self.dir])
        data, settings = os.path.join(self.dir, "data"), os.path.join(self.dir, "settings")
        for path in (data, settings, os.path.join(self.root, "proc"), os.path.join(self.root, "dev")):
            os.makedirs(path)
        os.chown(data, 10001, 10001)
        os.chmod(self.dir, 0o755)
        shutil.copy("deploy/kustomize/base/skerry.yaml", settings)
        args = at(one("base", "Deployment"), f"{GATEWAY}.args")
        gateway = Process(["unshare", "--mount", "sh", "-c", AS_A_POD, "sh", self.root, data, settings, *args, "--set", "listen.host=127.0.0.1",
                           "--set", "mqtt.port=0", "--set", "http.port=0"], os.path.join(self.dir, "log"),
                          env={"PATH": os.environ["PATH"], "SKERRY_GATEWAY__ID": "edge-1"})
        self.addCleanup(gateway.stop)

        def ready():
            if gateway.child.poll() is not None:
                raise AssertionError(f"ended with {gateway.child.returncode}:\n{gateway.printed()[-3000:]}")
            with open(os.path.join(data, "ports.json"), encoding="utf-8") as f:
                return json.load(f)
        url = f"http://127.0.0.1:{until('ports.json', ready)['http']}"
        until("/readyz", lambda: fetch(url + "/readyz")[0] == 200)
        self.assertEqual(fetch(url + "/api/v1/readings", '{"device_id":"m1","temperature":20}')[0], 201)
        with open(f"/proc/{gateway.child.pid}/status", encoding="ascii") as f:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
        self.assertEqual(status["Uid"].split(), ["10001"] * 4)
        self.assertEqual((int(status["CapEff"], 16), status["NoNewPrivs"]), (0, "1"))
        self.assertEqual(gateway.stop(), 0)
