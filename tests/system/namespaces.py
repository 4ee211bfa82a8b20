"""Two network namespaces, a gateway's and a cloud's, with any number of ways (veth pairs) between them, for tests that cut ways as networks do.
The thread that makes them is in the gateway's from then on, and so are the programs it starts; far() does something in the cloud's. Needs root."""
import concurrent.futures
import ctypes
import os
import subprocess

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _call(name, *arguments):
    if getattr(_libc, name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


def _enter(path):
    handle = os.open(path, os.O_RDONLY)
    try:
        _call("setns", handle, CLONE_NEWNET)
    finally:
        os.close(handle)


def available():
    """Whether this machine lets us make namespaces."""
    if os.geteuid() != 0:
        return False
    done = subprocess.run(["unshare", "-n", "ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1"], capture_output=True, check=False)
    return done.returncode == 0


class Namespaces:
    def __init__(self, test, ways):
        self.name = f"skerry-{os.getpid()}-{id(self):x}"
        self._ip("netns", "add", self.name)
        test.addCleanup(self._ip, "netns", "delete", self.name)
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        test.addCleanup(os.close, before)
        _call("unshare", CLONE_NEWNET)
        test.addCleanup(_call, "setns", before, CLONE_NEWNET)
        self.there = concurrent.futures.ThreadPoolExecutor(1, initializer=_enter, initargs=(f"/var/run/netns/{self.name}",))
        test.addCleanup(self.there.shutdown)
        self.addresses = {}  # way -> (of the gateway, of the cloud)
        self._ip("link", "set", "lo", "up")
        self._ip("-n", self.name, "link", "set", "lo", "up")
        for number, way in enumerate(ways, 1):
            near, far = self.addresses[way] = (f"10.77.{number}.1", f"10.77.{number}.2")
            self._ip("link", "add", way, "type", "veth", "peer", "name", way, "netns", self.name)
            self._ip("address", "add", near + "/24", "dev", way)
            self._ip("-n", self.name, "address", "add", far + "/24", "dev", way)
            self._ip("link", "set", way, "up")
            self._ip("-n", self.name, "link", "set", way, "up")

    @staticmethod
    def _ip(*arguments):
        done = subprocess.run(["ip", *arguments], capture_output=True, check=False, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr}")

    def far(self, work):
        """What `work` gives, done in the cloud's namespace."""
        return self.there.submit(work).result()

    def unplug(self, way):
        """At the far end: nothing arrives any more, and nobody is told."""
        self._ip("-n", self.name, "link", "set", way, "down")

    def plug(self, way):
        self._ip("-n", self.name, "link", "set", way, "up")

    def deafen(self, way):
        """What the gateway sends arrives, and no answer comes back."""
        self._ip("-n", self.name, "route", "add", "blackhole", self.addresses[way][0] + "/32")

    def hear(self, way):
        self._ip("-n", self.name, "route", "del", "blackhole", self.addresses[way][0] + "/32")
