"""Errors: the root of all, and those of bundles, manifests and model files, one subclass for each reaction."""

from __future__ import annotations


class NeudashError(Exception):
    """Root of all errors that a user can act on. `str()` is one sentence: what failed, on what, and what to do."""


class BundleError(NeudashError):
    """Root of all errors of this package."""


class MalformedManifestError(BundleError):
    """An MPD that is not well-formed, breaks a bound, or contains something that this reader does not accept."""


class MalformedModelError(BundleError):
    """A model file whose bytes are not a valid `.ndm`, or do not fit the network it claims to hold."""


class UnknownNetworkError(BundleError):
    """A well-formed reference to a network or model format that this version does not know.

    Not corruption: a newer packager may have written it. The player answers with the plain resize.
    """


class WrongHashError(BundleError):
    """Bytes whose SHA-256 or size is not the one the manifest promised."""


class MalformedFragmentError(BundleError):
    """An ISO BMFF segment whose boxes do not parse, or whose tables lie about their sizes."""


class BrokenBundleError(BundleError):
    """A folder that is not a publishable bundle: a listed file is missing, boundaries differ, ..."""
