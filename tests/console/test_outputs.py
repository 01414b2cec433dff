"""Writing outputs: a link is written to where it leads; devices, pipes and links stay what they are."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from argparse import ArgumentTypeError
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from console.outputs import (
    OverwritesError,
    check_distinct,
    check_output,
    is_stream,
    output_ending_in,
    output_folder,
    place_of,
    replaced_output,
    write_output,
)
from manifests.names import MANIFEST
from neudash import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(cli.__file__).parents[1]
DATA = bytes(range(256)) * 400
"""More than a pipe holds at once."""


@contextmanager
def read_from(fifo: Path) -> Iterator[list[bytes]]:
    """A reader at the other end of a pipe; after the block the list holds all that came."""
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(fifo.read_bytes()), daemon=True)
    reader.start()
    yield got
    reader.join(30)


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


@pytest.fixture
def null_device(tmp_path: Path) -> Path:
    """A character device of our own that swallows everything: the system's would be gone if this failed."""
    path = tmp_path / "null"
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        path.write_bytes(b"x")
    except OSError as error:
        pytest.skip(f"no device can be made here: {error}")
    return path


def test_a_regular_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "x.json"
    write_output(path, b"old")
    number = path.stat().st_ino
    write_output(path, DATA)
    assert path.read_bytes() == DATA and path.stat().st_ino != number
    assert [*path.parent.iterdir()] == [path]


def test_a_pipe_is_written_to(fifo: Path) -> None:
    check_output(fifo)
    with read_from(fifo) as got:
        write_output(fifo, DATA)
    assert got == [DATA]
    assert stat.S_ISFIFO(fifo.lstat().st_mode)


def test_a_device_stays_a_device(null_device: Path) -> None:
    check_distinct([null_device, null_device])
    check_output(null_device)
    write_output(null_device, DATA)
    assert stat.S_ISCHR(null_device.lstat().st_mode)


@pytest.mark.parametrize("target", ["there", "missing", "sub/missing"])
def test_a_link_stays_and_its_target_is_written(target: str, tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"old")
    first, second = tmp_path / "first", tmp_path / "second"
    second.symlink_to(target)
    first.symlink_to(second)
    check_output(first)
    write_output(first, DATA)
    assert first.is_symlink() and second.is_symlink()
    assert not (tmp_path / target).is_symlink() and (tmp_path / target).read_bytes() == DATA


def test_what_is_written_by_name_replaces_the_target_of_a_link(tmp_path: Path) -> None:
    link = tmp_path / "link.onnx"
    link.symlink_to(tmp_path / "elsewhere" / "model.onnx")
    with replaced_output(link) as temporary:
        temporary.write_bytes(DATA)
        assert temporary.suffix == ".onnx"
    assert link.is_symlink() and (tmp_path / "elsewhere/model.onnx").read_bytes() == DATA
    with pytest.raises(ZeroDivisionError), replaced_output(link) as temporary:
        temporary.write_bytes(b"half")
        raise ZeroDivisionError
    assert link.read_bytes() == DATA and len([*(tmp_path / "elsewhere").iterdir()]) == 1


def test_a_loop_of_links_and_a_folder_are_refused_by_name(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path in (loop, tmp_path):
        with pytest.raises(OSError) as refused:
            check_output(path)
        assert refused.value.filename == str(path)
        with pytest.raises(OSError):
            write_output(path, b"")
    assert output_folder(str(loop)) == loop


def test_two_names_of_one_file_are_one_output(tmp_path: Path) -> None:
    film, link = tmp_path / "film.mp4", tmp_path / "link"
    link.symlink_to(film)
    with pytest.raises(OverwritesError, match="is an input"):
        check_distinct([link], [film])
    with pytest.raises(OverwritesError, match="written twice"):
        check_distinct([link, film])


def test_a_stream_may_have_any_name_a_file_may_not(fifo: Path, tmp_path: Path) -> None:
    named = output_ending_in(".html")
    assert named(str(fifo)) == fifo and named("-") == Path("/dev/stdout")
    with pytest.raises(ArgumentTypeError, match=r"does not end in \.html"):
        named(str(tmp_path / "x.txt"))


def test_a_folder_behind_a_link_that_leads_nowhere_yet_is_its_target(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("target")
    assert output_folder(str(link)) == tmp_path / "target" == place_of(link)


WRITE = "from pathlib import Path; from console.outputs import *; print('before'); {}; print('after')"


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "LINK"])
@pytest.mark.parametrize("to_file", [False, True])
def test_stdout_is_written_to_in_its_turn(name: str, to_file: bool, tmp_path: Path) -> None:
    """Opened by its name, a file behind it would begin anew, and one text would lie over the other."""
    link, result = tmp_path / "LINK", tmp_path / "result"
    link.symlink_to("/dev/stdout")
    path = str(link) if name == "LINK" else name
    code = WRITE.format(f"p = Path({path!r}); check_output(p); assert is_stream(p); write_output(p, b'data\\n')")
    with result.open("wb") as file:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, stdout=file if to_file else subprocess.PIPE, check=True
        )
    assert (result.read_bytes() if to_file else done.stdout) == b"before\ndata\nafter\n"


def test_an_open_descriptor_is_written_to(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from console.outputs import *; write_output(Path(sys.argv[1]), b'x')"
    read, write = os.pipe()
    subprocess.run([sys.executable, "-c", code, f"/dev/fd/{write}"], cwd=ROOT, pass_fds=[write], check=True)
    os.close(write)
    assert os.read(read, 10) == b"x"
    os.close(read)
    with pytest.raises(OSError, match="Bad file descriptor"):
        check_output(Path("/dev/fd/987"))
    assert not is_stream(Path("/dev/fd/987/x"))


@pytest.mark.parametrize("command", ["inspect", "verify"])
def test_json_of_inspect_and_verify_goes_to_pipes_and_devices(
    command: str, packaged_bundle: Path, fifo: Path, null_device: Path
) -> None:
    with read_from(fifo) as got:
        assert cli.main([command, str(packaged_bundle), "--json", str(fifo)]) == 0
    assert got[0].startswith(b"{")
    assert cli.main([command, str(packaged_bundle), "--json", str(null_device)]) == 0
    assert stat.S_ISCHR(null_device.lstat().st_mode) and stat.S_ISFIFO(fifo.lstat().st_mode)


def test_a_manifest_is_not_overwritten_by_its_own_description(packaged_bundle: Path) -> None:
    manifest = packaged_bundle / MANIFEST
    before = manifest.read_bytes()
    assert cli.main(["inspect", str(manifest), "--json", str(manifest)]) == 1
    assert manifest.read_bytes() == before
