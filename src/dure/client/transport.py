"""One way to ask the hub: HTTP with a bearer token, bounded retries and named errors.

- What is safe to say twice is retried on lost connections, 5xx and 429; what is not is retried
  only where the connection was never made.
- Tries and waits are bounded and the waits jittered: agents of many sites must not come back in
  step when a hub returns.
- An answer is a validated model or a named error, never a half-read document.
- A 3xx is a mismatch, not followed: a token goes only to the address it was given for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Self, TypeVar

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from dure.client.errors import HubAway, Problem, ProtocolMismatch, Refused

Answer = TypeVar("Answer")

_TOO_MANY: Final = 429
_CLIENT_ERROR: Final = 400
_SERVER_ERROR: Final = 500
_SUCCESS: Final = range(200, 300)
_NOT_MODIFIED: Final = 304


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long one call is tried before the hub counts as away.

    Four tries within about two seconds ride over a restarting worker process; anything longer is
    the caller's to wait for, because it has other work meanwhile.
    """

    tries: int = 4
    first_wait_s: float = 0.1
    longest_wait_s: float = 1.0
    sleep: Callable[[float], None] = time.sleep


class Connection:
    """An HTTP connection to one hub, as one bearer; the hub's sentences in `language`."""

    def __init__(
        self,
        base_url: str,
        token: str | None,
        transport: httpx.BaseTransport | None = None,
        timeout_s: float = 10.0,
        *,
        patience: Patience | None = None,
        language: str | None = None,
    ) -> None:
        headers = {"Accept": "application/json", "User-Agent": "dure"}
        if language is not None:
            headers["Accept-Language"] = language
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        self.base_url = base_url.rstrip("/")
        self._timeout_s = timeout_s
        self._patience = patience or Patience()
        self._http = httpx.Client(
            base_url=self.base_url, headers=headers, transport=transport, timeout=timeout_s
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets the sockets go; a later call fails."""
        self._http.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        repeatable: bool,
        body: BaseModel | None = None,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        extra_wait_s: float = 0,
    ) -> httpx.Response:
        """The hub's answer, 2xx or 304. Blocks for the retries; raises a `ClientError`."""
        request = self._http.build_request(
            method,
            path,
            content=None if body is None else body.model_dump_json(),
            params=params,
            headers={**(headers or {}), **({"Content-Type": "application/json"} if body else {})},
            timeout=self._timeout_s + extra_wait_s,
        )
        retrying = Retrying(
            stop=stop_after_attempt(self._patience.tries),
            wait=wait_random_exponential(
                multiplier=self._patience.first_wait_s, max=self._patience.longest_wait_s
            ),
            retry=retry_if_exception(_worth_repeating if repeatable else _never_left),
            sleep=self._patience.sleep,
            reraise=True,
        )
        return retrying(self._once, request)

    def _once(self, request: httpx.Request) -> httpx.Response:
        try:
            response = self._http.send(request)
        except httpx.TransportError as error:
            why = "no connection" if isinstance(error, httpx.ConnectError) else "no answer"
            raise HubAway(self.base_url, f"{why}: {type(error).__name__}") from error
        _raise_for(response, base_url=self.base_url)
        return response


def _worth_repeating(error: BaseException) -> bool:
    return isinstance(error, HubAway)


def _never_left(error: BaseException) -> bool:
    return isinstance(error, HubAway) and isinstance(error.__cause__, httpx.ConnectError)


def _raise_for(response: httpx.Response, *, base_url: str) -> None:
    status = response.status_code
    if status in _SUCCESS or status == _NOT_MODIFIED:
        return
    if status >= _SERVER_ERROR or status == _TOO_MANY:
        raise HubAway(base_url, f"it answered {status}")
    if status < _CLIENT_ERROR:
        raise ProtocolMismatch(response.request.url.path, f"unexpected status {status}")
    raise Refused(status, _problem(response))


def _problem(response: httpx.Response) -> Problem:
    try:
        return Problem.model_validate_json(response.content)
    except ValidationError:
        return Problem(title=f"the hub answered {response.status_code} without saying why")


def read(kind: TypeAdapter[Answer], response: httpx.Response) -> Answer:
    """The answer as the model it should be; raises `ProtocolMismatch` where it is not."""
    try:
        return kind.validate_json(response.content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"]) or "the document"
        raise ProtocolMismatch(
            response.request.url.path, f"{place}: {first['msg']}"
        ) from None  # the cause would quote the input, and a credential is one
