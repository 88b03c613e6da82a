#!/usr/bin/env python3
"""One command from a fresh clone; a bare python3 (3.11 or newer) is all it needs.

    python3 dev.py demo [--once DIR]     load the example, order its reports, show what comes out
    python3 dev.py test [pytest …]       every check and every test; with arguments pytest alone, on them
    python3 dev.py check                 format, lint, types, imports
    python3 dev.py gallery               the pictures of examples/gallery anew, from its reports
    python3 dev.py bench NAME [--quick]  a measurement; `bench` alone lists them
    python3 dev.py lock                  make requirements.lock and requirements-dev.lock anew from pyproject.toml

It keeps a virtual environment in .venv with the locked packages, and installs what the machine lacks where it may (root
on Debian or Ubuntu), else prints the one line to type. Standard library only.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin/python"
LOCK = ROOT / "requirements.lock"
# The same packages and those that only checks, tests and measurements need.
DEV_LOCK = ROOT / "requirements-dev.lock"
NEWEST_PYTHON = 14
IN_MEMORY = Path("/dev/shm")
ROOM_BYTES = 2 << 30


def main(command: str = "", *arguments: str) -> int:
    """Run `command`; its exit status."""
    if command not in COMMANDS:
        print(__doc__)
        return 2
    prepare(LOCK if command == "demo" else DEV_LOCK)
    return COMMANDS[command](*arguments)


def demo(*arguments: str) -> int:
    """Become `reportd demo`, so that Ctrl-C and the exit status are its own."""
    for line in missing(PANGO):
        print(f"without Pango there will be no PDF; {line}", flush=True)
    for line in missing(FONTS):
        print(f"a few names will be boxes in the PDFs; {line}", flush=True)
    os.execv(str(VENV / "bin/reportd"), ["reportd", "demo", *arguments])


def test(*arguments: str) -> int:
    """The whole gate; with arguments pytest alone, on them."""
    if arguments:
        return run("-m", "pytest", *arguments)
    if lines := missing(PANGO):
        print(f"the tests need Pango to make PDFs; {lines[0]}")
        return 1
    for line in missing(WITNESSES):
        print(f"some tests will be skipped; {line}", flush=True)
    with workplace():
        return Stages().beside([FAULT], [*CHECKS, *ONE_CORE]).run([*TIERS, *older_server()]).summary()


def check() -> int:
    """What needs no test: format, lint, types, imports."""
    return Stages().run(CHECKS).summary()


def gallery() -> int:
    """Make the gallery's reports, and the pictures of their pages that the README shows."""
    with tempfile.TemporaryDirectory() as made:
        command = [str(VENV / "bin/reportd"), "demo", "--gallery", made]
        status = subprocess.run(command, cwd=ROOT, env=environment(), check=False).returncode
        return status or run("examples/gallery/pictures.py", made)


def bench(*arguments: str) -> int:
    """A measurement of `bench/`."""
    return run("-m", "bench", *arguments)


def lock() -> int:
    """Write both locks: every package for every platform, with hashes and without addresses."""
    uv = shutil.which("uv") or str(VENV / "bin/uv")
    if not Path(uv).exists():
        subprocess.run([str(PYTHON), "-m", "pip", "install", "--quiet", "uv"], check=True)
    options = ["--universal", "--generate-hashes", "--python-version", "3.11"]
    bare = ["--quiet", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
    compile = [uv, "pip", "compile", *bare, *options, "pyproject.toml"]
    return max(
        subprocess.run([*compile, *what], cwd=ROOT, check=False).returncode
        for what in (
            ["--extra", "embedded", "--group", "build", "-o", LOCK.name],
            ["--all-extras", "--group", "build", "--group", "dev", "-c", LOCK.name, "-o", DEV_LOCK.name],
        )
    )


COMMANDS: dict[str, Callable[..., int]] = {
    "demo": demo,
    "test": test,
    "check": check,
    "gallery": gallery,
    "bench": bench,
    "lock": lock,
}


def run(*arguments: str) -> int:
    """Run the environment's Python in the project's directory."""
    return subprocess.run([str(PYTHON), *arguments], cwd=ROOT, env=environment(), check=False).returncode


def environment(**more: str) -> dict[str, str]:
    """Ours without what the caller set for a reportd of his own, and with the virtual environment's programs first."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith("REPORTD_") or k.startswith("REPORTD_TEST_")}
    return {**ours, "PATH": f"{VENV / 'bin'}{os.pathsep}{ours.get('PATH', os.defpath)}", **more}


# -- the environment


def prepare(lock: Path) -> None:
    """Make .venv hold what `lock` says. Does nothing when it does so already."""
    use_a_new_enough_python()
    wanted = digest(lock, ROOT / "pyproject.toml")
    mark = VENV / ".made-from"
    # What the tests need has all that the demo needs.
    enough = {wanted, digest(DEV_LOCK, ROOT / "pyproject.toml")}
    if mark.is_file() and mark.read_text() in enough and PYTHON.exists():
        return
    started = time.monotonic()
    print("preparing .venv (about a minute, once) …", flush=True)
    if (uv := shutil.which("uv")) is None or not install_with_uv(uv, lock):
        install_with_pip(lock)
    # Compiled once by every core, since WeasyPrint takes three times as long to import uncompiled.
    run("-m", "compileall", "-qq", "-j", "0", str(VENV / "lib"), "reportd")
    mark.write_text(wanted)
    print(f"prepared .venv in {time.monotonic() - started:.0f} s", flush=True)


def use_a_new_enough_python() -> None:
    """Go on under a newer Python when this one is too old."""
    if sys.version_info >= (3, 11):  # noqa: UP036  this one file is read by older Pythons too
        return
    for minor in range(NEWEST_PYTHON, 10, -1):
        if newer := shutil.which(f"python3.{minor}"):
            os.execv(newer, [newer, *sys.argv])
    sys.exit(f"reportd needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}")


def digest(*files: Path) -> str:
    """What the environment depends on, as a text that changes with it."""
    content = b"\0".join(file.read_bytes() for file in files)
    return f"{hashlib.sha256(content).hexdigest()} {sys.version_info[:2]} {ROOT}"


def install_with_uv(uv: str, lock: Path) -> bool:
    """Fast where there is a uv that reaches an index; False sends us to pip, which has its own settings."""
    into = ["--quiet", "--python", str(PYTHON)]
    steps = [
        ["venv", "--quiet", "--clear", "--seed", "--python", base_python(), str(VENV)],
        ["pip", "install", *into, "--no-deps", "--require-hashes", "-r", str(lock)],
        ["pip", "install", *into, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)],
    ]
    return all(subprocess.run([uv, *step], cwd=ROOT, check=False).returncode == 0 for step in steps)


def install_with_pip(lock: Path) -> None:
    """The slow way, which is always there."""
    make_venv()
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-compile"]
    for step in (
        ["--no-deps", "--require-hashes", "-r", str(lock)],
        ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)],
    ):
        if subprocess.run([*pip, *step], cwd=ROOT, check=False).returncode != 0:
            sys.exit(f"the packages of {lock.name} could not be installed: see pip's words above")


def make_venv() -> None:
    """An environment of this Python's version; an older one of another version is replaced."""
    version = ["-c", f"import sys, pip; sys.exit(sys.version_info[:2] != {tuple(sys.version_info[:2])})"]
    if PYTHON.exists() and run(*version) == 0:
        return
    try:
        import ensurepip  # noqa: F401  Debian keeps it apart from Python
    except ImportError:
        for line in missing([Need("python3-venv", lambda: False)]):
            sys.exit(f"this Python can't make a virtual environment; {line}")
    subprocess.run([base_python(), "-m", "venv", "--clear", str(VENV)], check=True)


def base_python() -> str:
    """The Python below any environment that we were started from: ours may be about to be replaced."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


# -- what the machine must have


@dataclass(frozen=True)
class Need:
    """Something from outside Python: Debian's package for it, and whether it is there."""

    package: str
    is_met: Callable[[], bool]


def loads(library: str) -> bool:
    """Whether the dynamic linker finds `library`."""
    with suppress(OSError):
        return bool(ctypes.CDLL(library))
    return False


def has_font(part: str) -> bool:
    """Whether a font file with `part` in its name is where Linux keeps fonts."""
    return any(any(Path(place).rglob(f"*{part}*.?t?")) for place in ("/usr/share/fonts", "/usr/local/share/fonts"))


def library(package: str, name: str) -> Need:
    return Need(package, lambda: loads(name))


def program(package: str, *names: str) -> Need:
    return Need(package, lambda: any(shutil.which(name) for name in names))


PANGO = [
    library("libpango-1.0-0", "libpango-1.0.so.0"),
    library("libpangoft2-1.0-0", "libpangoft2-1.0.so.0"),
    library("libharfbuzz-subset0", "libharfbuzz-subset.so.0"),
    library("libfontconfig1", "libfontconfig.so.1"),
]
# Some of the demo's learners are Japanese; this font is the smallest that has their names.
FONTS = [Need("fonts-wqy-microhei", lambda: any(map(has_font, ("wqy", "CJK", "Fallback", "SourceHan"))))]
# Tests look into what was made with the tools that people will open it with; without one, its tests are skipped.
WITNESSES = [
    *FONTS,
    program("poppler-utils", "pdftoppm"),
    program("qpdf", "qpdf"),
    Need("libreoffice-calc-nogui", lambda: Path("/usr/lib/libreoffice/program/libsclo.so").exists()),
    Need("postgresql", lambda: any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))),
    program("iproute2", "ip", "/sbin/ip"),
    program("nftables", "nft", "/usr/sbin/nft"),
    program("pgbouncer", "pgbouncer", "/usr/sbin/pgbouncer"),
    program("nodejs", "node"),
    program("npm", "npm"),
    program("chromium", "chromium", "chromium-browser", "google-chrome"),
]
OTHER_SYSTEMS = {
    "dnf": "dnf install pango harfbuzz-subset poppler-utils qpdf libreoffice-calc postgresql-server chromium",
    "pacman": "pacman -S pango poppler qpdf libreoffice-still postgresql chromium",
    "zypper": "zypper install libpango-1_0-0 libharfbuzz-subset0 poppler-tools qpdf libreoffice-calc postgresql-server",
    "apk": "apk add pango harfbuzz-subset poppler-utils qpdf libreoffice-calc postgresql",
}


def missing(needs: Sequence[Need]) -> list[str]:
    """Install what is missing where we may; where not, one line that says what to type, else nothing."""
    packages = [need.package for need in needs if not need.is_met()]
    if not packages:
        return []
    if shutil.which("apt-get") is None:
        line = next((line for tool, line in OTHER_SYSTEMS.items() if shutil.which(tool)), " ".join(packages))
        return [f"install it with: {line}"]
    if os.geteuid() == 0 and apt_install(packages):
        return []
    return [f"install it with: sudo apt-get install -y --no-install-recommends {' '.join(packages)}"]


def apt_install(packages: Sequence[str]) -> bool:
    """Install Debian packages as root, without starting any service that comes with them."""
    print(f"installing {' '.join(packages)} …", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    with no_services():
        for step in (["apt-get", "update", "-qq"], install):
            done = subprocess.run(step, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"apt-get failed: {done.stderr.strip()[-500:]}", flush=True)
    return done.returncode == 0


@contextmanager
def no_services() -> Iterator[None]:
    """Debian's way to say that a package's services stay off: nobody asked for a Postgres on port 5432."""
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()


# -- checks and tests


@dataclass(frozen=True)
class Stage:
    """One step of the gate: a module of the environment's Python with arguments, or one of its scripts."""

    name: str
    command: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()


def pytest(name: str, *arguments: str, workers: int = 2, **environment: str) -> Stage:
    split = ("-n", str(workers), "--dist", "worksteal") if workers > 1 else ()
    return Stage(name, ("-m", "pytest", "-q", *split, *arguments), tuple(environment.items()))


CHECKS = [
    Stage("format", ("-m", "ruff", "format", "--check", "--quiet", ".")),
    Stage("lint", ("-m", "ruff", "check", "--quiet", ".")),
    Stage("types", ("-m", "mypy", "--no-error-summary")),
    Stage("imports", (str(VENV / "bin/lint-imports"), "--no-logo")),
]
# Half of it is waiting, for leases and for processes to die: that is when those which keep one core busy have theirs.
FAULT = pytest("fault", "tests/fault")
ONE_CORE = [
    pytest("e2e", "tests/e2e", workers=1),
    pytest("browser", "tests/browser", workers=1),
]
TIERS = [
    pytest("unit", "tests/unit", "tests/property", "tests/contract"),
    pytest("integration", "tests/integration"),
]


def older_server() -> list[Stage]:
    """What speaks to the database once more on the distribution's Postgres, the oldest at hand, if it has one."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not found:
        return []
    where = f"PostgreSQL {found[0].parent.name}"
    places = (
        "tests/contract",
        "tests/integration/db",
        "tests/integration/maintenance",
        "tests/integration/test_fetch.py",
    )
    return [pytest(where, "-m", "database", *places, REPORTD_TEST_BINARIES=str(found[0]))]


@contextmanager
def workplace() -> Iterator[None]:
    """A directory for the tests' files; in memory if there is room and nobody said TMPDIR. They make and drop 1,500
    databases of 300 files each, which on a disk is a quarter of all their work.
    """
    parent = IN_MEMORY if "TMPDIR" not in os.environ and has_room(IN_MEMORY) else None
    with tempfile.TemporaryDirectory(prefix="reportd-test-", dir=parent, ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o711)  # root's Postgres runs as nobody, who has to pass
        os.environ["TMPDIR"] = directory
        yield


def has_room(place: Path) -> bool:
    """Whether all the tests' files fit there, and what they install there may run."""
    with suppress(OSError):
        return shutil.disk_usage(place).free > ROOM_BYTES and not os.statvfs(place).f_flag & os.ST_NOEXEC
    return False


class Stages:
    """Runs stages, all of them even if one fails, and says what became of each."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.failed: list[str] = []
        self.started = time.monotonic()

    def run(self, stages: Sequence[Stage]) -> Stages:
        """Run them one after the other; what each says is shown while it says it."""
        for stage in stages:
            show(f"--- {stage.name}\n")
            show(self.execute(stage, show))
        return self

    def beside(self, *lanes: Sequence[Stage]) -> Stages:
        """Run the lanes at the same time, each in its order; what a stage says is shown when it ends."""
        with ThreadPoolExecutor(len(lanes)) as threads:
            list(threads.map(self._run_held, lanes))
        return self

    def _run_held(self, stages: Sequence[Stage]) -> None:
        for stage in stages:
            said = [f"--- {stage.name}\n"]
            said.append(self.execute(stage, said.append))
            show("".join(said))

    def execute(self, stage: Stage, say: Callable[[str], None]) -> str:
        """Run it and `say` what it says, line by line; the line for the summary."""
        started = time.monotonic()
        closing = ""
        with subprocess.Popen(
            [str(PYTHON), *stage.command],
            cwd=ROOT,
            env=environment(**dict(stage.environment)),
            stdout=subprocess.PIPE,
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                say(line)
                if re.search(r"\d+ (passed|failed|skipped|errors?)\b.* in [\d.]+s", line):
                    closing = line.strip().strip("= ")
        # 5: no test was selected, which is no fault of a tier that is empty yet.
        ok = process.returncode in ((0, 5) if "pytest" in stage.command else (0,))
        if not ok:
            self.failed.append(stage.name)
        verdict = (closing or ("ok" if ok else "failed")) + ("" if ok else "  <-- failed")
        self.lines.append(line := f"{stage.name:<14} {time.monotonic() - started:6.1f} s  {verdict}")
        return f"{line}\n"

    def summary(self) -> int:
        """Print it all once more, where it is looked for; the exit status."""
        print("---", *self.lines, sep="\n")
        took = time.monotonic() - self.started
        print(f"{'failed: ' + ', '.join(self.failed) if self.failed else 'all passed'} in {took:.0f} s")
        return 1 if self.failed else 0


def show(text: str) -> None:
    print(text, end="", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
