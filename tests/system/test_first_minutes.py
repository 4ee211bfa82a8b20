"""A new user's first five minutes, from README.md's own lines: the script shows what README says, in time."""
import os
import subprocess
import sys
import unittest

from skerry import BIN

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "first_minutes")


class FirstMinutes(unittest.TestCase):
    def test_the_readme_is_true_within_five_minutes(self):
        done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, timeout=600, check=False, env={**os.environ, "SKERRY_BIN": BIN})
        print("\n" + done.stdout, flush=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
