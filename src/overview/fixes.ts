import type { Reason } from '../calls/record.ts';

/** keepAlive needs one of them. https://learn.microsoft.com/graph/api/call-keepalive */
export const ROLES: readonly string[] = ['Calls.Initiate.All', 'Calls.AccessMedia.All'];
export const GRANT = `Grant the app ${ROLES.join(' or ')} in Entra (API permissions, application), with the consent of an administrator.`;

/** https://learn.microsoft.com/entra/identity-platform/reference-error-codes */
const ENTRA_FIXES: Readonly<Record<string, string>> = {
  AADSTS7000215: "Give the secret's value, not its id, and check that it is a secret of this app.",
  AADSTS7000222: 'The secret has expired: create another and replace its file.',
  AADSTS700016: 'Correct the client id or the tenant: this tenant has no such app.',
  AADSTS90002: 'Correct the tenant id or GRAPH_CLOUD: this cloud has no such tenant.',
  AADSTS700027:
    'Upload the certificate to the app registration, or use the one that is registered.',
  AADSTS700024: "Set this machine's clock right: the assertion's time is off.",
  AADSTS7000112: 'The app is disabled: enable it in Entra (Enterprise applications).',
  AADSTS53003:
    'Conditional Access blocks the app: exempt it, or run Callkeeper from an allowed network.',
};

/** Our own codes, for what stopped a keepAlive before its request. */
const OWN_FIXES: Readonly<Record<string, string>> = {
  app: 'Add the app to APPS_FILE, or stop its calls.',
  internal: 'This is a fault of Callkeeper: please report it, with its log.',
  queued: 'Earlier requests of its app and tenant get no answer: check why they fail.',
  stopping: 'Nothing: the replica stops, and another one sends the request.',
};

/** Only for keepAlives: Callkeeper retries them, but nobody retries a check. */
const GRAPH_FAILS =
  'Callkeeper retries by itself. Watch the time left, look at https://status.cloud.microsoft, and open a ticket with Microsoft.';
const THROTTLED =
  'Callkeeper waits as long as Graph says, and retries by itself. Let others that use the app in this tenant send less.';

/** The texts of `callkeeper check`, except where Callkeeper retries by itself. */
export function fixOf({ status, code, message }: Reason): string {
  if (code === 'token') return fixOfToken(entraCodeIn(message), systemCodeIn(message));
  if (status !== null && code !== 'foreign') {
    if (status === 429) return THROTTLED;
    if (status >= 500) return GRAPH_FAILS;
  }
  if (status !== null) return fixOfAnswer(status, code !== 'foreign');
  return OWN_FIXES[code ?? ''] ?? fixOfSilence(code ?? 'network', 'GRAPH_BASE_URL');
}

/** null if Entra gave none. */
export function entraCodeIn(message: string): string | null {
  return /\bAADSTS\d+\b/.exec(message)?.[0] ?? null;
}

/**
 * @param entraCode `AADSTS…`; null if Entra did not answer with one
 * @param systemCode why there was no answer; '' if that is unknown
 */
export function fixOfToken(entraCode: string | null, systemCode: string): string {
  if (entraCode === null) return fixOfSilence(systemCode, 'AZURE_AUTHORITY_HOST');
  return (
    ENTRA_FIXES[entraCode] ??
    `See https://login.microsoftonline.com/error?code=${entraCode.slice('AADSTS'.length)}.`
  );
}

/** @param isGraphs false: the answer came from something in front of Graph */
export function fixOfAnswer(status: number, isGraphs: boolean): string {
  if (!isGraphs || status < 400) {
    return 'Something other than Graph answers: check GRAPH_BASE_URL, HTTPS_PROXY, and what is in between.';
  }
  if (status === 401)
    return 'Graph refuses the token: check that GRAPH_CLOUD and the tenant are those of the app.';
  if (status === 403) return `${GRANT} It must also be registered as a calling bot.`;
  if (status === 404) {
    return 'Check GRAPH_BASE_URL: it must lead to Graph itself, as in https://graph.microsoft.com/v1.0.';
  }
  return 'Graph fails or is overloaded: try again, and check its health in the Microsoft 365 admin center.';
}

/** @param code of the system, or of `ExchangeError`; '' if there was none */
export function fixOfSilence(code: string, variable: string): string {
  // Node's words for all that can be wrong with a certificate, and TLS's own.
  if (/CERT|SIGNATURE|TLS|SSL/.test(code)) {
    return 'Name the CA in NODE_EXTRA_CA_CERTS, in the environment or in .env, and restart.';
  }
  if (code === 'proxy') return 'Check HTTPS_PROXY and what the proxy lets through.';
  if (NO_REQUEST.has(code)) return 'Check the file of the credential.';
  return `Let this machine reach it (DNS, firewall, HTTPS_PROXY), or correct ${variable}.`;
}

/** Nothing was sent: the credential could not be read. */
const NO_REQUEST: ReadonlySet<string> = new Set(['', 'ENOENT', 'EACCES', 'EISDIR']);

/** Why nobody answered a request for a token; null if there was no request, or an answer. */
export function silenceIn(message: string): string | null {
  const code = systemCodeIn(message);
  if (NO_REQUEST.has(code)) return null;
  return code === 'network' ? 'no answer' : code;
}

/** A token's failure keeps the reason in its text alone. */
function systemCodeIn(message: string): string {
  const code = /\b(?:E[A-Z]{3,}|(?:CERT|UNABLE|SELF|DEPTH|ERR)_[A-Z_]+)\b/.exec(message)?.[0];
  return code ?? (/answer|time/i.test(message) ? 'network' : '');
}
