"""The folder of a static page: the page's files, the networks, the runtime, and what keeps them.

| what | content |
| --- | --- |
| `index.html`, `page/` | the page, with `page/offline/source.js` in the place of `page/source.js` |
| `networks/` | both networks, their tuned numbers, and what is known of them |
| `runtime/` | onnxruntime-web |
| `service-worker.js` | keeps all of it in the browser |
"""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from digits.assets import PAGE
from digits.errors import DigitsError, InvalidInput
from digits.files import sync_folder, write_atomic
from digits.reading.parameters import offline_parameters
from digits.reading.reader import Reader
from digits.static_page.compression import compress
from digits.static_page.runtime import read_runtime

WORKER = "service-worker.js"
SOURCE = "source.js"
FROM_DISK = "from-disk.js"

NOT_OF_THE_PAGE = ("watch", "service-worker")
"""Files, by their names without endings, that need a server, or are written otherwise."""

IN_THE_FOLDER = {"index.html", "page", "networks", "runtime", WORKER}
"""What a static page has at its top, no less and no more."""

SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "worker-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
    )
)
"""What the page may load: nothing of other sites."""


@dataclass(frozen=True)
class StaticPage:
    """A static page that was written."""

    folder: Path
    num_bytes: int
    """Size of all but the runtime."""
    num_runtime_bytes: int
    """Size of the runtime."""

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain data, for JSON."""
        return {
            "path": str(self.folder),
            "bytes": self.num_bytes,
            "runtime_bytes": self.num_runtime_bytes,
        }


def write_static_page(reader: Reader, folder: Path, *, runtime: Path | None = None) -> StaticPage:
    """Write the page as static files that read drawings in the browser, for any web space.

    The weights of the networks are rounded to eight bits.

    Args:
        reader: The reader whose networks it has.
        folder: The folder to make; a static page in it is replaced.
        runtime: The package of onnxruntime-web; npm fetches it if not given.

    Raises:
        InvalidInput: If something else is in the folder, or the package is another.
        DigitsError: If the package can't be fetched, or the folder can't be written.
    """
    folder = folder.resolve()  # of a link, it is the folder that is replaced
    _expect_room(folder)
    of_runtime = read_runtime(runtime)
    contents = _page() | _networks(reader)
    num_bytes = sum(map(len, contents.values()))
    contents |= {f"runtime/{name}": content for name, content in of_runtime.items()}
    contents[WORKER] = worker = _service_worker(contents)
    _write(folder, contents)
    return StaticPage(folder, num_bytes + len(worker), sum(map(len, of_runtime.values())))


def _page() -> dict[str, bytes]:
    found = {
        f"page/{path.relative_to(PAGE).as_posix()}": path.read_bytes()
        for path in sorted(PAGE.rglob("*"))
        if path.suffix in (".js", ".css", ".svg", ".jpg") and path.stem not in NOT_OF_THE_PAGE
    }
    found[f"page/{SOURCE}"] = found.pop(f"page/offline/{SOURCE}")
    found |= {name: _packed(found[name]) for name in found if name.endswith(".js")}
    html = (PAGE / "index.html").read_text(encoding="utf-8")
    encoding = '<meta charset="utf-8">'
    policy = f'<meta http-equiv="Content-Security-Policy" content="{SECURITY_POLICY}">'
    script = f'<script defer src="page/offline/{FROM_DISK}"></script>'
    added = f"{encoding}\n  {policy}\n  {script}"
    found["index.html"] = html.replace(encoding, added, 1).encode()
    return found


def _packed(module: bytes) -> bytes:
    """Leave away the comments and the indentation of a module, which are a fifth of it."""
    lines = (line.partition(b" // ")[0].strip() for line in module.splitlines())
    return b"\n".join(line for line in lines if not line.startswith(b"//"))


def _networks(reader: Reader) -> dict[str, bytes]:
    card = {
        "parameters": int(reader.network.figure("parameters", high=1e12) or 0) or None,
        "test_accuracy": None,  # that was measured before the weights were rounded
        "threshold": reader.threshold,
        "learning": None,
        "names_digits": reader.names_digits,
    }
    return {
        "networks/glyphs.onnx.gz": compress(reader.networks.glyphs.content),
        "networks/lines.onnx.gz": compress(reader.networks.lines.content),
        "networks/card.json": _json(card),
        "networks/parameters.json": _json(offline_parameters()),
    }


def _service_worker(contents: dict[str, bytes]) -> bytes:
    """The service worker for these files; it is another when one of them is."""
    names = sorted(contents)
    digest = hashlib.sha256()
    for name in names:
        digest.update(hashlib.sha256(name.encode() + b"\0" + contents[name]).digest())
    version, listed = json.dumps(digest.hexdigest()[:16]), json.dumps(["./", *names])
    program = (PAGE / "offline" / WORKER).read_text(encoding="utf-8")
    return f"const VERSION = {version};\nconst FILES = {listed};\n{program}".encode()


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()


def _expect_room(folder: Path) -> None:
    try:
        found = {path.name for path in folder.iterdir()} if folder.exists() else set()
    except NotADirectoryError:
        found = {"a file"}
    except OSError as error:
        raise DigitsError(f"{folder} can't be looked at: {error.strerror}.") from error
    if found and found != IN_THE_FOLDER:
        other = min(found - IN_THE_FOLDER, default="a part of one")
        raise InvalidInput(
            f"{folder}: expected nothing there, an empty folder or a static page, found {other} "
            "there; name another folder."
        )


def _write(folder: Path, contents: dict[str, bytes]) -> None:
    """Write all files into a folder beside the wanted one, which it then takes the place of."""
    staged, old = (folder.with_name(f".{folder.name}.{uuid4().hex}") for _ in range(2))
    try:
        for name, content in contents.items():
            write_atomic(staged / name, content)
        is_there = folder.exists()
        if is_there:
            folder.rename(old)
        try:
            staged.rename(folder)
        except OSError:
            if is_there:
                old.rename(folder)
            raise
        sync_folder(folder.parent)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise DigitsError(f"Can't write {folder}: {error.strerror}.") from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)
