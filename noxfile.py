"""The project's tasks: ``nox -s tests`` and its siblings. ``nox -l`` lists them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import nox

PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = ["3.11", "3.12", "3.13"]
EXTRAS = ["rehearsal", "sql", "parquet", "plot", "mlflow", "sagemaker"]
FULLY_COVERED = ("checks/*", "costs/*", "evaluation/_stats.py")

nox.options.sessions = ["lint", "typing", "tests"]
nox.options.error_on_missing_interpreters = False  # nox names each one that it skipped
nox.options.reuse_existing_virtualenvs = True


def _offer_pyenv_interpreters() -> None:
    """Put pyenv's interpreters on the path, whose shims exist but fail for versions that are not active."""
    pyenv = shutil.which("pyenv")
    if pyenv is None:
        return
    versions = subprocess.run([pyenv, "versions", "--bare"], check=False, capture_output=True, text=True).stdout.split()
    for wanted in PYTHONS:
        for version in reversed([version for version in versions if version.startswith(f"{wanted}.")]):
            prefix = subprocess.run([pyenv, "prefix", version], check=False, capture_output=True, text=True)
            if prefix.returncode == 0:
                os.environ["PATH"] = f"{prefix.stdout.strip()}/bin{os.pathsep}{os.environ['PATH']}"
                break


_offer_pyenv_interpreters()


def _install(session: nox.Session, *groups: str, extras: str = "") -> None:
    """The project itself and the pinned tools of these groups."""
    target = f".[{extras}]" if extras else "."
    tools = [line for group in groups for line in nox.project.dependency_groups(PYPROJECT, group)]
    session.install("--quiet", "--editable", target, *tools)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, and the floors of the house."""
    _install(session, "lint", extras="rehearsal")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def typing(session: nox.Session) -> None:
    """Types: mypy on everything, and every public name complete for those who import it."""
    _install(session, "typing", "test", "examples", extras="rehearsal,sql")
    session.run("mypy", env={"MYPYPATH": "src:examples"})
    path = {"PATH": session.bin + os.pathsep + os.environ["PATH"]}
    session.run("pyright", "typing_tests", env=path)
    session.run("pyright", "--verifytypes", "nova_tune", "--ignoreexternal", env=path)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The tests, the examples in docstrings and documents, and their coverage."""
    _install(session, "test", "examples", extras="rehearsal,sql,parquet")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *session.posargs)
    session.run("coverage", "combine", silent=True)
    if not session.posargs:
        for room in FULLY_COVERED:
            session.run("coverage", "report", f"--include=src/nova_tune/{room}", "--fail-under=100")
        session.run("coverage", "report", "--fail-under=95")


@nox.session
def tests_min(session: nox.Session) -> None:
    """The core alone: what needs no extra must work without any."""
    _install(session, "test")
    session.run("pytest", "-m", "not extra", "tests", *session.posargs)


@nox.session
@nox.parametrize("extra", EXTRAS)
def extra(session: nox.Session, extra: str) -> None:
    """One extra and nothing else: what it promises must import."""
    _install(session, "test", extras=extra)
    session.run("pytest", "-q", "tests/test_extras.py", env={"NOVA_TUNE_EXTRA": extra})


@nox.session
def thorough(session: nox.Session) -> None:
    """The long property, kill and fault suites."""
    _install(session, "test", "examples", extras="rehearsal,sql,parquet")
    session.run("pytest", "--hypothesis-profile=thorough", *session.posargs)


@nox.session
def examples(session: nox.Session) -> None:
    """The examples, run as a reader would."""
    _install(session, "examples", extras="rehearsal")
    session.run("python", "examples/prepare_data.py", "--sql", "sqlite", "--out", session.create_tmp())
    session.run("python", "examples/price_a_job.py", "--chart", f"{session.create_tmp()}/break_even.svg")
    session.run("python", "examples/text_to_sql.py", "--out", session.create_tmp())


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation; a warning is an error."""
    _install(session, "docs", extras="rehearsal")
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Figures to quote; they gate nothing."""
    _install(session, "test", extras="rehearsal")
    for program in sorted(Path("benchmarks").glob("bench_*.py")):
        session.run("python", str(program), *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Wheel and sdist, each installed into a fresh environment and imported."""
    _install(session, "build")
    dist = Path(session.create_tmp()) / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(dist), silent=True)
    for number, artefact in enumerate(sorted(dist.iterdir())):
        place = Path(session.create_tmp()) / f"fresh-{number}"
        session.run("python", "-m", "venv", "--clear", str(place))
        python = str(place / "bin" / "python")
        session.run(python, "-m", "pip", "install", "--quiet", str(artefact), external=True)
        check = (
            "import nova_tune; [getattr(nova_tune, name) for name in nova_tune.__all__]; print(nova_tune.__version__)"
        )
        session.run(python, "-I", "-c", check, external=True)
        session.log("%s: %.0f kB", artefact.name, artefact.stat().st_size / 1000)
