"""A PostgreSQL server for tests and measures: a process of its own without privileges, in a temporary folder, on a unix socket."""
import glob
import os
import shutil
import subprocess
import tempfile
import urllib.parse

from skerry import free_port, wait_until


def programs():
    """The folder of initdb and postgres, the newest version; None where it is not installed."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda p: int(p.split("/")[4]))
    return os.path.dirname(found[-1]) if found else None


class Postgres:
    """`url` says where. It refuses to run as root, so it is the user `postgres` then."""

    def __init__(self, test):
        self.user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        self.folder = tempfile.mkdtemp(prefix="skerry-postgres-", dir="/tmp")  # a socket's path must be short
        test.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        if self.user:
            shutil.chown(self.folder, "postgres", "postgres")
        self.data, self.port, self.process = os.path.join(self.folder, "data"), free_port(), None
        self._run("initdb", "-D", self.data, "-U", "skerry", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        test.addCleanup(self.stop)
        self.start()
        self.url = f"postgresql://skerry@/postgres?host={urllib.parse.quote(self.folder, safe='')}&port={self.port}"

    def _run(self, program, *arguments):
        done = subprocess.run([os.path.join(programs(), program), *arguments], cwd=self.folder, capture_output=True, check=False, **self.user)
        assert done.returncode == 0, done.stderr.decode()

    def start(self):
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen([os.path.join(programs(), "postgres"), "-D", self.data, "-k", self.folder, "-p", str(self.port),
                                             "-c", "listen_addresses="], cwd=self.folder, stdout=log, stderr=log, **self.user)
        ready = [os.path.join(programs(), "pg_isready"), "-h", self.folder, "-p", str(self.port), "-q"]
        wait_until(lambda: subprocess.run(ready, check=False).returncode == 0, "PostgreSQL to be ready", 60)

    def stop(self):
        """At once, as a crash is: what was committed is there when it starts again."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(3)  # SIGQUIT
            self.process.wait(60)
