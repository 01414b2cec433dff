"""Languages as manifests name them: what containers say of a track made into a BCP 47 tag, and a tag into a name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

MAX_TAG_CHARACTERS = 35
"""Longest tag that manifests carry (RFC 5646, 4.4.1)."""

# Subtags after the language, in the order in which RFC 5646, 2.1 allows them; extensions and private use are dropped.
_SCRIPT = re.compile(r"[a-z]{4}", re.ASCII)
_REGION = re.compile(r"[a-z]{2}|\d{3}", re.ASCII)
_VARIANT = re.compile(r"[a-z0-9]{5,8}|\d[a-z0-9]{3}", re.ASCII)
_PRIVATE = re.compile(r"q[a-t][a-z]", re.ASCII)


@dataclass(frozen=True)
class _Languages:
    """ISO 639, and the regional forms that have a name of their own."""

    tags: dict[str, str]
    """Shortest tag of a language, by every code and name that is known for it in lower case."""
    names: dict[str, str]
    """Name of a language in that language, by its shortest tag."""


def bcp47(text: str | None) -> str | None:
    """Returns the shortest BCP 47 tag (RFC 5646) for a track's language as a container states it.

    Takes ISO 639-1, 639-2 (both kinds) and BCP 47 in any case, POSIX locales, and names in English or in the language
    itself: `fre`, `fra`, `FR` and `French` are `fr`, `pt_br` is `pt-BR`. None for "no language" and "several" (`und`,
    `zxx`, `mul`, `mis`) and for text that is not a language of ISO 639-2.
    """
    wanted = (text or "").strip().replace("_", "-").casefold()
    named = _languages().tags.get(wanted)
    if named is not None:
        return named
    # A POSIX locale has an encoding or a modifier at its end, as in de_AT.UTF-8@euro.
    first, *rest = re.split(r"[.@]", wanted)[0].split("-")
    language = _language(first)
    if language is not None and rest and len(rest[0]) == 3 and rest[0].isalpha():
        language = _language(rest.pop(0)) or language  # zh-yue is the old form of yue
    return None if language is None else _with_subtags(language, rest)


def language_name(tag: str) -> str:
    """Returns the name of a BCP 47 tag in its own language, for a menu: `Français`, `Português (Brasil)`.

    It is in English for a few languages, and the tag itself for a language whose name is not known.
    """
    names = _languages().names
    if tag in names:
        return names[tag]
    language, _, subtags = tag.partition("-")
    name = names.get(language)
    if name is None:
        return tag
    return f"{name} ({subtags})" if subtags else name


def _language(code: str) -> str | None:
    known = _languages().tags.get(code) if 2 <= len(code) <= 3 else None
    return known or (code if _PRIVATE.fullmatch(code) else None)


def _with_subtags(language: str, subtags: list[str]) -> str:
    """`language` with the subtags that are well-formed, up to the first that is not."""
    parts, forms = [language], [_SCRIPT, _REGION, _VARIANT]
    for subtag in subtags:
        while forms and not forms[0].fullmatch(subtag):
            forms.pop(0)
        if not forms or len("-".join([*parts, subtag])) > MAX_TAG_CHARACTERS:
            break
        form = forms[0] if forms[0] is _VARIANT else forms.pop(0)
        parts.append(subtag.title() if form is _SCRIPT else subtag.upper() if form is _REGION else subtag)
    return "-".join(parts)


@cache
def _languages() -> _Languages:
    """Reads the table next to this module: tag, other codes, name in English, name in the language."""
    rows = (resources.files("manifests") / "languages.tsv").read_text("utf-8").splitlines()
    tags: dict[str, str] = {}
    names: dict[str, str] = {}
    for tag, codes, english, own in (row.split("\t") for row in rows):
        names[tag] = own
        for code in (tag.casefold(), *codes.split()):
            tags[code] = tag
        for name in (english, own):  # a code goes before a name that looks like one
            tags.setdefault(name.casefold(), tag)
    return _Languages(tags, names)
