"""Two network namespaces, a gateway's and a cloud's, with any number of ways between them (veth pairs; Lossy: a forwarder that loses and delays
packets, since not every kernel has netem), for tests that cut ways as networks do. The thread that makes them is in the gateway's from then on, and so
are the programs it starts; far() does something in the cloud's. Needs root."""
import concurrent.futures
import ctypes
import fcntl
import heapq
import os
import random
import selectors
import struct
import subprocess
import threading
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
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


class Lossy:
    """A way of Namespaces(test, ()) between two TUN devices: each packet is lost with a chance, and comes `delay_s` later."""

    def __init__(self, test, net, name, seed, loss=0.1, delay_s=0.01):
        self.loss, self.delay_s, self.chance = loss, delay_s, random.Random(seed)
        self.carried = self.lost = 0
        self.cut = False
        near, far = net.addresses[name] = ("10.78.1.1", "10.78.1.2")
        self.ends = (self._tun(name), net.far(lambda: self._tun(name)))
        for prefix, address, peer in (((), near, far), (("-n", net.name), far, near)):
            net._ip(*prefix, "address", "add", address, "peer", peer, "dev", name)
            net._ip(*prefix, "link", "set", name, "up")
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._carry)
        self.thread.start()
        test.addCleanup(self._end)

    @staticmethod
    def _tun(name):
        handle = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(handle, TUNSETIFF, struct.pack("16sH14x", name.encode(), IFF_TUN | IFF_NO_PI))
        return handle

    def _end(self):
        self.ended.set()
        self.thread.join()
        for handle in self.ends:
            os.close(handle)

    def _carry(self):
        waiting, number = [], 0
        with selectors.DefaultSelector() as selector:
            for handle, other in (self.ends, self.ends[::-1]):
                selector.register(handle, selectors.EVENT_READ, other)
            while not self.ended.is_set():
                for key, _ in selector.select(max(0.0, min(0.05, waiting[0][0] - time.monotonic())) if waiting else 0.05):
                    try:
                        packet = os.read(key.fd, 65_536)
                    except OSError:
                        continue
                    if self.cut or self.chance.random() < self.loss:
                        self.lost += 1
                        continue
                    number += 1
                    heapq.heappush(waiting, (time.monotonic() + self.delay_s, number, key.data, packet))
                while waiting and waiting[0][0] <= time.monotonic():
                    _, _, other, packet = heapq.heappop(waiting)
                    try:
                        os.write(other, packet)
                        self.carried += 1
                    except OSError:
                        self.lost += 1
