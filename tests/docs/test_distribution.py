"""The wheel and the sdist: their contents, and what they install."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from sunshine_conversations_client import __version__

ROOT = Path(__file__).parents[2]
PACKAGES = ("sunshine_conversations_client", "sunshine_keys", "sunshine_messaging")
NAME = f"sunshine_keys-{__version__}"
EXTRAS = ("async", "server", "postgres", "keyring", "otel", "test")

USES_THE_FIXTURE = """
import asyncio
import sunshine_conversations_client as sc

def test_the_client(sunshine):
    keys = sc.CustomIntegrationApiKeysApi(sunshine.client())
    assert keys.list_custom_integration_keys(sunshine.app_id, sunshine.integration_id).keys

def test_the_asynchronous_client(sunshine):
    async def listed():
        async with sunshine.async_client() as client:
            keys = sc.aio.CustomIntegrationApiKeysApi(client)
            return await keys.list_custom_integration_keys(sunshine.app_id, sunshine.integration_id)

    assert asyncio.run(listed()).keys
"""

IMPORT_ALL = """
import importlib, pkgutil, sys
for package in sys.argv[1].split(","):
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        if module.name not in sys.argv[2].split(","):
            importlib.import_module(module.name)
"""

WHAT_IS_THERE = "import importlib.metadata as m; print(*(each.metadata['Name'] for each in m.distributions()))"


@dataclass(frozen=True)
class Built:
    wheel: Path
    sdist: Path


def build(source: Path, folder: Path) -> Built:
    """Build the wheel and the sdist as `make dist` does, but from the working tree."""
    command = [sys.executable, "-m", "hatchling", "build", "--directory", folder]
    subprocess.run(command, cwd=source, env=os.environ | {"SOURCE_DATE_EPOCH": "1700000000"}, timeout=60, check=True)
    return Built(folder / f"{NAME}-py3-none-any.whl", folder / f"{NAME}.tar.gz")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(ROOT, tmp_path_factory.mktemp("dist"))


def metadata(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(f"{NAME}.dist-info/METADATA")


def requirements(wheel: Path, extra: str = "") -> set[str]:
    """Return the names of the distributions that the package, or one of its extras, requires on this machine."""

    def needed(requirement: Requirement, extra: str) -> bool:
        return requirement.marker is None or requirement.marker.evaluate({"extra": extra})

    declared = Metadata.from_email(metadata(wheel)).requires_dist or ()
    return {
        canonicalize_name(requirement.name)
        for requirement in declared
        if needed(requirement, extra) and not (extra and needed(requirement, ""))
    }


@pytest.fixture(scope="module")
def sources() -> set[str]:
    """Return the files that git tracks or would add. Ignored files are not sources."""
    if not (ROOT / ".git").exists():
        pytest.skip("git lists what is to be in a distribution: run the tests in a clone")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    return {name for name in listed.split("\0") if name and (ROOT / name).exists()}


def test_the_wheel_holds_the_packages_and_nothing_else(built: Built, sources: set[str]) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        names = archive.namelist()
    about = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
    assert len(names) == len(set(names))
    assert set(names) == {name.removeprefix("src/") for name in sources if name.startswith("src/")} | {
        f"{NAME}.dist-info/{name}" for name in about
    }
    assert {name.split("/")[0] for name in names} == {*PACKAGES, f"{NAME}.dist-info"}
    assert {f"{package}/py.typed" for package in PACKAGES} < set(names)


def test_the_sdist_holds_the_sources_and_nothing_else(built: Built, sources: set[str]) -> None:
    with tarfile.open(built.sdist) as archive:
        names = sorted(member.name for member in archive.getmembers())
    assert names == sorted(f"{NAME}/{name}" for name in {*sources, "PKG-INFO"} if not name.startswith(".ci/"))


def test_an_sdist_builds_the_same_bytes_elsewhere(built: Built, tmp_path: Path) -> None:
    with tarfile.open(built.sdist) as archive:
        # Python 3.11.2, which Debian 12 has, has no filters. Newer ones warn where none is set.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(tmp_path)
    for path in (tmp_path / NAME).rglob("*"):
        path.touch()
    rebuilt = build(tmp_path / NAME, tmp_path / "dist")
    assert rebuilt.wheel.read_bytes() == built.wheel.read_bytes()
    assert rebuilt.sdist.read_bytes() == built.sdist.read_bytes()


def test_the_metadata_is_valid_and_contains_the_readme(built: Built) -> None:
    wheel_metadata = Metadata.from_email(metadata(built.wheel), validate=True)
    assert (wheel_metadata.name, str(wheel_metadata.version), wheel_metadata.license_expression) == (
        "sunshine-keys",
        __version__,
        "Apache-2.0",
    )
    readme = (ROOT / "README.md").read_text()
    assert wheel_metadata.description is not None
    assert wheel_metadata.description.splitlines()[:4] == readme.splitlines()[:4]
    assert "](docs/" in readme
    assert wheel_metadata.description_content_type == "text/markdown"
    assert tuple(sorted(wheel_metadata.provides_extra or ())) == tuple(sorted(EXTRAS))


def test_every_link_of_the_readme_works_on_a_package_index(built: Built) -> None:
    description = Metadata.from_email(metadata(built.wheel)).description or ""
    assert "docs/client.md" in description
    assert "![" not in description
    assert [link for link in re.findall(r"\]\(([^)]*)\)", description) if not link.startswith("https://")] == []


def test_the_changelog_begins_with_this_version() -> None:
    heading = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert heading
    assert heading[1] == __version__


def imported(package: str) -> set[str]:
    """Return the names of the top-level modules that a package imports, at any place in its code."""
    names: set[str] = set()
    for path in (ROOT / "src" / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.split(".")[0])
    return names - sys.stdlib_module_names - set(PACKAGES)


@pytest.mark.parametrize(
    ("package", "extras"), [("sunshine_conversations_client", ("", "async")), ("sunshine_keys", ("", *EXTRAS))]
)
def test_every_imported_distribution_is_required(package: str, extras: tuple[str, ...], built: Built) -> None:
    required = set().union(*(requirements(built.wheel, extra) for extra in extras))
    brought_by = packages_distributions()
    undeclared = {
        name for name in imported(package) if required.isdisjoint(map(canonicalize_name, brought_by.get(name, ())))
    }
    assert undeclared <= {"pytest"}  # pytest loads this plugin, so it is installed


def pins(file: str) -> set[str]:
    """Return what a file pins: the name, version and hashes of each package, without the marker that says where."""
    text = (ROOT / file).read_text()
    assert "://" not in text  # the user chooses the registry
    pinned = re.findall(r"^(\w\S+==\S+)[^\\]*((?:\\\n.*)+)", text, re.MULTILINE)
    return {name + hashes for name, hashes in pinned}


def test_the_demo_installs_what_the_service_requires_and_what_tests_run_with(built: Built) -> None:
    service = pins("requirements-service.txt")
    names = {canonicalize_name(pin.split("==")[0]) for pin in service}
    assert requirements(built.wheel, "") | requirements(built.wheel, "server") | {"editables", "hatchling"} <= names
    assert service <= pins("requirements.txt")


class Place:
    """An empty virtual environment outside of the checkout, and a folder to run programs in."""

    def __init__(self, folder: Path, python: str, wheel: Path) -> None:
        self._folder = folder
        self._wheel = wheel
        self._environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SUNSHINE_", "PYTHON", "PYTEST", "OTEL_", "COV")) and name != "VIRTUAL_ENV"
        }
        # A constraint with a hash would require one for the wheel, too.
        pins = re.findall(r"^(\S+==.*?) *\\?$", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
        assert pins
        (folder / "pins.txt").write_text("\n".join(pins))
        self._checked([python, "-m", "venv", "--without-pip", folder / "venv"])

    def _run(self, command: list[str | Path]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self._folder, env=self._environment, capture_output=True, text=True, timeout=120, check=False
        )

    def _checked(self, command: list[str | Path]) -> str:
        done = self._run(command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def install(self, *what: str) -> None:
        python = self._folder / "venv" / "bin" / "python"
        options = ["--quiet", "--no-compile", "--constraint", self._folder / "pins.txt"]
        self._checked([sys.executable, "-m", "pip", "--python", python, "install", *options, *what])

    def install_wheel(self, *extras: str) -> None:
        self.install(f"{self._wheel}[{','.join(extras)}]" if extras else str(self._wheel))

    def installed(self) -> set[str]:
        return set(map(canonicalize_name, self.python("-c", WHAT_IS_THERE).split()))

    def python(self, *arguments: str) -> str:
        """Run a program with warnings as errors, and return its output."""
        return self._checked([self._folder / "venv" / "bin" / "python", "-W", "error", *arguments])

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._run([self._folder / "venv" / "bin" / "sunshine-keys", *arguments])

    def tests(self, content: str) -> subprocess.CompletedProcess[str]:
        (self._folder / "test_with_it.py").write_text(content)
        options = ["-W", "error", "-p", "no:cacheprovider"]
        return self._run([self._folder / "venv" / "bin" / "python", "-m", "pytest", *options, "test_with_it.py"])


def holds_the_client_alone(place: Place) -> None:
    assert place.installed() == {"sunshine-keys", "urllib3"}
    place.python("-c", IMPORT_ALL, "sunshine_conversations_client", "sunshine_conversations_client.aio._transport")
    refused = place.command("demo")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert re.fullmatch(
        r"sunshine-keys: \w+ is missing; the command needs: pip install 'sunshine-keys\[server\]'\n", refused.stderr
    )


def serves(place: Place) -> None:
    assert place.command("--version").stdout == f"sunshine-keys {__version__}\n"
    assert place.python("-m", "sunshine_keys", "demo").endswith("Done: issued, used and revoked.\n")


@pytest.mark.timeout(300)
def test_the_client_alone_needs_urllib3_and_all_extras_make_the_service(built: Built, tmp_path: Path) -> None:
    place = Place(tmp_path, sys.executable, built.wheel)
    place.install_wheel()
    holds_the_client_alone(place)
    place.install(f"{built.wheel}[{','.join(EXTRAS)}]", "pytest")
    serves(place)
    place.python("-c", IMPORT_ALL, ",".join(PACKAGES), "sunshine_keys.__main__")
    tested = place.tests(USES_THE_FIXTURE)
    assert "2 passed" in tested.stdout, tested.stdout + tested.stderr


def interpreter(version: str) -> str:
    """Return the path of a Python interpreter of this version, or skip the test."""
    # pyenv runs the version that this variable names. Other launchers ignore it.
    environment = os.environ | {"PYENV_VERSION": version}
    try:
        completed = subprocess.run(
            [f"python{version}", "-c", "import sys; print(sys._base_executable)"],
            env=environment, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip(f"python{version} is not on the PATH: install it, for example with pyenv")
    return completed.stdout.strip()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_every_extra_installs_what_its_feature_imports(version: str, built: Built, tmp_path: Path) -> None:
    place = Place(tmp_path, interpreter(version), built.wheel)
    place.install_wheel()
    holds_the_client_alone(place)

    def extend(extra: str, program: str) -> None:
        """Install an extra, of which nothing is installed yet, and run the program that needs it."""
        assert requirements(built.wheel, extra).isdisjoint(place.installed())
        place.install_wheel(extra)
        assert requirements(built.wheel, extra) < place.installed()
        place.python("-c", program)

    extend("async", "from sunshine_conversations_client.aio import _transport")  # the service needs aiohttp, too
    place.install("pytest")
    refused = place.tests(USES_THE_FIXTURE)
    assert "is missing. Install the fixture with: pip install 'sunshine-keys[test]'" in refused.stdout
    assert "2 errors" in refused.stdout
    place.install_wheel("test")
    tested = place.tests(USES_THE_FIXTURE)
    assert "2 passed" in tested.stdout, tested.stdout + tested.stderr
    with_the_service = place.installed()
    place.install_wheel("server")
    assert place.installed() == with_the_service
    serves(place)

    extend("postgres", "import sunshine_keys.store.postgres")
    extend("keyring", "import keyring")
    extend("otel", "import sunshine_keys.observing.spans")
    serves(place)
    place.python("-c", IMPORT_ALL, ",".join(PACKAGES), "sunshine_keys.__main__")
