"""The test of script/lint: each sample of samples.txt is a small tree with one thing wrong, and says what must be found."""
import contextlib
import io
import os
import shutil
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def read():
    """(name, check, expected findings, {path: text}) of each sample. `@repeat N TEXT` stands for N lines."""
    samples, path = [], None
    with open(os.path.join(HERE, "samples.txt"), encoding="utf-8") as f:
        for line in f:
            if line.startswith("=== "):
                name, check = line[4:].split()
                samples.append((name, check, [], {}))
                path = None
            elif line.startswith("--- "):
                path = line[4:].strip()
                samples[-1][3][path] = ""
            elif path is None:
                if line.startswith("expect "):
                    samples[-1][2].append(line[7:].strip())
            elif line.startswith("@repeat "):
                _, count, text = line.split(" ", 2)
                samples[-1][3][path] += text * int(count)
            else:
                samples[-1][3][path] += line
    return samples


def findings_of(Tree, checks, files):
    """What the checks find in a tree of these files, as `path:line: what`."""
    root = tempfile.mkdtemp(prefix="skerry-lint-")
    try:
        for path, text in files.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)) or root, exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                f.write(text)
        tree = Tree(root)
        return {c.__name__: [f"{p}:{n}: {w}" for p, n, w in c(tree)] for c in checks}
    finally:
        shutil.rmtree(root)


def judge(Tree, checks, good, sample):
    """What is wrong with how lint judged one sample; empty when it did well."""
    name, check, expected, files = sample
    if check not in {c.__name__ for c in checks}:
        return f"names {check}, which is no check"
    merged = {p: t for p, t in {**good, **files}.items() if t != "absent\n"}
    found = findings_of(Tree, checks, merged)[check]
    missing = [e for e in expected if not any(f.startswith(e) for f in found)]
    more = [f for f in found if not any(f.startswith(e) for e in expected)]
    problems = [f"did not find: {m}" for m in missing] + [f"found besides: {m}" for m in more]
    return "; ".join(problems)


def run(Tree, checks):
    """How many of the self-test's statements hold, and how many do not."""
    samples = read()
    good = samples[0][3]
    passed = failed = 0
    with contextlib.redirect_stdout(io.StringIO()):
        clean = {c: f for c, f in findings_of(Tree, checks, good).items() if f}
    results = [("the good tree", f"has findings: {clean}" if clean else "")]
    results += [(s[0], judge(Tree, checks, good, s)) for s in samples[1:]]
    unproven = {c.__name__ for c in checks} - {s[1] for s in samples[1:] if s[2]}
    results.append(("every check can fail", f"no sample for {sorted(unproven)}" if unproven else ""))
    for name, problem in results:
        if problem:
            print(f"tests/tidy/samples.txt:1: {name}: {problem}")
        passed, failed = passed + (not problem), failed + bool(problem)
    return passed, failed
