"""Access control: signed tokens for private bundles, and a limit on requests per client. Both are off unless set."""

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
# A limit, so that requests from ever new addresses cannot fill the memory.
_MOST_CLIENTS = 10_000


def sign(secret: str, bundle: str) -> str:
    """Returns a token that opens one private name. It contains the time of signing; its checker sets a maximum age."""
    token = URLSafeTimedSerializer(secret, salt=_SALT).dumps(bundle)
    return token if isinstance(token, str) else token.decode()


@dataclass
class _Bucket:
    level: float
    at_s: float


class Gate:
    """Refuses requests for private bundles without a token, and requests of a client that exceeds its rate."""

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
        """`private` contains names of bundles or of their folders. `refused` is called with each reason."""
        self._private = private
        self._secret = secret
        self._tokens = URLSafeTimedSerializer(secret, salt=_SALT)
        self._token_s = token_hours * 3600
        self._rate = requests_per_s
        self._refused = refused
        self._now_s = now_s
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def refusal(self, scope: Scope) -> Response | None:
        """Returns the answer that refuses a request; None if the request may go on.

        Changes the scope. A token in the path, which all relative addresses of a manifest inherit, is removed from it,
        and `neudash.token_steps` is set to 1. `neudash.private` is set for a private bundle: no shared cache may keep
        its answers.
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
        """Returns the entry of `private` that covers a decoded path; None if the path is public."""
        inside = path.removeprefix(BUNDLES_AT) if path.startswith(BUNDLES_AT) else None
        if inside is None:
            return None
        return next((name for name in self._private if name == "*" or (inside + "/").startswith(name + "/")), None)

    def is_private(self, bundle: str) -> bool:
        """True if a bundle is private, and so not shown in the catalogue."""
        return self.private_bundle(f"{BUNDLES_AT}{bundle}/") is not None

    def _opens(self, token: str, private: str) -> bool:
        # The secret is also the operator's own token, for every bundle.
        if hmac.compare_digest(token.encode(), self._secret.encode()):
            return True
        try:
            opened = self._tokens.loads(token, max_age=int(self._token_s))
        except BadSignature:
            return False
        return bool(opened == private)

    def _may_ask(self, scope: Scope) -> bool:
        """Takes one request from the client's bucket, which holds two seconds of its rate; False if it is empty."""
        client = (scope.get("client") or ("",))[0]
        now_s, most = self._now_s(), 2 * self._rate
        bucket = self._buckets.get(client)
        if bucket is None:
            # A new client begins with a full bucket, and the client that has been quiet longest loses its own.
            bucket = self._buckets[client] = _Bucket(most, now_s)
            if len(self._buckets) > _MOST_CLIENTS:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(client)
        # The level rises with the time that has passed since the last request.
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
    """Removes the token from a path `/bundles/~TOKEN/NAME/…` in the scope, and returns it; [] for any other path."""
    raw_before = f"{BUNDLES_AT}~".encode()
    if not scope["raw_path"].startswith(raw_before):
        return []
    token, _, raw_rest = scope["raw_path"][len(raw_before) :].partition(b"/")
    # Both paths come from one cut: the raw path finds the file, and the decoded path decides what is private.
    scope["path"], scope["raw_path"] = BUNDLES_AT + unquote(raw_rest.decode("latin-1")), BUNDLES_AT.encode() + raw_rest
    scope["neudash.token_steps"] = 1
    return [token.decode("latin-1")]


def _bearer(scope: Scope) -> list[str]:
    given = (value.partition(b" ") for name, value in scope["headers"] if name == b"authorization")
    return [token.decode("latin-1") for scheme, _, token in given if scheme.lower() == b"bearer"]
