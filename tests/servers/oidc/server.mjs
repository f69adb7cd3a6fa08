// The certified oidc-provider as a throw-away OpenID provider for tests. tests/servers/oidc.py starts it.
//
// OIDC_OPTIONS is one JSON document: port, clients, lifetimes in seconds, the client whose refresh tokens rotate.
// /control/* is the tests' own door: people come in, requests that were seen go out, answers are planned.
import http from "node:http";
import { randomBytes, webcrypto } from "node:crypto";

// Node 18 (Debian 12) lacks two globals that the library takes for granted.
globalThis.crypto ??= webcrypto;
URL.parse ??= (text, base) => {
  try {
    return new URL(text, base);
  } catch {
    return null;
  }
};
const { Provider, errors } = await import(process.env.OIDC_LIBRARY);

const options = JSON.parse(process.env.OIDC_OPTIONS);
const host = "127.0.0.1";
const issuer = `http://${host}:${options.port}`;
const users = new Map(); // address -> password
const seen = []; // [{path, grant, status}] of every request to the token, revocation and introspection endpoints
const planned = []; // answers that the token endpoint gives instead of its own, first come first served

const page = (body) => `<!DOCTYPE html><html><head><title>Sign-in</title></head><body>${body}</body></html>`;
const anyPath = new Set(options.clients.filter((one) => one.any_path).map((one) => one.client_id));

const provider = new Provider(issuer, {
  clients: options.clients.map(({ any_path, ...client }) => client),
  findAccount: (ctx, sub) =>
    users.has(sub) && {
      accountId: sub,
      claims: () => ({ sub, email: sub, email_verified: true, preferred_username: sub }),
    },
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["preferred_username"] },
  scopes: ["openid", "offline_access", "imap"],
  extraTokenClaims: (ctx, token) => ({ email: token.accountId, username: token.accountId }),
  conformIdTokenClaims: false,
  cookies: { keys: [randomBytes(16).toString("hex")] },
  pkce: { required: () => true },
  rotateRefreshToken: (ctx) => ctx.oidc.client.clientId === options.rotates,
  issueRefreshToken: (ctx, client, code) =>
    client.grantTypeAllowed("refresh_token") && code.scopes.has("offline_access"),
  ttl: {
    AccessToken: options.access_seconds,
    AuthorizationCode: 60,
    ClientCredentials: options.access_seconds,
    DeviceCode: options.device_seconds,
    Grant: 86400,
    IdToken: 3600,
    Interaction: 600,
    RefreshToken: options.refresh_seconds,
    Session: 86400,
  },
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  features: {
    clientCredentials: { enabled: true },
    deviceFlow: {
      enabled: true,
      userCodeInputSource: (ctx, form) => void (ctx.body = page(`${form}<button form="op.deviceInputForm">Go</button>`)),
      userCodeConfirmSource: (ctx, form) =>
        void (ctx.body = page(`${form}<button form="op.deviceConfirmForm">Yes</button>`)),
      successSource: (ctx) => void (ctx.body = page("<p>Signed in.</p>")),
    },
    devInteractions: { enabled: false },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true, allowedPolicy: (ctx, client, token) => client.clientId === token.clientId },
    rpInitiatedLogout: { enabled: false },
    userinfo: { enabled: false },
  },
});

// Some providers let a native client choose the path of its loopback address as well as the port, some do not.
const { redirectUriAllowed } = provider.Client.prototype;
provider.Client.prototype.redirectUriAllowed = function allowed(value) {
  const url = URL.parse(value);
  return (anyPath.has(this.clientId) && url?.protocol === "http:" && url.hostname === host) ||
    redirectUriAllowed.call(this, value);
};

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

function send(response, status, content, type = "application/json") {
  response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
  response.end(content);
}

// Login and consent in one form: login, password, and a button that says yes or no.
async function interaction(request, response) {
  const details = await provider.interactionDetails(request, response);
  const form = (problem) =>
    page(
      `<p>${problem}</p><form method="post" action="/interaction/${details.uid}"><input name="login">` +
        '<input type="password" name="password"><button name="answer" value="yes">Allow</button>' +
        '<button name="answer" value="no">Deny</button></form>',
    );
  if (request.method !== "POST") return send(response, 200, form(""), "text/html");
  const fields = new URLSearchParams(await body(request));
  if (fields.get("answer") === "no") {
    const result = { error: "access_denied", error_description: "the person said no" };
    return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  }
  const accountId = fields.get("login");
  if (!users.has(accountId) || users.get(accountId) !== fields.get("password")) {
    return send(response, 401, form("wrong"), "text/html");
  }
  const grant = new provider.Grant({ accountId, clientId: details.params.client_id });
  grant.addOIDCScope(details.params.scope ?? "openid");
  const result = { login: { accountId }, consent: { grantId: await grant.save() } };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

const grants = new Map(); // grant id -> address, so that everything of a person can be revoked
provider.on("grant.saved", (grant) => grants.set(grant.jti, grant.accountId));

async function control(request, response, path) {
  if (request.method === "GET") return send(response, 200, JSON.stringify(seen));
  const said = JSON.parse((await body(request)) || "{}");
  if (path === "/control/user") users.set(said.address, said.password);
  else if (path === "/control/plan") planned.push(said);
  else if (path === "/control/revoke") {
    for (const [id, address] of grants) {
      if (address !== said.address) continue;
      const grant = await provider.Grant.find(id);
      for (const kind of ["AccessToken", "RefreshToken", "AuthorizationCode"]) {
        await provider[kind].revokeByGrantId(id);
      }
      await grant?.destroy();
      grants.delete(id);
    }
  } else return send(response, 404, "{}");
  return send(response, 200, "{}");
}

const watched = new Set(["/token", "/token/revocation", "/token/introspection", "/device/auth"]);
const callback = provider.callback();

async function answer(request, response) {
  const { pathname } = new URL(request.url, issuer);
  if (pathname.startsWith("/control/")) return control(request, response, pathname);
  if (pathname.startsWith("/interaction/")) return interaction(request, response);
  if (watched.has(pathname)) {
    const text = await body(request);
    const note = { path: pathname, grant: new URLSearchParams(text).get("grant_type"), status: 0 };
    seen.push(note);
    response.on("close", () => (note.status = response.statusCode));
    const plan = pathname === "/token" ? planned.shift() : undefined;
    if (plan?.hold) await new Promise((done) => setTimeout(done, plan.hold * 1000));
    if (plan?.hangup) return request.socket.destroy();
    if (plan?.status) return send(response, plan.status, plan.body ?? "", plan.type);
    request.body = Object.fromEntries(new URLSearchParams(text)); // the library takes what is parsed already
  }
  return callback(request, response);
}

const server = http.createServer((request, response) => {
  answer(request, response).catch((error) => {
    if (!(error instanceof errors.OIDCProviderError)) console.error(error);
    if (!response.headersSent) send(response, 500, JSON.stringify({ error: error.message }));
  });
});
server.listen(options.port, host, () => console.log("listening"));
