"""OAuth2 for mail: signing a person in, and an access token whenever a connection needs one.

    login     a person signs in           browser (RFC 6749 4.1, RFC 7636, RFC 8252) or device code (RFC 8628)
    broker    a token for a connection    from the vault, renewed before it ends, once among all processes
    logout    signing out, and telling    revoked at the provider (RFC 7009), forgotten here

    client    an account's application at its provider, with its secret
    flow      what is said to a provider's endpoints; http: how; loopback, device: how its answer comes back
    microsoft the same as flow, by way of msal, for the accounts that `presets.is_microsoft` tells; aadsts: its errors
    discovery, presets   where the endpoints are; token: what is kept

Blocking throughout: call it in a thread. A token, a code or the address of a sign-in page is never logged, and in no
error or repr. A front end speaks with the person through `login.Prompt`.
"""
