"""`digits doctor` finds each fault that it knows, on machines that have it: all are really made."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import distribution, requires, version
from inspect import signature
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from packaging.requirements import Requirement

from digits.cli.reading import serve
from digits.data.cache import data_root
from digits.data.catalog import MNIST
from digits.doctor.connections import PORT
from digits.doctor.faults import KNOWN
from digits.doctor.packages import numbers_of, requirements
from digits.doctor.storage import examine_cache
from digits.errors import InvalidInput
from digits.reading.network import Network
from tests.tools import needs

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
PAGE = (ROOT / "docs" / "guides" / "troubleshooting.md").read_text(encoding="utf-8")

SETTINGS = re.compile(r"OMP_|GOMP_|KMP_|MKL_|OPENBLAS_|PYTHONIOENCODING|PYTHONUTF8|.*_proxy", re.I)
"""Names of variables that the doctor examines, and that the tests' own environment may have."""


OF_MACHINES = {"port-taken", "limited-cores", "no-avx2", "unfinished-download"}
"""Warnings that a machine may have in any test: who else uses it is not known."""


@dataclass(frozen=True)
class Diagnosis:
    """What the command said."""

    status: int
    document: dict[str, Any]

    @property
    def found(self) -> dict[str, str]:
        """Each finding's message and mend, by its name; several of one name follow each other."""
        lines: dict[str, str] = {}
        for one in self.document["faults"] + self.document["warnings"]:
            before = lines.get(one["name"], "")
            lines[one["name"]] = f"{before}{one['message']}; {one['mend']}\n"
        return lines

    def expect(self, *names: str, status: int = 1) -> None:
        """Expect these findings, and no others but for those of the machine itself."""
        assert self.found.keys() >= set(names)
        assert self.found.keys() - set(names) <= OF_MACHINES
        assert self.status == status


def doctor(
    folder: Path,
    settings: Mapping[str, str] | None = None,
    *,
    within: Sequence[str] = (),
    code: str = "",
    path: Sequence[Path] = (),
) -> Diagnosis:
    """The command in a process of its own.

    Args:
        folder: The current folder of the process.
        settings: Variables of its environment.
        within: A program, with arguments, that runs it.
        code: Code to run in the process first.
        path: Folders to import from, before all others.
    """
    environment = {name: value for name, value in os.environ.items() if not SETTINGS.match(name)}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, (*path, SOURCE)))
    done = subprocess.run(
        [
            *within,
            sys.executable,
            "-c",
            f"{code}\nfrom digits.cli import main; main()",
            "doctor",
            "--json",
        ],
        cwd=folder,
        env=environment | dict(settings or {}),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stderr == ""
    return Diagnosis(done.returncode, json.loads(done.stdout))


def can_mount() -> bool:
    """Whether this process may have a view of the file system of its own."""
    if shutil.which("unshare") is None:
        return False
    done = subprocess.run(
        ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True
    )
    return done.returncode == 0


mounts = pytest.mark.skipif(not can_mount(), reason="file systems can't be mounted on this machine")


def write_package(folder: Path, name: str, version: str) -> None:
    """What an installer leaves of a package for others to find."""
    information = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    )


def test_nothing_is_found_where_nothing_is_wrong_and_all_is_told(tmp_path: Path) -> None:
    settings = {
        "OMP_WAIT_POLICY": "passive",
        "GOMP_SPINCOUNT": "10000",
        "KMP_BLOCKTIME": "200ms",
        "OMP_NUM_THREADS": "1,1",
        "KMP_DUPLICATE_LIB_OK": "FALSE",
        "HTTPS_PROXY": "proxy.example:3128",
        "http_proxy": "http://proxy.example:3128",
        "no_proxy": "127.0.0.1",
        "SSL_CERT_FILE": str(tmp_path),
    }
    done = doctor(tmp_path, settings)
    done.expect(status=0)
    parts = done.document["parts"]
    assert parts["packages"]["digits"] == version("digits")
    assert parts["packages"]["versions"]["numpy"] == version("numpy")
    assert parts["libraries"]["load"] == ["numpy", "PIL", "cv2", "onnxruntime"]
    assert parts["machine"]["usable cores"] >= 1
    assert parts["threads"]["settings"]["KMP_BLOCKTIME"] == "200ms"
    assert len(parts["weights"]["reading/weights/lines.onnx"]) == 64
    assert parts["connections"]["proxies"]["HTTPS_PROXY"] == "proxy.example:3128"
    assert parts["cache"]["folder"] == str(data_root())


def test_people_get_a_line_for_each_finding_and_the_faults_last(
    call: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits.py").touch()
    status, output, errors = call("doctor")
    assert (status, errors) == (1, "")
    lines = output.splitlines()
    (first,) = (number for number, line in enumerate(lines) if line.startswith("  versions "))
    assert all(40 < len(line) <= 60 for line in lines[first : first + 5]), "they fill its width"
    kinds = [line.partition(" (")[0] for line in lines[lines.index("") + 1 :]]
    assert kinds[-2:] == ["fault", "fault"]
    assert set(kinds[:-2]) == {"warning"}
    assert "warning (shadowed-package): expected no digits.py of your own" in output


def test_settings_of_threads_proxies_certificates_and_output(tmp_path: Path) -> None:
    write_package(tmp_path / "site", "numpy", "1.26.4")
    write_package(tmp_path / "site", "opencv-python", "4.13.0.90")
    (tmp_path / "torch.py").touch()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dead = f"http://someone:secret@127.0.0.1:{listener.getsockname()[1]}"
    settings = {
        "OMP_WAIT_POLICY": "ACTIVE",
        "GOMP_SPINCOUNT": "400k",
        "KMP_BLOCKTIME": "infinite",
        "OMP_NUM_THREADS": "10000",
        "MKL_NUM_THREADS": "all",
        "KMP_DUPLICATE_LIB_OK": "TRUE",
        "HTTP_PROXY": dead,
        "HTTPS_PROXY": "http:///proxy",
        "ALL_PROXY": "socks5://proxy.example:1080",
        "REQUESTS_CA_BUNDLE": str(tmp_path / "missing.pem"),
        "PYTHONIOENCODING": "ascii",
        "TMPDIR": str(tmp_path),
    }
    try:
        taken = socket.create_server(("127.0.0.1", PORT))
    except OSError:  # by another program on this machine
        taken = socket.socket()
    with taken:
        done = doctor(tmp_path, settings, path=[tmp_path / "site"])
    done.expect(
        "unfit-package",
        "two-packages",
        "shadowed-package",
        "spinning-threads",
        "more-threads-than-cores",
        "threads-not-a-number",
        "duplicate-openmp-allowed",
        "dead-proxy",
        "malformed-proxy",
        "socks-proxy",
        "localhost-by-proxy",
        "no-certificates",
        "port-taken",
        "unprintable-output",
    )
    found = done.found
    assert found["unfit-package"].startswith("expected numpy>=2.0, found 1.26.4; run: ")
    assert "uninstall -y opencv-python-headless opencv-python;" in found["two-packages"]
    assert found["spinning-threads"].count("run: unset ") == 3
    assert re.search(r"run: export OMP_NUM_THREADS=\d+\n", found["more-threads-than-cores"])
    assert "Connection refused; start it, or run: unset HTTP_PROXY" in found["dead-proxy"]
    assert "secret" not in json.dumps(done.document)


@pytest.mark.mnist
def test_a_damaged_cache_and_half_a_download(tmp_path: Path) -> None:
    raw = tmp_path / MNIST.folder
    shutil.copytree(data_root() / MNIST.folder, raw)
    labels = raw / MNIST.test.labels.name
    labels.write_bytes(labels.read_bytes()[:-1] + b"\x0a")
    images = raw / MNIST.test.images.name
    images.write_bytes(images.read_bytes()[:1_000_000])
    (raw / f".{MNIST.train.images.name}.{'0' * 32}").write_bytes(bytes(2_000_000))
    done = doctor(tmp_path, {"DIGITS_DATA": str(tmp_path)})
    done.expect("damaged-cache", "unfinished-download")
    assert (
        f"{images.name}: expected 7,840,016 bytes, found 1,000,000" in done.found["damaged-cache"]
    )
    assert f"{labels.name}: expected SHA-256" in done.found["damaged-cache"]
    assert "found 2.0 MB" in done.found["unfinished-download"]


@pytest.mark.parametrize("value", ["{file}", "~nobody-of-this-name/data"])
def test_a_cache_that_is_no_folder(
    tmp_path: Path, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DIGITS_DATA", value.format(file=tmp_path / "file"))
    assert [finding.name for finding in examine_cache().findings] == ["cache-is-no-folder"]


@mounts
def test_folders_that_are_read_only(tmp_path: Path) -> None:
    script = 'mount -o remount,ro,bind / / 2>/dev/null || mount -o bind,ro / /; exec "$@"'
    done = doctor(
        tmp_path,
        {"DIGITS_DATA": str(tmp_path / "data"), "TMPDIR": str(tmp_path)},
        within=["unshare", "-rm", "sh", "-c", script, "sh"],
    )
    done.expect("cache-not-writable", "runs-not-writable", "no-temporary-folder")
    assert (
        "found: Read-only file system; run: export DIGITS_DATA=" in done.found["cache-not-writable"]
    )


@mounts
def test_a_disk_that_is_full(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    script = f'mount -t tmpfs -o size=100k none {disk}; cd {disk}; exec "$@"'
    done = doctor(
        tmp_path,
        {"DIGITS_DATA": str(disk / "data")},
        within=["unshare", "-rm", "sh", "-c", script, "sh"],
    )
    done.expect("cache-full", "runs-not-writable")
    assert "expected 55 MB of free space" in done.found["cache-full"]
    assert "No space left on device" in done.found["runs-not-writable"]


def test_weights_that_are_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(SOURCE / "digits", tmp_path / "digits")
    weights = tmp_path / "digits" / "reading" / "weights"
    content = bytearray((weights / "reader.onnx").read_bytes())
    content[500_000] ^= 1
    (weights / "reader.onnx").write_bytes(content)
    monkeypatch.setattr("digits.reading.network.files", lambda package: weights.parent)
    with pytest.raises(InvalidInput, match=r"^reader\.onnx: .* digits doctor has the command"):
        Network()
    (weights / "lines.onnx").unlink()
    done = doctor(tmp_path, path=[tmp_path])
    done.expect("damaged-weights")
    assert (
        "expected reading/weights/reader.onnx as it was released" in done.found["damaged-weights"]
    )
    assert "expected reading/weights/lines.onnx" in done.found["damaged-weights"]


def links_to_packages(folder: Path, *left_out: str) -> Path:
    """An installation with the packages of this one, but for some."""
    files = {
        Path(str(file)).parts[0]
        for name in left_out
        for file in distribution(name).files or ()
        if Path(str(file)).parts[0] != ".."
    }
    folder.mkdir()
    for path in Path(str(distribution("numpy").locate_file(""))).iterdir():
        if path.name not in files:
            (folder / path.name).symlink_to(path)
    return folder


def test_an_installation_that_only_reads_lacks_nothing_but_what_it_needs(tmp_path: Path) -> None:
    site = links_to_packages(tmp_path / "site", "torch", "filelock", "platformdirs", "h11")
    code = (
        "import sys\n"
        f"sys.path[:] = [each for each in sys.path if 'site-packages' not in each] + ['{site}']"
    )
    done = doctor(tmp_path, code=code)
    done.expect("missing-package")
    assert 'pip install "h11>=0.16"' in done.found["missing-package"]
    parts = done.document["parts"]
    assert "cache" not in parts
    assert parts["packages"]["extras"] == ["formats", "parquet", "ray"]
    missing = parts["packages"]["missing extras"]
    assert missing == ["train", "sklearn", "search", "tensorboard", "mlflow"]
    command = parts["packages"]["bring them with"]
    assert command.endswith(f'-m pip install "digits[{",".join(missing)}]"')


@pytest.mark.skipif(sys.platform != "linux", reason="files of libraries have other names here")
@pytest.mark.parametrize(("size", "reason"), [(10, "file too short"), (4096, "SIGBUS")])
def test_a_library_that_is_damaged(tmp_path: Path, size: int, reason: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "cv2.so").write_bytes(Path(sys.executable).resolve().read_bytes()[:size])
    done = doctor(tmp_path / "folder", path=[tmp_path])
    done.expect("broken-library")
    assert reason in done.found["broken-library"]
    assert "--force-reinstall opencv-python-headless" in done.found["broken-library"]


@needs("cc")
def test_a_library_of_the_system_that_is_missing(tmp_path: Path) -> None:
    code = tmp_path / "code.c"
    code.write_text("int function_of_it(void); int PyInit_cv2(void) { return function_of_it(); }")
    other = tmp_path / "other.c"
    other.write_text("int function_of_it(void) { return 0; }")
    library, module = tmp_path / "libdigitsgl.so.1", tmp_path / "cv2.so"
    commands: tuple[list[str | Path], ...] = (
        ["cc", "-shared", "-fPIC", "-Wl,-soname,libdigitsgl.so.1", other, "-o", library],
        ["cc", "-shared", "-fPIC", code, library, "-o", module],
    )
    for command in commands:
        subprocess.run(command, check=True)
    library.unlink()
    (tmp_path / "folder").mkdir()
    done = doctor(tmp_path / "folder", path=[tmp_path])
    done.expect("missing-system-library")
    found = done.found["missing-system-library"]
    assert found.startswith(
        "expected cv2 to load, found no libdigitsgl.so.1, a library of the system;"
    )
    assert "pip install opencv-python-headless" in found


@pytest.mark.skipif(sys.platform != "linux", reason="a library is loaded first in another way here")
def test_two_openmp_runtimes_in_a_process(tmp_path: Path) -> None:
    """A copy of one under the name of another is a second one, with threads of its own."""
    import torch

    own = next((Path(torch.__file__).parent / "lib").glob("libgomp*.so*"))
    second = shutil.copy(own, tmp_path / "libiomp5.so")
    done = doctor(tmp_path, {"LD_PRELOAD": str(second)})
    done.expect("two-openmp-runtimes")
    assert f"Intel's {second}" in done.found["two-openmp-runtimes"]


@needs("qemu-x86_64")
@pytest.mark.parametrize(
    ("processor", "found", "status"),
    [("Nehalem", "no-avx2", 0), ("core2duo", "illegal-instruction", 1)],
)
def test_processors_without_instructions(
    tmp_path: Path, processor: str, found: str, status: int
) -> None:
    """The libraries are loaded on an older processor, which QEMU emulates."""
    emulated = tmp_path / "python"
    emulated.write_text(f'#!/bin/sh\nexec qemu-x86_64 -cpu {processor} {sys.executable} "$@"\n')
    emulated.chmod(0o755)
    done = doctor(tmp_path, code=f"import sys; sys.executable = {str(emulated)!r}")
    done.expect(found, status=status)


def test_a_limit_of_cores(tmp_path: Path) -> None:
    """A control group that allows half a core, of whichever version there is."""
    root = Path("/sys/fs/cgroup")
    is_first = (root / "cpu" / "cpu.cfs_quota_us").exists()
    group = (root / "cpu" if is_first else root) / f"digits-doctor-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"a control group can't be made on this machine ({error.strerror})")
    try:
        limit, value = ("cpu.cfs_quota_us", "50000") if is_first else ("cpu.max", "50000 100000")
        try:
            (group / limit).write_text(value)
        except OSError as error:
            pytest.skip(f"a control group can't be limited on this machine ({error.strerror})")
        script = f'echo $$ > {group}/cgroup.procs && exec "$@"'
        done = doctor(tmp_path, {"OMP_NUM_THREADS": "2"}, within=["sh", "-c", script, "sh"])
    finally:
        group.rmdir()
    done.expect("limited-cores", "more-threads-than-cores")
    assert "found a limit of 0.5;" in done.found["limited-cores"]
    assert "run: export OMP_NUM_THREADS=1" in done.found["more-threads-than-cores"]


def test_what_cannot_be_examined_hides_nothing_else(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = doctor(tmp_path, code=f"import os; os.chdir({str(gone)!r}); os.rmdir({str(gone)!r})")
    assert done.found["not-examined"].startswith("expected to examine the ")
    assert done.document["parts"]["packages"]["digits"] == version("digits")


def test_a_library_that_does_not_load_is_one_line_of_other_commands(tmp_path: Path) -> None:
    (tmp_path / "cv2.so").write_bytes(Path(sys.executable).resolve().read_bytes()[:10])
    done = subprocess.run(
        [sys.executable, "-m", "digits", "read", str(SOURCE / "digits/reading/samples/form.png")],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{SOURCE}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("digits: A library can't be loaded: ")
    assert done.stderr.endswith("; digits doctor looks for the cause.\n")
    assert done.stderr.count("\n") == 1


def test_bounds_of_versions_are_those_that_installers_read() -> None:
    lines = [Requirement(line) for line in requires("digits") or ()]
    ours = list(requirements())
    theirs = [
        (line, extra[1] if extra else "")
        for line in lines
        for extra in [re.search(r"extra == ['\"](\w+)", str(line.marker or ""))]
        if line.marker is None or line.marker.evaluate({"extra": extra[1] if extra else ""})
    ]
    assert [(each.package, each.extra or "") for each in ours] == [
        (line.name, extra) for line, extra in theirs
    ]
    for found, (line, _) in zip(ours, theirs, strict=True):
        for one in ("0.1", "2.0", "2.0.0", "0.54.0", "0.55", "1.20.1", "100.0"):
            assert found.admits(one) == line.specifier.contains(one), (line, one)
    assert numbers_of("2.13.0+cpu") == numbers_of("2.13")


@pytest.mark.parametrize(("python", "bound"), [((3, 12, 9), ">=2.0"), ((3, 13, 0), ">=2.1")])
def test_a_bound_for_later_pythons_is_none_for_this_one(
    python: tuple[int, int, int], bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["numpy>=2.0", 'numpy>=2.1; python_version >= "3.13"']
    monkeypatch.setattr("digits.doctor.packages.requires", lambda _: lines)
    monkeypatch.setattr("digits.doctor.packages.sys", Mock(platform="linux", version_info=python))
    assert [each.bounds for each in requirements()][-1] == bound


def test_the_page_s_port_is_the_command_s() -> None:
    assert signature(serve).parameters["port"].default == PORT


@pytest.mark.parametrize("fault", KNOWN, ids=lambda fault: fault.name)
def test_each_fault_is_made_here_and_stands_in_the_handbook_as_it_is_printed(fault: Any) -> None:
    assert f'"{fault.name}"' in Path(__file__).read_text(encoding="utf-8")
    section = PAGE.partition(f"### {fault.name}\n")[2].partition("\n#")[0]
    kind = "fault" if fault.is_fault else "warning"
    sentence = re.escape(f"{kind} ({fault.name}): {fault.message}; {fault.mend}")
    pattern = re.sub(r"\\\{[\w!:]+\\\}", ".+", sentence)
    lines = [line for line in section.splitlines() if re.fullmatch(pattern, line)]
    assert len(lines) == 1, f"expected a line {sentence} under ### {fault.name}"
