"""What a power cut leaves, of files and of training runs; simulated in benchmarks/."""

import os
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from crash_states import Disk, State
from power_cut import run_power_cuts
from write_log import Call, log_writes, why_not

from tests.tools import REQUIRED

logged = pytest.mark.skipif(why_not() is not None and not REQUIRED, reason=str(why_not()))


def states_after(*calls: Call) -> set[State]:
    disk = Disk()
    for call in calls:
        disk.replay(call)
    return set(disk.after_cut())


A, B = Path("a"), Path("b")
OLD, NEW = b"old content", b"new content"


def test_what_is_not_synced_may_be_lost_in_part() -> None:
    created = Call("create", A), Call("sync", Path())
    written = *created, Call("write", A, b"1234")
    contents = {content for ((_, content),) in states_after(*written)}
    assert contents == {b"", b"12", b"12\0\0", b"\0\0\0\0", b"1234"}
    assert states_after(*written, Call("sync", A)) == {((A, b"1234"),)}
    appended = *written, Call("sync", A), Call("write", A, b"56")
    contents = {content for ((_, content),) in states_after(*appended)}
    assert contents == {b"1234", b"12345", b"12345\0", b"1234\0\0", b"123456"}


def test_names_reach_the_disk_in_any_order_until_their_folder_is_synced() -> None:
    made = Call("create", A), Call("create", B)
    assert states_after(*made) == {(), ((A, b""),), ((B, b""),), ((A, b""), (B, b""))}
    assert states_after(*made, Call("sync", A)) == states_after(*made), "it is not its folder"
    assert states_after(*made, Call("sync", Path())) == {((A, b""), (B, b""))}


def test_a_rename_is_atomic_and_comes_after_what_it_renames() -> None:
    made = Call("mkdir", A), Call("create", A / "file"), Call("sync", A)
    assert states_after(*made) == {(), ((A, None), (A / "file", b""))}
    moved = *made, Call("rename", A, target=B)
    assert states_after(*moved) == states_after(*made) | {((B, None), (B / "file", b""))}


def test_what_is_removed_may_come_back_until_its_folder_is_synced() -> None:
    removed = Call("create", A), Call("sync", Path()), Call("remove", A)
    assert states_after(*removed) == {(), ((A, b""),)}
    assert states_after(*removed, Call("sync", Path())) == {()}


def found_after_cuts(folder: Path, change: str) -> dict[str, set[bytes | None]]:
    """What a file may contain after a power cut, by what had been printed when it was written.

    Args:
        folder: Where to write it, twice.
        change: What is done to `write_atomic` before.
    """
    code = (
        "import os, stat\nfrom pathlib import Path\nfrom digits import files\n"
        f"{change}\n"
        f"for text in ({OLD!r}, {NEW!r}):\n"
        "    files.write_atomic(Path('folder', 'file'), text)\n"
        "    print(text.decode()[:3], flush=True)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    disk, printed = Disk(), ""
    found: defaultdict[str, set[bytes | None]] = defaultdict(set)
    for call in log_writes([sys.executable, "-c", code], environment, folder=folder):
        disk.replay(call)
        printed += call.content.decode() if call.kind == "print" else ""
        for state in disk.after_cut():
            found[printed.strip()].add(dict(state).get(Path("folder", "file")))
    return dict(found)


@logged
def test_a_file_is_old_or_new_after_a_power_cut_and_new_once_that_is_said(tmp_path: Path) -> None:
    assert found_after_cuts(tmp_path, "") == {
        "": {None, OLD},
        "old": {OLD, NEW},
        "old\nnew": {NEW},
    }


CARELESS = {
    "does not sync the file": (
        "sync = os.fsync\n"
        "os.fsync = lambda file: stat.S_ISDIR(os.fstat(file).st_mode) and sync(file)",
        ("old\nnew", NEW[: len(NEW) // 2]),
    ),
    "does not sync its folder": ("files.sync_folder = lambda folder: None", ("old\nnew", OLD)),
    "does not sync the folder above": (
        "files.make_folder = lambda folder: folder.mkdir(exist_ok=True)",
        ("old\nnew", None),
    ),
    "renames the file before it is synced": (
        "sync, late = os.fsync, []\n"
        "def sync_late(file):\n"
        "    if stat.S_ISDIR(os.fstat(file).st_mode):\n"
        "        [sync(late.pop()) for _ in late[:]]\n"
        "        sync(file)\n"
        "    else:\n"
        "        late.append(os.dup(file))\n"
        "os.fsync = sync_late",
        ("old", bytes(len(NEW))),
    ),
    "writes in place": (
        "Path('folder').mkdir()\n"
        "files.write_atomic = lambda path, content: path.write_bytes(content)",
        ("old", b""),
    ),
}
"""Ways to break `write_atomic`, each with what may then be found once something was printed."""


@logged
@pytest.mark.parametrize(("change", "fault"), CARELESS.values(), ids=CARELESS)
def test_a_careless_writer_is_found_out(
    tmp_path: Path, change: str, fault: tuple[str, bytes | None]
) -> None:
    printed, content = fault
    assert content in found_after_cuts(tmp_path, change)[printed]


@logged
@pytest.mark.usefixtures("unchecked")
def test_training_goes_on_from_whatever_a_power_cut_leaves() -> None:
    cuts = run_power_cuts()
    assert cuts["faults"] == []
    # Nothing, the folder above, the run, two files in each of two epochs, three at its end.
    assert cuts["states"] > cuts["resumed"] >= 10
