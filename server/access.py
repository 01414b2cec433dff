"""Who may ask for what, and how often: tokens for private bundles, and a bound on requests. Off unless set."""

from __future__ import annotations

import hmac
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.responses import Response
from starlette.types import Scope

from server import responses
from server.catalogue import BUNDLES_AT

_SALT = "neudash bundle"
_MOST_CLIENTS = 10_000


def sign(secret: str, bundle: str) -> str:
    """A token that opens one bundle; how long is decided by who checks it."""
    token = URLSafeTimedSerializer(secret, salt=_SALT).dumps(bundle)
    return token if isinstance(token, str) else token.decode()


@dataclass
class _Bucket:
    level: float
    at_s: float


class Gate:
    """Refuses requests for private bundles without a token, and those of a client that asks too often."""

    def __init__(
        self,
        *,
        private: tuple[str, ...] = (),
        secret: str = "",
        token_hours: float = 12.0,
        requests_per_s: float = 0.0,
        refused: Callable[[str], None] = lambda _reason: None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`private`: names of bundles, or of folders of bundles. `refused` is told the reason of each refusal."""
        self._private = private
        self._secret = secret
        self._tokens = URLSafeTimedSerializer(secret, salt=_SALT)
        self._token_s = token_hours * 3600
        self._rate = requests_per_s
        self._refused = refused
        self._now_s = now_s
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def refusal(self, scope: Scope) -> Response | None:
        """Why a request is not answered; None if it may be.

        A token in the path, which all relative addresses of a manifest inherit, is taken out of the scope's path, and
        `neudash.token_steps` says so; `neudash.private` says that no cache may share the answer.
        """
        if self._rate and not self._may_ask(scope):
            self._refused("rate")
            return _refusal(429, (("retry-after", "1"),))
        tokens = [*_token_taken_out(scope), *_bearer(scope)]
        bundle = self.private_bundle(scope["path"])
        if bundle is None:
            return None
        scope["neudash.private"] = True
        if any(self._opens(token, bundle) for token in tokens):
            return None
        self._refused("token")
        return _refusal(401, (("www-authenticate", 'Bearer realm="neudash"'),))

    def private_bundle(self, path: str) -> str | None:
        """The private name that a path, decoded, is below."""
        inside = path.removeprefix(BUNDLES_AT) if path.startswith(BUNDLES_AT) else None
        if inside is None:
            return None
        return next((name for name in self._private if name == "*" or (inside + "/").startswith(name + "/")), None)

    def is_private(self, bundle: str) -> bool:
        """Whether a bundle is left out of the catalogue."""
        return self.private_bundle(f"{BUNDLES_AT}{bundle}/") is not None

    def _opens(self, token: str, private: str) -> bool:
        # The secret itself is the operator's own key to everything.
        if hmac.compare_digest(token.encode(), self._secret.encode()):
            return True
        try:
            opened = self._tokens.loads(token, max_age=int(self._token_s))
        except BadSignature:
            return False
        return bool(opened == private)

    def _may_ask(self, scope: Scope) -> bool:
        """A bucket for each address that holds what it may ask for in two seconds."""
        client = (scope.get("client") or ("",))[0]
        now_s, most = self._now_s(), 2 * self._rate
        bucket = self._buckets.get(client)
        if bucket is None:
            bucket = self._buckets[client] = _Bucket(most, now_s)
            if len(self._buckets) > _MOST_CLIENTS:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(client)
        bucket.level = min(most, bucket.level + (now_s - bucket.at_s) * self._rate)
        bucket.at_s = now_s
        if bucket.level < 1:
            return False
        bucket.level -= 1
        return True


def _refusal(status: int, more: tuple[tuple[str, str], ...]) -> Response:
    headers = {name.decode(): value.decode() for name, value in responses.OPEN_TO_ALL}
    return Response(b"", status, {**headers, "cache-control": "no-store", **dict(more)})


def _token_taken_out(scope: Scope) -> list[str]:
    """The token of `/bundles/~TOKEN/NAME/…`; the scope is of `/bundles/NAME/…` then."""
    raw_before = f"{BUNDLES_AT}~".encode()
    if not scope["raw_path"].startswith(raw_before):
        return []
    token, _, raw_rest = scope["raw_path"][len(raw_before) :].partition(b"/")
    # Both paths from one cut: files are found by the raw one, and what is private is told by the other.
    scope["path"], scope["raw_path"] = BUNDLES_AT + unquote(raw_rest.decode("latin-1")), BUNDLES_AT.encode() + raw_rest
    scope["neudash.token_steps"] = 1
    return [token.decode("latin-1")]


def _bearer(scope: Scope) -> list[str]:
    given = (value.partition(b" ") for name, value in scope["headers"] if name == b"authorization")
    return [token.decode("latin-1") for scheme, _, token in given if scheme.lower() == b"bearer"]
