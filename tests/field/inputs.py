"""Tiny inputs that carry their own truth, made by ffmpeg: the picture and the clicks that `tests.field.eyes` reads.

The marks are those of `../shared/field/make-inputs.sh`, in pictures of 192x108.
"""

from __future__ import annotations

import struct
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from media.programs import find_program

if TYPE_CHECKING:
    from pathlib import Path

WIDTH, HEIGHT = 192, 108
# Fields of 4:2:0 want rows by the four, which 160x90 has not.
LENGTH_S = 2
GOP = 12

_CORNERS = (
    ("0", "0", "C02020"),
    ("iw*7/8", "0", "20C020"),
    ("0", "ih*11/18", "2020C0"),
    ("iw*7/8", "ih*11/18", "C0C020"),
)

BT709_TAGS = ("-color_range", "tv", "-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709")
TO_BT709 = (
    "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd,format=yuv420p,"
    "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
)
H264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "12", "-g", str(GOP), *BT709_TAGS)
AAC = ("-c:a", "aac", "-b:a", "128k")


def picture(rate: str = "24", seconds: float = LENGTH_S) -> tuple[str, ...]:
    """ffmpeg's arguments for the test picture, in RGB: ten boxes with the frame's number, four coloured corners, and a
    box in the middle that is white during the first two frames of each second."""
    middle = "drawbox=x=iw*11/32:y=ih/3:w=iw*5/16:h=ih*5/18:t=fill"
    graph = [f"testsrc2=rate={rate}:duration={seconds}:size={WIDTH}x{HEIGHT},format=gbrp"]
    graph += [f"drawbox=x={x}:y={y}:w=iw/8:h=ih/6:color=0x{colour}:t=fill" for x, y, colour in _CORNERS]
    graph += [f"{middle}:color=black", f"{middle}:color=white:enable='lt(mod(t\\,1)\\,2/({rate})-0.0005)'"]
    graph += ["drawbox=x=0:y=ih*29/36:w=iw:h=ih*7/36:color=black:t=fill"]
    graph += [
        f"drawbox=x=iw*{2 + 6 * bit}/64:y=ih*15/18:w=iw*5/64:h=ih/9:color=white:t=fill"
        f":enable='mod(floor(n/pow(2\\,{bit}))\\,2)'"
        for bit in range(10)
    ]
    return "-f", "lavfi", "-i", ",".join(graph)


def clicks(seconds: float = LENGTH_S, *, pitch_hz: int = 1000) -> tuple[str, ...]:
    """ffmpeg's arguments for the sound: a tone of 50 ms at each whole second, mono at 48 kHz."""
    sound = f"0.7*sin(2*PI*{pitch_hz}*t)*lt(mod(t\\,1)\\,0.05)"
    return "-f", "lavfi", "-i", f"aevalsrc='{sound}':s=48000:d={seconds}"


@dataclass(frozen=True)
class Maker:
    """Makes inputs in one folder; what several of them are made of is made once."""

    folder: Path

    def __call__(self, name: str, *arguments: str) -> Path:
        """Run ffmpeg with these arguments and a file of that name as its output."""
        path = self.folder / name
        command = [str(find_program("ffmpeg")), "-nostdin", "-v", "error", "-y", "-threads", "1", *arguments]
        subprocess.run([*command, f"file:{path}"], check=True, stdin=subprocess.DEVNULL, timeout=120)
        return path

    def once(self, name: str, *arguments: str) -> str:
        """Makes the file unless it is there; returns its path as ffmpeg takes it."""
        path = self.folder / name
        return str(path if path.exists() else self(name, *arguments))

    @property
    def master(self) -> str:
        """The test picture at 24 frames a second without loss, and the clicks."""
        return self.once("master.mkv", *picture(), *clicks(), "-c:v", "ffv1", "-c:a", "pcm_s16le")

    @property
    def base(self) -> str:
        """H.264 with B-frames and a key frame every GOP frames, and AAC."""
        return self.once("base.mp4", "-i", self.master, "-vf", TO_BT709, *H264, *AAC)

    def copy(self, name: str, *arguments: str) -> Path:
        """The base in another container, or with other stamps."""
        return self(name, "-i", self.base, "-c", "copy", *arguments)

    def apart(self, name: str, *, picture_s: float = 0, sound_s: float = 0) -> Path:
        """The base with its picture or its sound that much later."""
        late_picture = ("-itsoffset", str(picture_s), "-i", self.base)
        late_sound = ("-itsoffset", str(sound_s), "-i", self.base)
        return self(name, *late_picture, *late_sound, "-map", "0:v", "-map", "1:a", "-c", "copy")

    def joined(self, name: str, *parts: Path) -> Path:
        """The bytes of the parts one after the other, as `cat` joins recordings."""
        path = self.folder / name
        path.write_bytes(b"".join(part.read_bytes() for part in parts))
        return path


def with_clap(data: bytes, width: int, height: int) -> bytes:
    """The MP4 of H.264 with a `clap` box that shows the middle `width` columns and `height` rows alone.

    The `moov` box must be the last, so that no chunk moves.
    """
    box = struct.pack(">I4s8I", 40, b"clap", width, 1, height, 1, 0, 1, 0, 1)
    grown = bytearray(data)
    entry = grown.index(b"avc1", grown.index(b"stsd")) - 4
    assert grown.index(b"moov") > grown.index(b"mdat"), "chunk offsets would move"
    end = entry + int.from_bytes(grown[entry : entry + 4], "big")
    boxes = [entry] + [
        grown.rindex(name, 0, entry) - 4 for name in (b"stsd", b"stbl", b"minf", b"mdia", b"trak", b"moov")
    ]
    for at in boxes:
        grown[at : at + 4] = (int.from_bytes(grown[at : at + 4], "big") + len(box)).to_bytes(4, "big")
    grown[end:end] = box
    return bytes(grown)
