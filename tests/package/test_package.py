"""What users install: the .deb and the tar, laid out, installed for real over a copy-on-write root, run, upgraded, removed; the unit; and sd_notify."""
import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from skerry import BIN, LONG, PATIENCE_S, ROOT, Program, temp_folder, wait_until  # noqa: E402

PACKAGE = os.path.join(ROOT, "script", "package")
VERSION = re.search(r"^project\(skerry VERSION ([0-9.]+)", open(os.path.join(ROOT, "CMakeLists.txt"), encoding="utf-8").read(), re.M).group(1)
# A root of its own to write to, over the machine's: what is installed there is gone with the mount.
OVERLAY = """set -eu
mount -t tmpfs none "$1"; mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=$LOWER,upperdir=$1/upper,workdir=$1/work" none "$1/root"
mount --rbind /proc "$1/root/proc"; mount --rbind /dev "$1/root/dev"
mkdir -p "$1/root/mnt"; mount --bind "$2" "$1/root/mnt"
exec chroot "$1/root" /bin/sh -euc "$3"
"""


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, **options)


def package(test, kind):
    """The path of a fresh package of the program that the tests use."""
    done = run(PACKAGE, kind, "--program", BIN)
    test.assertEqual(0, done.returncode, done.stderr)
    return os.path.join(ROOT, done.stdout.splitlines()[-1])


def in_overlay(test, folder, script, lower="/"):
    """Runs a script as root in a root of its own, with `folder` on /mnt; what it printed."""
    if os.geteuid() != 0 or run("unshare", "--mount", "true").returncode != 0:
        raise unittest.SkipTest("needs root and mount namespaces")
    done = run("unshare", "--mount", "--pid", "--fork", "sh", "-euc", OVERLAY, "sh", temp_folder(test, "root"), folder, script,
               env={**os.environ, "LOWER": lower, "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"})
    test.assertEqual(0, done.returncode, done.stdout + done.stderr)
    return done.stdout + done.stderr


# Starts the installed program as its user, asks it, and ends it; $1 in the script is the program.
RUNS = """
start() { setpriv --reuid=skerry --regid=skerry --clear-groups "$1" edge --config /etc/skerry/skerry.yaml --data /var/lib/skerry \\
    --set mqtt.port=0 --set http.port=0 & pid=$!
  until [ -e /var/lib/skerry/ports.json ]; do kill -0 $pid; done; }
end() { kill $pid; wait $pid; }
"""


class Deb(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deb = package(cls(), "deb")

    def test_what_is_in_it(self):
        fields = run("dpkg-deb", "--field", self.deb).stdout
        self.assertIn(f"Version: {VERSION}\n", fields)
        self.assertRegex(fields, r"Depends: libc6 \(>= 2\.36\), passwd, .*libssl3")
        files = dict(reversed(line.split(None, 5)[::5]) for line in run("dpkg-deb", "--contents", self.deb).stdout.splitlines())
        for path, mode in {"./usr/bin/skerry": "-rwxr-xr-x", "./etc/skerry/skerry.yaml": "-rw-r--r--", "./lib/systemd/system/skerry.service": "-rw-r--r--",
                           "./usr/share/man/man1/skerry.1.gz": "-rw-r--r--", "./usr/share/doc/skerry/copyright": "-rw-r--r--"}.items():
            self.assertEqual(mode, files.get(path), path)
        again = package(self, "deb")
        self.assertEqual(self.deb, again)

    def test_installed_upgraded_and_purged(self):
        said = in_overlay(self, os.path.dirname(self.deb), RUNS + f"""
dpkg -i /mnt/{os.path.basename(self.deb)} >/dev/null
id -un skerry; stat -c %U:%a /var/lib/skerry
systemd-analyze verify /lib/systemd/system/skerry.service
skerry config check /etc/skerry/skerry.yaml
man -l /usr/share/man/man1/skerry.1.gz >/dev/null 2>&1 || true
start skerry
skerry device list
skerry backup /tmp/b.tar.zst
end
echo 'port_offset: 7' >>/etc/skerry/skerry.yaml
dpkg -i /mnt/{os.path.basename(self.deb)} >/dev/null  # the same again: settings of the site stay
tail -1 /etc/skerry/skerry.yaml
dpkg -r skerry >/dev/null; ls /var/lib/skerry/gateway-id /etc/skerry/skerry.yaml
dpkg -P skerry >/dev/null
! id skerry 2>/dev/null; ! ls -d /var/lib/skerry /etc/skerry 2>/dev/null
""")
        for line in ("skerry", "skerry:750", "/etc/skerry/skerry.yaml: ok", "port_offset: 7", "/var/lib/skerry/gateway-id"):
            self.assertIn(line + "\n", said)
        self.assertIn("backup of skerry-", said)
        self.assertNotIn("Unknown", said)  # what systemd says of a line it does not know


class Tar(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tar = package(cls(), "tar")

    def unpack(self):
        folder = temp_folder(self, "tar")
        self.assertEqual(0, run("tar", "-xzf", self.tar, "-C", folder).returncode)
        return glob.glob(os.path.join(folder, "*"))[0]

    def test_brings_every_library_but_glibc(self):
        top = self.unpack()
        there = set(os.listdir(os.path.join(top, "lib", "skerry")))
        for file in [os.path.join(top, "bin", "skerry"), *glob.glob(os.path.join(top, "lib", "skerry", "*"))]:
            named = re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", file).stdout)
            missing = [n for n in named if n not in there and not re.match(r"(libc|libm|libpthread|libdl|librt|libresolv)\.so|ld-linux", n)]
            self.assertEqual([], missing, file)
        self.assertRegex(run("readelf", "-d", os.path.join(top, "bin", "skerry")).stdout, r"\(RPATH\).*\[\$ORIGIN/\.\./lib/skerry\]")
        self.assertIn("usage:", run(os.path.join(top, "install.sh"), "--help").stdout)

    def test_runs_where_there_is_nothing_but_glibc(self):
        """A root with the loader, glibc and the unpacked tar, and not one other library or program."""
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root")
        top = self.unpack()
        root = temp_folder(self, "empty")
        loader = re.search(r"interpreter: (\S+)\]", run("readelf", "-l", os.path.join(top, "bin", "skerry")).stdout).group(1)
        os.makedirs(root + os.path.dirname(loader))
        shutil.copy(os.path.realpath(loader), root + loader)
        machine = run("gcc", "-dumpmachine").stdout.strip()
        os.makedirs(f"{root}/usr/lib/{machine}")
        os.symlink("usr/lib", f"{root}/lib") if not os.path.exists(f"{root}/lib") else None
        for name in ("libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libresolv.so.2"):
            shutil.copy(os.path.realpath(f"/usr/lib/{machine}/{name}"), f"{root}/usr/lib/{machine}/{name}")
        shutil.copytree(top, f"{root}/skerry")
        os.makedirs(root + "/proc")  # where the loader reads from which folder a program comes
        inside = ["unshare", "--mount", "sh", "-euc", 'mount --rbind /proc "$0/proc"; exec chroot "$0" "$@"', root, "/skerry/bin/skerry"]
        done = run(*inside, "--version")
        self.assertEqual(f"skerry {VERSION}\n", done.stdout, done.stderr)
        done = run(*inside, "config", "check", "/skerry/skerry.yaml")
        self.assertEqual("/skerry/skerry.yaml: ok\n", done.stdout, done.stderr)
        program = Program(self, [*inside, "edge", "--data", "/data", "--set", "mqtt.port=0", "--set", "http.port=0"],
                          os.path.join(temp_folder(self, "log"), "log"))
        wait_until(lambda: os.path.exists(f"{root}/data/ports.json") or not program.running(), "it to start")
        self.assertEqual(0, program.stop(), program.log())

    def installed(self, lower):
        said = in_overlay(self, os.path.dirname(self.tar), RUNS + f"""
cd /tmp; tar -xzf /mnt/{os.path.basename(self.tar)}; cd skerry-*
./install.sh
cd /; skerry --version; stat -c %U:%a /var/lib/skerry
start /usr/local/bin/skerry
skerry device list
end
echo 'port_offset: 7' >>/etc/skerry/skerry.yaml
/tmp/skerry-*/install.sh >/dev/null  # an upgrade
tail -1 /etc/skerry/skerry.yaml
grep -c '^ExecStart=/opt/skerry/bin/skerry edge' /etc/systemd/system/skerry.service
/tmp/skerry-*/install.sh --uninstall
ls /var/lib/skerry/gateway-id
! ls -d /opt/skerry /usr/local/bin/skerry 2>/dev/null
/tmp/skerry-*/install.sh --uninstall --purge
! ls -d /var/lib/skerry /etc/skerry 2>/dev/null
""", lower)
        for line in (f"skerry {VERSION}", "skerry:750", "port_offset: 7", "1", "/var/lib/skerry/gateway-id"):
            self.assertIn(line + "\n", said)
        self.assertIn("is installed in /opt/skerry", said)

    def test_installed_upgraded_and_removed(self):
        self.installed("/")

    def on_a_bare_debian_12(self):
        bare = os.path.join(ROOT, "build", "minbase")
        if not os.path.exists(os.path.join(bare, "usr", "bin", "setpriv")):
            done = run("debootstrap", "--variant=minbase", "bookworm", bare)
            self.assertEqual(0, done.returncode, done.stdout[-2000:])
        self.assertFalse(glob.glob(os.path.join(bare, "usr/lib/*/libyaml-cpp*")), "the bare system should not have our libraries")
        self.installed(bare)

    if LONG:  # it fetches Debian
        test_on_a_bare_debian_12 = on_a_bare_debian_12


class Service(unittest.TestCase):
    def test_the_commands_of_the_manual_exist(self):
        with open(os.path.join(ROOT, "packaging", "skerry.1"), encoding="utf-8") as f:
            section = re.search(r"^\.SH COMMANDS\n(.*?)^\.SH", f.read(), re.M | re.S).group(1)
        commands = {tuple(words.split()[:2]) for words in re.findall(r"(?:^\.B |\\fB)([a-z ]+)", section, re.M)}
        self.assertGreater(len(commands), 15)
        for command in commands:
            done = run(BIN, *command, "--help")
            self.assertEqual(0, done.returncode, f"{command}: {done.stdout}{done.stderr}")

    def test_tells_systemd_that_it_is_ready_alive_and_ending(self):
        path = os.path.join(temp_folder(self, "notify"), "socket")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(path)
            listener.settimeout(PATIENCE_S)
            data = os.path.join(temp_folder(self, "notified"), "data")
            program = Program(self, [BIN, "edge", "--data", data, "--set", "mqtt.port=0", "--set", "http.port=0"], path + ".log", env={"NOTIFY_SOCKET": path})
            heard = [listener.recv(100) for _ in range(3)]
            self.assertEqual({b"READY=1", b"WATCHDOG=1"}, set(heard))
            self.assertTrue(os.path.exists(os.path.join(data, "ports.json")))
            program.process.send_signal(signal.SIGTERM)
            while heard[-1] != b"STOPPING=1":
                heard.append(listener.recv(100))
            self.assertEqual(0, program.process.wait(PATIENCE_S))

    def test_the_unit_is_hardened(self):
        done = run("systemd-analyze", "security", "--offline=true", "--threshold=30", "--no-pager", os.path.join(ROOT, "packaging", "skerry.service"))
        self.assertEqual(0, done.returncode, done.stdout[-600:] + done.stderr)


if __name__ == "__main__":
    unittest.main()
