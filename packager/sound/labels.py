"""Labels by which a viewer distinguishes tracks of sound and of subtitles."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from manifests.languages import language_name
from manifests.model import Role

MAX_LABEL = 80
_TECHNICAL = re.compile(
    r"(?:stereo|mono|surround|atmos|audio|sound|track|stream|aac(?:-?lc)?|he-?aac|e-?ac-?3|ac-?3|dts(?:-?hd)?|"
    r"truehd|flac|opus|pcm|mp[23]|vorbis|dolby|digital|plus|ma|ch|khz|hz|kbps|kb/s|kbit/s|"
    r"[\d.]+(?:ch|khz|hz|k|kbps)?|[\s@/,;:|()\[\]+-])+",
    re.IGNORECASE,
)
"""Words that name a format; a title that consists of them helps nobody to choose."""


def label_of(title: str | None, language: str | None) -> str | None:
    """Returns the name for viewers: the title unless it names the format only, else the language's own name."""
    words = " ".join("".join(c if c.isprintable() else " " for c in title or "").split())[:MAX_LABEL].strip()
    if words and not _TECHNICAL.fullmatch(words):
        return words
    return language_name(language) if language else None


def unique_labels(labels: Sequence[tuple[str | None, Role]], word: str) -> list[str | None]:
    """Returns distinct labels, by role, then by number; `word` and a number for those that have none.

    A single track without a name needs none.
    """
    if len(labels) == 1:
        return [labels[0][0]]
    count = Counter(label for label, _ in labels)
    told = [
        f"{label} ({role})"
        if label and count[label] > 1 and role in ("commentary", "description")
        else label or f"{word} {number}"
        for number, (label, role) in enumerate(labels, start=1)
    ]
    return list(numbered(told, " "))


def numbered(names: Sequence[str], separator: str) -> Iterator[str]:
    """The names, the second of the same name with a 2 behind it, and so on; no two are the same."""
    taken = set(names)
    seen: set[str] = set()
    for name in names:
        number, wanted = 1, name
        while wanted in seen or (number > 1 and wanted in taken):
            number += 1
            wanted = f"{name}{separator}{number}"
        seen.add(wanted)
        yield wanted
