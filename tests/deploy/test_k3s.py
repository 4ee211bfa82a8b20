"""The K3s scripts, run for real into a folder of their own with an install script that only writes down how it was called."""
import glob
import hashlib
import os
import shutil
import tempfile

from common import DEPLOY, Deploy, need_yaml, read, read_yaml, tool, yaml

SERVER, AGENT = os.path.join(DEPLOY, "k3s", "server.sh"), os.path.join(DEPLOY, "k3s", "agent.sh")
# Stands for K3s's own install script: what it was given, and a unit as that one writes it.
INSTALL = """#!/bin/sh
{ echo "args: $*"; env | grep '^INSTALL_K3S_' | sort; } >> "$INSTALL_K3S_BIN_DIR/calls"
unit=k3s; [ "$1" = server ] || unit=k3s-$1
printf 'ExecStart=%s/k3s\\n    %s\\n' "$INSTALL_K3S_BIN_DIR" "$1" > "$INSTALL_K3S_SYSTEMD_DIR/$unit.service"
"""


class K3s(Deploy):
    def setUp(self):
        need_yaml()
        self.dir = tempfile.mkdtemp(prefix="skerry-k3s-")
        self.addCleanup(shutil.rmtree, self.dir)
        self.root = os.path.join(self.dir, "root")
        self.install = self.put("install.sh", INSTALL)
        self.token = self.put("the-token", "K10abc::server:secret\n")

    def put(self, name, text):
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def at(self, path):
        return os.path.join(self.root, path.lstrip("/"))

    def text(self, path):
        with open(self.at(path), encoding="utf-8") as f:
            return f.read()

    def settings(self):
        """As K3s reads them: config.yaml, then config.yaml.d in order; `key+` adds to a list."""
        merged = {}
        for path in [self.at("/etc/rancher/k3s/config.yaml"), *sorted(glob.glob(self.at("/etc/rancher/k3s/config.yaml.d/*")))]:
            with open(path, encoding="utf-8") as f:
                for key, value in (yaml.safe_load(f) or {}).items():
                    merged[key.rstrip("+")] = merged.get(key[:-1], []) + value if key.endswith("+") else value
        return merged

    def server(self, *options):
        return self.ok([SERVER, "--root", self.root, "--install-script", self.install, *options])

    def agent(self, *options):
        return self.ok([AGENT, "--root", self.root, "--install-script", self.install, "--url", "https://10.1.2.3:6443",
                        "--token-file", self.token, *options])

    def test_shellcheck_finds_nothing(self):
        self.ok([tool("shellcheck"), "-x", *sorted(glob.glob(os.path.join(DEPLOY, "**", "*.sh"), recursive=True))])

    def test_help_is_on_standard_output(self):
        for script in (SERVER, AGENT):
            self.assertIn("usage:", self.ok([script, "--help"]))

    def test_server_settings(self):
        output = self.server("--url-host", "edge-1.plant")
        self.assertEqual(self.settings(), {"cluster-cidr": "10.42.0.0/16", "write-kubeconfig-mode": "0644"})
        self.assertIn("URL:   https://edge-1.plant:6443", output)
        self.assertIn("Token:", output)
        self.assertIn("args: server", self.text("/usr/local/bin/calls"))

    def test_server_unit_names_files_as_the_machine_will_see_them(self):
        self.server()
        self.assertIn("ExecStart=/usr/local/bin/k3s\n", self.text("/etc/systemd/system/k3s.service"))
        self.assertEqual(os.readlink(self.at("/etc/systemd/system/multi-user.target.wants/k3s.service")), "/etc/systemd/system/k3s.service")

    def test_ha_configuration_is_the_required_one(self):
        self.assertEqual(read_yaml("deploy/k3s/ha-server.yaml"), {
            "cluster-cidr": "10.42.0.0/16", "service-cidr": "10.43.0.0/16", "etcd-snapshot-schedule-cron": "0 2 * * *",
            "etcd-snapshot-retention": 5, "disable": ["traefik", "servicelb"],
            "node-label": ["edge-zone=industrial", "node-type=edge"], "write-kubeconfig-mode": "0644"})

    def test_ha_first_server_begins_the_cluster(self):
        self.server("--ha", "--tls-san", "k3s.plant", "--label", "rack=3", "--kubeconfig-mode", "600")
        settings = self.settings()
        self.assertEqual(settings["cluster-init"], True)
        self.assertEqual(settings["write-kubeconfig-mode"], "0600")
        self.assertEqual(settings["tls-san"], ["k3s.plant"])
        self.assertEqual(settings["node-label"], ["edge-zone=industrial", "node-type=edge", "rack=3"])
        self.assertNotIn("server", settings)

    def test_ha_further_server_joins(self):
        self.server("--ha", "--join", "https://10.1.2.3:6443", "--token-file", self.token)
        settings = self.settings()
        self.assertNotIn("cluster-init", settings)
        self.assertEqual((settings["server"], settings["token-file"]), ("https://10.1.2.3:6443", "/etc/rancher/k3s/token"))
        self.assertEqual(settings["etcd-snapshot-retention"], 5)
        self.assertEqual(os.stat(self.at("/etc/rancher/k3s/token")).st_mode & 0o777, 0o600)

    def test_agent_is_labelled_and_tainted_as_the_deployment_asks(self):
        self.agent()
        self.assertEqual(self.settings(), {
            "server": "https://10.1.2.3:6443", "token-file": "/etc/rancher/k3s/token",
            "node-label": ["edge-zone=industrial", "node-type=edge"], "node-taint": ["edge-node=true:NoSchedule"]})
        self.assertEqual(self.text("/etc/rancher/k3s/token"), "K10abc::server:secret\n")
        self.assertIn("args: agent", self.text("/usr/local/bin/calls"))

    def test_agent_without_taint(self):
        self.agent("--no-taint", "--label", "zone=a", "--node-name", "edge-7")
        settings = self.settings()
        self.assertNotIn("node-taint", settings)
        self.assertEqual((settings["node-label"], settings["node-name"]), (["zone=a"], "edge-7"))

    def test_running_again_changes_nothing(self):
        self.server("--ha")
        path = self.at("/etc/rancher/k3s/config.yaml")
        before = os.stat(path)
        output = self.server("--ha")
        self.assertNotIn("written:", output)
        self.assertEqual((os.stat(path).st_ino, os.stat(path).st_mtime_ns), (before.st_ino, before.st_mtime_ns))
        calls = self.text("/usr/local/bin/calls").split("args: ")[1:]
        self.assertEqual([("FORCE_RESTART=true" in c) for c in calls], [True, False])  # K3s restarts for a change only

    def test_a_changed_setting_is_written_and_restarts(self):
        self.agent()
        self.assertIn("written:", self.agent("--no-taint"))
        self.assertEqual(self.text("/usr/local/bin/calls").count("FORCE_RESTART=true"), 2)

    def test_dry_run_prints_and_touches_nothing(self):
        output = self.server("--ha", "--dry-run")
        self.assertIn("cluster-init: true", output)
        self.assertRegex(output, r"\+ env .*sh \S*install.sh server")
        output = self.agent("--dry-run")
        self.assertNotIn("secret\n", output.replace("(a secret, not shown)", ""))
        self.assertFalse(os.path.exists(self.root))

    def test_air_gap_places_binary_and_images_and_downloads_nothing(self):
        for name in ("k3s", "k3s-airgap-images-amd64.tar.zst", "k3s-airgap-images-arm64.tar.zst", "skerry.tar", "k3s-arm64", "sums.txt"):
            self.put(f"gap/{name}", name)
        self.put("gap/install.sh", INSTALL)
        for arch, binary in (("x86_64", "k3s"), ("aarch64", "k3s-arm64")):
            with self.subTest(arch):
                shutil.rmtree(self.root, ignore_errors=True)
                self.ok([SERVER, "--root", self.root, "--airgap", os.path.join(self.dir, "gap")], env={**os.environ, "K3S_ARCH": arch})
                suffix = {"x86_64": "amd64", "aarch64": "arm64"}[arch]
                self.assertEqual(self.text("/usr/local/bin/k3s"), binary)
                self.assertEqual(sorted(os.listdir(self.at("/var/lib/rancher/k3s/agent/images"))),
                                 [f"k3s-airgap-images-{suffix}.tar.zst", "skerry.tar"])
                self.assertIn("INSTALL_K3S_SKIP_DOWNLOAD=true", self.text("/usr/local/bin/calls"))

    def test_air_gap_says_what_is_missing(self):
        os.makedirs(os.path.join(self.dir, "gap"))
        self.fails([SERVER, "--root", self.root, "--airgap", os.path.join(self.dir, "gap"), "--install-script", self.install], 1, "is missing")
        self.put("gap/k3s", "k3s")
        self.fails([SERVER, "--root", self.root, "--airgap", os.path.join(self.dir, "gap"), "--install-script", self.install], 1,
                   "k3s-airgap-images", env={**os.environ, "K3S_ARCH": "x86_64"})

    def test_an_install_script_with_another_hash_is_not_run(self):
        good = hashlib.sha256(INSTALL.encode()).hexdigest()
        self.server("--install-sha256", good)
        self.fails([SERVER, "--root", self.root, "--install-script", self.install, "--install-sha256", "0" * 64], 1, "not run")
        self.assertEqual(self.text("/usr/local/bin/calls").count("args:"), 1)

    def test_wrong_use_is_told_with_status_2(self):
        for command, saying in (
                ([SERVER, "--label"], "--label"), ([SERVER, "--nonsense", "x"], "what is --nonsense"),
                ([SERVER, "--join", "https://a:6443", "--dry-run"], "--ha"), ([AGENT, "--dry-run"], "--url"),
                ([SERVER, "--ha", "--join", "https://a:6443", "--dry-run"], "--token-file"),
                ([SERVER, "--kubeconfig-mode", "rw", "--dry-run"], "octal"), ([SERVER, "--label", "a b", "--dry-run"], "KEY=VALUE"),
                ([AGENT, "--url", "http://a:6443", "--token-file", self.token, "--dry-run"], "https://"),
                ([AGENT, "--url", "https://a:6443", "--token-file", "/nowhere", "--dry-run"], "missing or empty"),
                ([SERVER, "--root", "relative", "--dry-run"], "absolute"), ([SERVER, "--airgap", "/nowhere", "--dry-run"], "no such folder")):
            with self.subTest(" ".join(command[1:])):
                self.fails(command, 2, saying)

    def test_the_readme_of_the_scripts_is_the_docs_page(self):
        page = read("docs/deploy.md")
        for word in ("server.sh", "agent.sh", "--airgap", "MicroK8s"):
            self.assertIn(word, page)
