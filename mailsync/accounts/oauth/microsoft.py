"""Microsoft's sign-in, through msal: what `flow.Client` is elsewhere, with the same methods.

msal speaks with the authority and keeps its own cache of tokens; the browser, the waiting, the vault and its lock are
those of every other provider. Its interactive sign-in is not used: it listens on every interface where it believes to
be in a container, waits for ever, and takes no pasted address. In the stored record `refresh` is its cache as a whole:
the rotated refresh token is in it, stored before its access token is used.

msal takes 200 ms to import, so only a sign-in and a renewal do. It writes answers with their tokens to its log, which
is off therefore, and asks login.microsoftonline.com what other authorities are worth, which is off as well: the
authority is Microsoft's own, or was named in config.toml.
"""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from mailsync.accounts.oauth.aadsts import refusal, refused
from mailsync.accounts.oauth.discovery import Provider
from mailsync.accounts.oauth.flow import Answer, Attempt, Device, Refused, json_object, usable
from mailsync.accounts.oauth.http import is_private, told
from mailsync.accounts.oauth.loopback import Expected
from mailsync.accounts.oauth.presets import MICROSOFT_HOSTS
from mailsync.errors import ConfigError, MailsyncError, ProtocolError, SignInFailed
from mailsync.text import safe_text

if TYPE_CHECKING:
    from mailsync.config.models import AccountConfig

TITLE = "Microsoft"
SCOPES = ("https://outlook.office.com/IMAP.AccessAsUser.All",)
OWN_SCOPES = ("https://outlook.office365.com/.default",)
"""What an application asks for on its own behalf: all that an administrator granted it."""
ADDED_SCOPES = frozenset({"openid", "profile", "offline_access"})
"""msal adds these by itself, and refuses to be told."""
REDIRECT_URI = "http://localhost"
"""Microsoft takes any port with this name, and nothing else that a portal's form lets one register."""
EVERY_TENANT = frozenset({"common", "organizations", "consumers"})


def authority_of(account: AccountConfig) -> str:
    """https://HOST/TENANT, where the account signs in. Raises ConfigError where that is no address.

    The host of an endpoint in config.toml serves national clouds; the tenant is oauth.tenant, else the endpoint's.
    """
    oauth = account.oauth
    named = urlsplit(oauth.issuer or oauth.authorization_endpoint or oauth.token_endpoint)
    tenant = oauth.tenant or named.path.strip("/").partition("/")[0] or "common"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", tenant):
        raise ConfigError(
            "oauth.tenant is no directory",
            hint='set its id or a domain of it, as tenant = "contoso.com"',
            scope="account",
        )
    if oauth.grant == "client_credentials" and tenant in EVERY_TENANT:
        raise ConfigError(
            "an application by itself signs in to one directory",
            hint="set oauth.tenant to the directory's id or a domain of it",
            scope="account",
        )
    return f"https://{named.netloc or MICROSOFT_HOSTS[0]}/{tenant}"


class Microsoft:
    """An application at Microsoft, for one errand. Raises ConfigError for an authority that is none.

    Every method that asks raises Refused, SignInFailed, Unreachable and ProtocolError; none of their texts holds what
    the authority said, but for the number of its error.
    """

    def __init__(self, account: AccountConfig, secret: str, session: httpx.Client) -> None:
        self._authority = authority_of(account)
        self._own = account.oauth.grant == "client_credentials"
        self._id = account.oauth.client_id
        self._secret = secret
        self._session = session
        named = [scope for scope in account.oauth.scopes if scope not in ADDED_SCOPES]
        self.provider = Provider(
            TITLE,
            account.oauth.issuer or f"{self._authority}/v2.0",
            token=f"{self._authority}/oauth2/v2.0/token",
            scopes=tuple(named) or (OWN_SCOPES if self._own else SCOPES),
            redirect_uri=REDIRECT_URI,
        )
        self._application: Any = None
        self._cache: Any = None
        self._flow: dict[str, Any] = {}

    def authorization(self, redirect_uri: str, login_hint: str) -> Attempt:
        """A new sign-in in a browser; msal makes the PKCE verifier and the nonce, and keeps them."""
        with self._msal() as application:
            self._flow = application.initiate_auth_code_flow(
                list(self.provider.scopes),
                redirect_uri=redirect_uri,
                state=secrets.token_urlsafe(32),
                login_hint=login_hint if "@" in login_hint else None,
            )
            url = str(self._flow["auth_uri"])
        if not is_private(url):
            raise ProtocolError(f"{TITLE} names a sign-in page that is not https")
        return Attempt(url, "", "", Expected(redirect_uri, self._flow["state"], refusal=refusal))

    def exchange(self, attempt: Attempt, code: str, now: float) -> Answer:
        """Tokens for the code of an answer."""
        with self._msal() as application:
            return self._answer(
                application.acquire_token_by_auth_code_flow(self._flow, {"state": attempt.expected.state, "code": code})
            )

    def refresh(self, token: str, now: float) -> Answer:
        """New tokens by the refresh token in the cache `token`."""
        with self._msal() as application:
            try:
                self._cache.deserialize(token)
                (person,) = application.get_accounts()
            except (ValueError, TypeError, AttributeError):
                raise Refused(
                    f"{TITLE}: the stored sign-in is of another kind", "invalid_grant", reason="expired"
                ) from None
            given = application.acquire_token_silent_with_error(
                list(self.provider.scopes), account=person, force_refresh=True
            )
            return self._answer(given or {"error": "invalid_grant"})

    def own(self, now: float) -> Answer:
        """The application's own token (client credentials)."""
        with self._msal() as application:
            return self._answer(application.acquire_token_for_client(list(self.provider.scopes)))

    def device(self) -> Device:
        """Begin a sign-in on another device."""
        with self._msal() as application:
            flow = self._flow = application.initiate_device_flow(list(self.provider.scopes))
            if "error" in flow:
                raise refused(flow)
            return Device(
                str(flow["device_code"]),
                safe_text(str(flow["user_code"]), 60),
                safe_text(str(flow["verification_uri"]), 500),
                min(max(float(flow["expires_in"]), 1.0), 3600.0),
                min(max(float(flow["interval"]), 1.0), 60.0),
            )

    def device_tokens(self, device: Device, now: float) -> Answer:
        """Ask whether the person is done; Refused "authorization_pending" or "slow_down" until then."""
        self._flow["expires_at"] = 0  # msal asks once then, and does not wait
        with self._msal() as application:
            return self._answer(application.acquire_token_by_device_flow(self._flow))

    @contextlib.contextmanager
    def _msal(self) -> Iterator[Any]:
        """msal's application, made and used; what it trips over, it quotes: of that nothing goes on."""
        try:
            if self._application is None:
                self._application = self._made()
            yield self._application
        except MailsyncError:
            raise
        except RuntimeError:
            raise SignInFailed(f"{TITLE}: the ID token is not for this sign-in", hint="sign in again") from None
        except Exception:
            raise ProtocolError(f"{TITLE}: an answer that cannot be understood", hint="try again later") from None

    def _made(self) -> Any:
        import logging
        import warnings

        logging.getLogger("msal").setLevel(logging.CRITICAL + 1)
        import msal  # type: ignore[import-untyped]

        # It would rather have form_post, which sends the answer where a person cannot copy it from.
        warnings.filterwarnings("ignore", module=r"msal\.")
        self._cache = msal.SerializableTokenCache()
        settings: dict[str, Any] = {
            "authority": self._authority,
            "token_cache": self._cache,
            "http_client": _Http(self._session),
            "instance_discovery": False,
        }
        if self._own:
            return msal.ConfidentialClientApplication(
                self._id, client_credential=self._secret, azure_region=False, **settings
            )
        return msal.PublicClientApplication(self._id, **settings)

    def _answer(self, given: Mapping[str, Any]) -> Answer:
        if "access_token" not in given:
            raise refused(given)
        claims = given.get("id_token_claims") or {}
        if claims and claims.get("aud") != self._id:
            raise SignInFailed(f"{TITLE}: the ID token is not for this application", hint="check client_id")
        seconds, scope = given.get("expires_in"), given.get("scope")
        renews = any(True for _ in self._cache.search(self._cache.CredentialType.REFRESH_TOKEN))
        return Answer(
            usable(TITLE, given["access_token"]),
            self._cache.serialize() if renews else "",
            None if seconds is None else max(float(seconds), 0.0),
            tuple(scope.split()) if isinstance(scope, str) and scope else None,
            claims,
        )


class _Http:
    """What msal asks through: our bounded client, whose answers are JSON objects or errors of ours."""

    def __init__(self, session: httpx.Client) -> None:
        self._session = session

    def get(self, url: str, *, params: Any = None, headers: Any = None, **more: Any) -> httpx.Response:
        with told(url):
            answer = self._session.get(url, params=params, headers=headers)
        if answer.status_code in (400, 404):
            raise SignInFailed(
                f"{TITLE} does not know this directory", hint='check oauth.tenant: its id or a domain of it, or ""'
            )
        json_object(answer)
        return answer

    def post(
        self, url: str, *, params: Any = None, data: Any = None, headers: Any = None, **more: Any
    ) -> httpx.Response:
        with told(url):
            form = {key: value for key, value in data.items() if value is not None}
            answer = self._session.post(url, params=params, data=form, headers=headers)
        json_object(answer)
        return answer

    def close(self) -> None:
        """Nothing to do: who made the session closes it."""
