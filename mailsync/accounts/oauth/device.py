"""Waiting for a sign-in on another device (RFC 8628 section 3.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mailsync.accounts.oauth.flow import Answer, Device, Refused
from mailsync.errors import Interrupted, SignInFailed, Unreachable

if TYPE_CHECKING:
    from mailsync.accounts.oauth.client import AnyClient

SLOWER_SECONDS = 5.0
SLOWEST_SECONDS = 60.0


def wait_for(client: AnyClient, device: Device, pause: Callable[[float], bool], now: Callable[[], float]) -> Answer:
    """The tokens, once the person is done.

    `pause(seconds)` waits before each question and gives True when the person gave up: Interrupted. Raises SignInFailed
    when they said no, or did nothing in time.
    """
    deadline, interval = now() + device.seconds, device.interval
    while True:
        if pause(interval):
            raise Interrupted("the sign-in was cancelled", hint="nothing has changed")
        if now() >= deadline:
            raise _too_late()
        try:
            return client.device_tokens(device, now())
        except Refused as refused:
            match refused.error:
                case "authorization_pending":
                    pass
                case "slow_down":
                    interval += SLOWER_SECONDS
                case "expired_token":
                    raise _too_late() from None
                case "access_denied":
                    raise SignInFailed("the sign-in was refused", hint="sign in again and allow access") from None
                case _:
                    raise
        except Unreachable:
            interval = min(interval * 2, SLOWEST_SECONDS)


def _too_late() -> SignInFailed:
    return SignInFailed("nobody entered the code in time", hint="run it again for a new code")
