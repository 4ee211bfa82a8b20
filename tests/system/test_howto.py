"""docs/howto: every block of commands is run as it stands, page by page, against a gateway on ports of its own."""
import glob
import os
import re
import subprocess
import unittest

from skerry import BIN, PATIENCE_S, ROOT, Skerry, temp_folder

PAGES = sorted(glob.glob(os.path.join(ROOT, "docs", "howto", "*.md")))
SAID = {  # what a page promises that its commands print
    "connect-a-device": ['"accepted":1', "pump7", '"command":"throttle"'],
    "write-a-rule": ['"_to":"alerts"', '"_to":"commands"', "pipelines added: high-pressure", "pressure 1040.0 is above 1030", "pipelines removed: high-pressure"],
    "back-up-and-restore": ["every record before position", "restored into", " 0 problems", "pump7 is forgotten"],
    "install": ["mine.yaml: ok", "reloaded"],
    "size-a-gateway": ["block_bytes", "skerry_log_appends_pushed_back_total", "skerry.yaml: ok"],
    "upgrade": ["0 problems", '"status":"ready"'],
}


def blocks(page):
    with open(page, encoding="utf-8") as f:
        return re.findall(r"^```sh\n(.*?)^```$", f.read(), re.M | re.S)


class HowTo(unittest.TestCase):
    def test_pages_are_listed(self):
        with open(PAGES[0].rsplit("/", 1)[0] + "/README.md", encoding="utf-8") as f:
            listed = set(re.findall(r"\(([a-z-]+\.md)\)", f.read()))
        self.assertEqual({os.path.basename(p) for p in PAGES} - {"README.md"}, listed)
        self.assertEqual({os.path.basename(p)[:-3] for p in PAGES} - {"README"}, set(SAID))

    def check(self, page):
        gateway = Skerry(self)
        gateway.post("/api/v1/readings", {"device_id": "pump7", "temperature": 20, "timestamp": "2026-01-31T11:00:00Z"})
        folder = temp_folder(self, "howto")
        os.makedirs(os.path.join(folder, "bin"))
        os.makedirs(os.path.join(folder, "backups"))
        # The page says `skerry` and, of a device, the usual data folder; this machine's own service is none of ours.
        with open(os.path.join(folder, "bin", "skerry"), "w", encoding="utf-8") as f:
            f.write(f'#!/bin/sh\ncase "$1" in device) exec {BIN} "$@" --data {gateway.data} ;; esac\nexec {BIN} "$@"\n')
        os.chmod(os.path.join(folder, "bin", "skerry"), 0o755)
        script = "\n".join(blocks(page)).replace("-p 1883", f"-p {gateway.ports['mqtt']}").replace("127.0.0.1:8080", f"127.0.0.1:{gateway.ports['http']}")
        script = re.sub(r'^(skerry device .*) --data "\$DATA"', r"\1", script, flags=re.M)
        self.assertTrue(script)
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, capture_output=True, text=True, timeout=4 * PATIENCE_S, check=False,
                              env={**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}", "DATA": gateway.data, "BACKUPS": os.path.join(folder, "backups")})
        said = done.stdout + done.stderr
        self.assertEqual(0, done.returncode, said)
        for text in SAID[os.path.basename(page)[:-3]]:
            self.assertIn(text, said)


for path in PAGES:
    name = os.path.basename(path)[:-3]
    if name != "README":
        setattr(HowTo, f"test_{name.replace('-', '_')}", lambda self, page=path: self.check(page))


if __name__ == "__main__":
    unittest.main()
