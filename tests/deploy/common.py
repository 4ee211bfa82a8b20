"""What the tests of deploy/ share: running a program, and skipping what a machine lacks."""
import os
import shutil
import subprocess
import unittest

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
DEPLOY = os.path.join(ROOT, "deploy")

try:
    import yaml
except ImportError:  # without build/venv-deploy
    yaml = None


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def read_yaml(path):
    return yaml.safe_load(read(path))


def run(command, **options):
    """(exit status, all that it printed)"""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=120, **options)
    return done.returncode, done.stdout


def tool(name, why="script/bootstrap test"):
    """Its path, or a skip that says what installs it."""
    found = shutil.which(name) or shutil.which(os.path.join(ROOT, "build", "go-bin", name))
    if not found:
        raise unittest.SkipTest(f"{name} is not installed ({why})")
    return found


def need_yaml():
    if yaml is None:
        raise unittest.SkipTest("build/venv-deploy is not there (script/bootstrap test)")


class Deploy(unittest.TestCase):
    """With a way to say what was printed when a program failed."""

    maxDiff = None

    def ok(self, command, **options):
        status, output = run(command, **options)
        self.assertEqual(status, 0, f"{' '.join(command)}:\n{output}")
        return output

    def fails(self, command, status=None, saying="", **options):
        got, output = run(command, **options)
        self.assertNotEqual(got, 0, f"{' '.join(command)} passed:\n{output}")
        if status is not None:
            self.assertEqual(got, status, output)
        self.assertIn(saying, output)
        return output
