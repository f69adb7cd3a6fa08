"""A Dovecot that lets in whoever brings an access token, which it has the OpenID provider vouch for (RFC 7662)."""

from __future__ import annotations

from tests.servers.dovecot import Dovecot
from tests.servers.oidc import Oidc

PASSDB = """
auth_mechanisms = plain login {mechanisms}
passdb {{
  driver = oauth2
  mechanisms = oauthbearer xoauth2
  args = {path}
}}
"""
OAUTH2 = """\
introspection_mode = post
introspection_url = http://{client}:{secret}@{where}
force_introspection = yes
active_attribute = active
active_value = true
username_attribute = username
"""


class TokenDovecot(Dovecot):
    """A Dovecot for the people of `provider`, who may bring their passwords, too. `capability` as for any Dovecot."""

    def __init__(
        self, provider: Oidc, *, capability: str | None = None, mechanisms: str = "oauthbearer xoauth2"
    ) -> None:
        super().__init__(dict(provider.users), capability=capability)
        path = self.directory / "dovecot-oauth2.conf.ext"
        where = provider.introspection_url.partition("://")[2]
        path.write_text(OAUTH2.format(client=provider.client_id, secret=provider.client_secret, where=where), "utf-8")
        self._extra += PASSDB.format(path=path, mechanisms=mechanisms)
