"""Runs the parts of script/test one after the other, adds up what each counted, and closes with `N passed, N failed`.

A part is a function that returns a Count. What a program printed is kept in build/test-logs/PART-NAME.log; its end is
shown when it failed. A test that was skipped counts as failed where ../shared is there, since then nothing is missing."""
import argparse
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
LOGS = os.path.join(ROOT, "build", "test-logs")
TSAN_ROOMS = ["log", "mqtt", "edge"]
FUZZ_SECONDS, FUZZ_SECONDS_LONG = 5, 120
TAIL_LINES = 40
os.environ.setdefault("SKERRY_COAP__PORT", "0")  # gateways of tests run side by side: doors that none names are anywhere


@dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    notes: list = field(default_factory=list)  # what failed, or was skipped, in a line each

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.notes += other.notes
        return self


def log_path(part, name):
    os.makedirs(LOGS, exist_ok=True)
    return os.path.join(LOGS, f"{part}-{name}.log")


def run(part, name, command, limit_s=900, env=None, cwd=ROOT):
    """(exit status, output). The status is 124 when it ran past its limit; the program's group is ended then."""
    with open(log_path(part, name), "w+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                   env={**os.environ, **(env or {})}, start_new_session=True)
        try:
            status = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
            status = 124
            log.seek(0, os.SEEK_END)
            log.write(f"\nran past its limit of {limit_s} s\n")
        log.seek(0)
        return status, log.read()


def show(part, name, status, output):
    print(f"--- {part} {name}: exit status {status}; the end of {os.path.relpath(log_path(part, name), ROOT)}:")
    print("\n".join(output.splitlines()[-TAIL_LINES:]))
    print("---", flush=True)


def one(part, name, command, passes=lambda status, output: status == 0, **options):
    """A program that is one test."""
    status, output = run(part, name, command, **options)
    if passes(status, output):
        return Count(passed=1)
    show(part, name, status, output)
    return Count(failed=1, notes=[f"{part} {name}"])


def build(preset, targets):
    """Nothing when it built; else a Count that says so."""
    got = one("build", preset, ["script/build", preset, *targets], limit_s=3600)
    return got if got.failed else None


def rooms_with_tests():
    return sorted({p.split(os.sep)[-2] for p in glob.glob(os.path.join(ROOT, "tests", "*", "*_test.cpp"))})


# ---- GoogleTest programs ----

def quiet_memory(preset):
    """The thread sanitizer of GCC 12 wants addresses drawn from fewer bits than newer kernels draw from."""
    try:
        with open("/proc/sys/vm/mmap_rnd_bits", encoding="utf-8") as f:
            many = int(f.read()) > 28
    except (OSError, ValueError):
        many = False
    return ["setarch", "-R"] if preset == "tsan" and many and shutil.which("setarch") else []


def gtest(part, preset, room, gtest_filter=None, limit_s=1200, env=None):
    """Runs build/PRESET/test_ROOM; a program that does not come to its end is one failure more."""
    report = os.path.join(LOGS, f"{part}-{room}.json")
    if os.path.exists(report):
        os.remove(report)
    program = os.path.join(ROOT, "build", preset, f"test_{room}")
    if not os.path.exists(program):
        return Count(failed=1, notes=[f"{part} {room}: {os.path.relpath(program, ROOT)} was not built"])
    command = [*quiet_memory(preset), program, f"--gtest_output=json:{report}"]
    if gtest_filter:
        command.append(f"--gtest_filter={gtest_filter}")
    status, output = run(part, room, command, limit_s=limit_s, env=env)
    count = Count()
    try:
        with open(report, encoding="utf-8") as f:
            suites = json.load(f)["testsuites"]
    except (OSError, ValueError, KeyError):
        suites = []
        count.failed, count.notes = 1, [f"{part} {room}: ended with status {status} before its report"]
    for test in (t for suite in suites for t in suite["testsuite"]):
        name = f"{part} {room}: {test['classname']}.{test['name']}"
        if test.get("failures"):
            count.failed, count.notes = count.failed + 1, count.notes + [name]
        elif test.get("result") == "SKIPPED":
            count.skipped, count.notes = count.skipped + 1, count.notes + [f"{name} (skipped)"]
        elif test.get("result") == "COMPLETED":
            count.passed += 1
    if status != 0 and not count.failed:
        count.failed, count.notes = 1, count.notes + [f"{part} {room}: all tests pass, but the status is {status}"]
    if count.failed:
        show(part, room, status, output)
    return count


def gtests(part, preset, rooms, env=None, gtest_filter=None, limit_s=1200):
    """The longest first, two at a time: they need no quiet machine."""
    broken = build(preset, [f"test_{r}" for r in rooms])
    if broken:
        return broken
    order = sorted(rooms, key=lambda r: r not in ("log", "edge", "stream", "mqtt", "cli"))
    total = Count()
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        for count in pool.map(lambda r: gtest(part, preset, r, gtest_filter, limit_s, env), order):
            total.add(count)
    return total


def chosen(options, rooms):
    return [r for r in rooms if not options.names or r in options.names]


def seeds(options, count):
    """Sanitized programs are slow: fewer simulated runs, unless all are wanted. The part unit runs them all."""
    return {} if options.long else {"SKERRY_SEEDS": str(count)}


# ---- the parts ----

def part_lint(_):
    """The rules of the repository, and the proof that each can fail."""
    total = Count()
    for name, command in (("rules", ["script/lint"]), ("self-test", ["script/lint", "--self-test"])):
        status, output = run("lint", name, command)
        got = re.search(r"^lint: (\d+) passed, (\d+) failed$", output, re.M)
        count = Count(int(got[1]), int(got[2])) if got else Count(failed=1)
        if count.failed:
            count.notes = [f"lint {name}"]
            show("lint", name, status, output)
        total.add(count)
    return total


def part_unit(options):
    """Every room's tests."""
    return gtests("unit", "dev", chosen(options, rooms_with_tests()), options.env, options.filter)


def part_asan(options):
    """The same tests under the address and undefined-behaviour sanitizers."""
    env = {"ASAN_OPTIONS": "detect_stack_use_after_return=1", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
           **seeds(options, 40), **options.env}
    return gtests("asan", "asan", chosen(options, rooms_with_tests()), env, options.filter, 1800)


def part_tsan(options):
    """The rooms with threads under the thread sanitizer."""
    env = {"TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1", **seeds(options, 10), **options.env}
    return gtests("tsan", "tsan", chosen(options, [r for r in TSAN_ROOMS if r in rooms_with_tests()]), env, options.filter, 1800)


def part_nosync(options):
    """Built without the disk sync, the crash tests must fail, within ten seeds."""
    broken = build("nosync", ["test_log"])
    if broken:
        return broken
    command = [os.path.join(ROOT, "build/nosync/test_log"), "--gtest_filter=*Crash.NothingAcknowledgedIsLost"]
    return one("nosync", "log", command, env={**options.env, "SKERRY_SEEDS": "10"}, limit_s=300,
               passes=lambda status, output: status == 1 and "FAILED" in output)


def part_fuzz(options):
    """Every fuzzer, from its corpus, for a few seconds."""
    sources = sorted(glob.glob(os.path.join(ROOT, "tests", "*", "fuzz", "*_fuzz.cpp")))
    names = chosen(options, [os.path.basename(s)[:-len(".cpp")] for s in sources])
    if not names:
        return Count()
    broken = build("fuzz", names)
    if broken:
        return broken
    seconds = FUZZ_SECONDS_LONG if options.long else FUZZ_SECONDS

    def fuzz(source):
        name = os.path.basename(source)[:-len(".cpp")]
        grown = os.path.join(ROOT, "build", "fuzz", "corpus", name)
        os.makedirs(grown, exist_ok=True)
        seeds = [c for c in (source[:-len("_fuzz.cpp")] + "_corpus", os.path.join(os.path.dirname(source), "corpus"))
                 if os.path.isdir(c)][:1]
        command = [os.path.join(ROOT, "build/fuzz", name), f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=1024",
                   "-print_final_stats=1", f"-artifact_prefix={LOGS}/{name}-", grown, *seeds]
        return one("fuzz", name, command, limit_s=seconds + 120)

    total = Count()
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        for count in pool.map(fuzz, [s for s in sources if os.path.basename(s)[:-len(".cpp")] in names]):
            total.add(count)
    return total


def closing_line(part, name, command, **options):
    """A program that closes with `N passed, N failed`, or node's own test runner, which says it in other words."""
    status, output = run(part, name, command, **options)
    said = re.findall(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$", output, re.M)
    if said:
        count = Count(*(int(n or 0) for n in said[-1]))
    else:
        count = Count(*(sum(int(n) for n in re.findall(rf"^(?:#|ℹ) {key} (\d+)\s*$", output, re.M)) for key in ("pass", "fail", "skipped")))
    if (status != 0 and not count.failed) or not count.passed + count.failed:
        count.failed += 1
    if count.failed or count.skipped:
        count.notes = [f"{part} {name}: {count.failed} failed, {count.skipped} skipped"]
    if count.failed:
        show(part, name, status, output)
    return count


def with_skerry(options):
    """What a part that runs the program adds to the environment."""
    return {**options.env, "SKERRY_BIN": os.path.join(ROOT, "build/dev/skerry"), "PYTHONDONTWRITEBYTECODE": "1"}


def part_web(options):
    """The page: its own unit tests, then the built page in Chromium."""
    total = Count()
    if os.path.exists(os.path.join(ROOT, "web/package.json")):
        total.add(closing_line("web", "unit", ["npm", "test", "--silent"], cwd=os.path.join(ROOT, "web")))
    if os.path.exists(os.path.join(ROOT, "tests/web/package.json")):
        total.add(build("dev", ["skerry"]) or closing_line("web", "page", ["npm", "test", "--silent"], env=with_skerry(options),
                                                            cwd=os.path.join(ROOT, "tests/web")))
    return total


def part_device(options):
    """The small C device of examples/device, against a real gateway."""
    broken = build("dev", ["skerry", "skerry_device"]) if os.path.exists(os.path.join(ROOT, "examples/CMakeLists.txt")) else None
    if broken:
        return broken
    return unittests("device", os.path.join(ROOT, "tests/device"), options, {"SKERRY_DEVICE": os.path.join(ROOT, "build/dev/examples/skerry_device")})


def part_package(options):
    """The Debian package and the tar, installed over a copy-on-write root and run."""
    broken = build("dev", ["skerry"])
    return broken or unittests("package", os.path.join(ROOT, "tests/package"), options)


def part_arm64(options):
    """The program cross-built for 64-bit Arm, under qemu-user."""
    broken = build("arm64", ["skerry"]) or build("dev", ["skerry"])
    return broken or unittests("arm64", os.path.join(ROOT, "tests/arm64"), options, {"SKERRY_PATIENCE": "120"})


def part_deploy(options):
    """Manifests, scripts, rules of Prometheus. What needs a tool that bootstrap does not install is left out."""
    if not os.path.exists(os.path.join(ROOT, "tests/deploy/run")):
        return Count()
    broken = build("dev", ["skerry"])
    count = broken or closing_line("deploy", "all", ["tests/deploy/run", *(["--long"] if options.long else [])], env=with_skerry(options))
    count.skipped = 0
    return count


def part_system(options):
    """The program as a user runs it: real processes, stock clients, SIGKILL."""
    broken = build("dev", ["skerry", "skerry_device"])
    return broken or unittests("system", os.path.join(ROOT, "tests/system"), options)


def unittests(part, folder, options, env=None):
    """Every test_*.py of a folder, each a program of its own."""
    python = os.path.join(ROOT, "build/venv/bin/python")
    python = python if os.path.exists(python) else sys.executable
    total = Count()
    for path in sorted(p for pattern in ("test_*.py", "*_test.py") for p in glob.glob(os.path.join(folder, pattern))):
        name = os.path.basename(path)[:-len(".py")]
        if not options.names or {name, name.removeprefix("test_"), name.removesuffix("_test")} & set(options.names):
            total.add(unittest_count(part, name, [python, "-m", "unittest", "-v", name], folder, {**with_skerry(options), **(env or {})},
                                     3600 if options.long else 1200))
    return total


def unittest_count(part, name, command, folder, env, limit_s):
    """A Python unittest module, counted from its closing lines."""
    status, output = run(part, name, command, cwd=folder, env=env, limit_s=limit_s)
    ran = re.findall(r"^Ran (\d+) tests? in", output, re.M)
    tail = re.findall(r"^(?:OK|FAILED)(?: \((.*)\))?$", output, re.M)
    words = dict(re.findall(r"(\w+)=(\d+)", tail[-1])) if tail else {}
    bad = sum(int(words.get(k, 0)) for k in ("failures", "errors")) + int(words.get("successes", 0))
    skipped = int(words.get("skipped", 0))
    if not ran or not tail or (status != 0 and not bad):
        bad = max(bad, 1)
    all_ = max(int(ran[-1]) if ran else 0, bad + skipped)
    count = Count(all_ - bad - skipped, bad, skipped)
    count.notes = [f"{part} {name}: {t}" for t in re.findall(r"^(?:FAIL|ERROR): (.*)$", output, re.M)]
    count.notes += [f"{part} {name}: {t} (skipped)" for t in re.findall(r"^(.*) \.\.\. skipped", output, re.M)]
    if bad:
        show(part, name, status, output)
    return count


PARTS = {f.__name__[len("part_"):]: f for f in (part_lint, part_unit, part_nosync, part_device, part_web, part_deploy, part_package, part_arm64, part_system,
                                                part_fuzz, part_asan, part_tsan)}


def parse(arguments):
    text = "; ".join(f"{name}: {f.__doc__.rstrip('.')}" for name, f in PARTS.items())
    parser = argparse.ArgumentParser(prog="script/test", epilog=text, description="Without a part: all of them.")
    parser.add_argument("part", nargs="?", help="one of: " + ", ".join(PARTS) + "; or sim ROOM.TEST, one simulated test")
    parser.add_argument("names", nargs="*", help="rooms, fuzzers or modules of that part")
    parser.add_argument("--long", action="store_true", help="more seeds, more kills, longer fuzzing")
    parser.add_argument("--seed", help="repeats one simulated run")
    parser.add_argument("--filter", help="a GoogleTest filter for unit, asan and tsan")
    options = parser.parse_intermixed_args(arguments)
    options.env = {}
    if options.long:
        options.env["SKERRY_LONG"] = "1"
    if options.seed:
        options.env["SKERRY_SEED"] = options.seed
    if options.part == "sim":  # `sim log.crash` is the tests of log with crash in their name
        if len(options.names) != 1:
            parser.error("sim takes one name, as in: script/test sim log.crash --seed 0x91c2")
        room, _, test = options.names[0].partition(".")
        known = room in rooms_with_tests()
        options.part, word = "unit", test if known else options.names[0]
        options.names = [room] if known else []
        options.filter = f"*{word}*:*{word[:1].upper()}{word[1:]}*"
    if options.part and options.part not in PARTS:
        parser.error(f"no part is called {options.part}; there is: " + ", ".join(PARTS))
    return options


def main():
    options = parse(sys.argv[1:])
    os.chdir(ROOT)
    shutil.rmtree(LOGS, ignore_errors=True)
    os.makedirs(LOGS)
    total, all_there = Count(), os.path.isdir(os.path.join(ROOT, "..", "shared"))
    for name in [options.part] if options.part else PARTS:
        began = time.monotonic()
        count = PARTS[name](options)
        total.add(count)
        print(f"{name:<10} {count.passed:>6} passed {count.failed:>4} failed {count.skipped:>4} skipped {time.monotonic() - began:>7.1f} s", flush=True)
    if options.part and not total.passed + total.failed:
        total.failed, total.notes = 1, [f"{options.part}: nothing ran"]
    for note in total.notes:
        print(f"  {note}")
    if all_there and total.skipped:
        print(f"{total.skipped} skipped count as failed, since ../shared is there")
        total.failed, total.skipped = total.failed + total.skipped, 0
    print(f"{total.passed} passed, {total.failed} failed" + (f", {total.skipped} skipped" if total.skipped else ""))
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
