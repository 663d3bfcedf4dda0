import type { CallError } from '../../calls/call.ts';
import { header } from '../../calls/header.ts';
import type { App } from '../../graph/app.ts';
import type { Attempt } from '../../graph/attempt.ts';
import { isForeign, requestIdOf } from '../../graph/graph-error.ts';
import type { Probe, ProbedToken, Prober } from '../../graph/probe.ts';
import { TokenError } from '../../graph/token-cache.ts';
import { judgeClock } from './clocks.ts';
import { about, type Finding } from './finding.ts';

/** keepAlive asks for one of them. https://learn.microsoft.com/graph/api/call-keepalive */
const ROLES: readonly string[] = ['Calls.Initiate.All', 'Calls.AccessMedia.All'];
const GRANT = `Grant the app ${ROLES.join(' or ')} in Entra (API permissions, application), with the consent of an administrator.`;

/** By more the clock of an assertion is off for Entra: AADSTS700024. */
const CLOCK_FAIL_MS = 5 * 60_000;
/** An HTTP date has whole seconds. */
const DATE_RESOLUTION_MS = 1_000;

/** What becomes of an app at Entra and at Graph. Never rejects. */
export async function checkApp(app: App, prober: Prober, skewMs: number): Promise<Finding[]> {
  try {
    return judgeProbe(app, await prober.probe(app), skewMs);
  } catch (error) {
    const fix = 'This is a fault of Callkeeper: please report it.';
    return [about(app.name).failed('token', `unexpected: ${String(error)}`, fix)];
  }
}

export function judgeProbe(app: App, { token, attempt }: Probe, skewMs: number): Finding[] {
  const hasToken = !(token instanceof TokenError);
  return [
    ...(hasToken ? judgeToken(app, token) : [judgeTokenError(app, token)]),
    judgeAnswer(app, attempt, hasToken),
    ...judgeDate(app, attempt, skewMs),
  ];
}

function judgeToken(app: App, { roles }: ProbedToken): Finding[] {
  const tell = about(app.name);
  const had = tell.ok('token', `a token for Graph from ${sourceOf(app)}`);
  if (roles === null) {
    return [
      had,
      tell.warning('permission', 'the token cannot be read: its roles are unknown', GRANT),
    ];
  }
  const held = ROLES.filter((role) => roles.includes(role));
  if (held.length > 0) return [had, tell.ok('permission', held.join(', '))];
  const instead = roles.length === 0 ? 'no role at all' : `only ${roles.slice(0, 20).join(', ')}`;
  return [had, tell.failed('permission', `the token holds ${instead}`, GRANT)];
}

function judgeTokenError(app: App, error: TokenError): Finding {
  const detail = `no token from ${sourceOf(app)}: ${error.message}`;
  return about(app.name).failed('token', detail, fixOfToken(error));
}

/** https://learn.microsoft.com/entra/identity-platform/reference-error-codes */
const ENTRA_FIXES: Readonly<Record<string, string>> = {
  AADSTS7000215: "Give the secret's value, not its id, and that of this very app.",
  AADSTS7000222: 'The secret has expired: make another, and replace its file.',
  AADSTS700016: 'Mend the client id, or the tenant: this tenant has no such app.',
  AADSTS90002: 'Mend the tenant id, or GRAPH_CLOUD: this cloud has no such tenant.',
  AADSTS700027: 'Upload the certificate to the app registration, or give the one that is there.',
  AADSTS700024: "Set this machine's clock right: the assertion's time is off.",
  AADSTS7000112: 'The app is disabled: enable it in Entra (Enterprise applications).',
  AADSTS53003: 'Conditional Access keeps the app out: except it, or ask from where it may.',
};

function fixOfToken({ entraCode, cause }: TokenError): string {
  if (entraCode !== null) {
    return (
      ENTRA_FIXES[entraCode] ??
      `See https://login.microsoftonline.com/error?code=${entraCode.slice(6)}.`
    );
  }
  const { code } = (cause ?? {}) as { code?: unknown };
  return fixOfSilence(String(code ?? ''), 'AZURE_AUTHORITY_HOST');
}

function judgeAnswer(app: App, attempt: Attempt, hasToken: boolean): Finding {
  const tell = about(app.name);
  const { verdict, outcome, answer } = attempt;
  const where = new URL(app.graphBaseUrl).host;
  if (verdict.kind === 'ended') {
    return tell.ok('graph', `${where} knows no call that was made up, as it should (8522)`);
  }
  const error = 'error' in outcome ? outcome.error : null;
  if (answer === null) {
    const fix = fixOfSilence(error?.code ?? 'network', 'GRAPH_BASE_URL');
    return tell.failed('graph', error?.message ?? 'no answer', fix);
  }
  const isGraphs = !isForeign(answer);
  if (!hasToken && answer.status === 401 && isGraphs) {
    return tell.ok('graph', `${where} is reached, and wants a token`);
  }
  const told = `${where} answered ${answer.status} to a call that was made up, where Graph's own 404 with the code 8522 was expected`;
  const detail = error ? `${told}: ${describe(error)}` : told;
  return tell.failed('graph', detail, fixOfAnswer(answer.status, isGraphs));
}

function describe({ code, message }: CallError): string {
  return code === null ? message : `${code}: ${message}`;
}

function fixOfAnswer(status: number, isGraphs: boolean): string {
  if (!isGraphs || status < 400) {
    return 'It is not Graph that answers: see GRAPH_BASE_URL, HTTPS_PROXY, and what is in between.';
  }
  if (status === 401)
    return 'Graph refuses the token: see that GRAPH_CLOUD, and the tenant, are those of the app.';
  if (status === 403) return `${GRANT} It has to be registered as a calling bot too.`;
  if (status === 404) {
    return 'See GRAPH_BASE_URL: behind it must be Graph itself, as in https://graph.microsoft.com/v1.0.';
  }
  return 'Graph has trouble, or too much to do: try again, and see its health in the Microsoft 365 admin center.';
}

/** @param code of the system, or of `ExchangeError`; '' where none was told */
function fixOfSilence(code: string, variable: string): string {
  // Node's words for all that can be wrong with a certificate, and TLS's own.
  if (/CERT|SIGNATURE|TLS|SSL/.test(code)) {
    return 'Name the CA in NODE_EXTRA_CA_CERTS, which Node reads as it starts: from .env it counts with npm only.';
  }
  if (code === 'proxy') return 'See HTTPS_PROXY, and what the proxy lets through.';
  if (NO_REQUEST.has(code)) return 'See the file of the credential.';
  return `Let this machine reach it (DNS, firewall, HTTPS_PROXY), or mend ${variable}.`;
}

/** Nothing was sent: the credential could not be read. */
const NO_REQUEST: ReadonlySet<string> = new Set(['', 'ENOENT', 'EACCES', 'EISDIR']);

function judgeDate(app: App, { answer, sent }: Attempt, skewMs: number): Finding[] {
  const at = Date.parse((answer && header(answer, 'date')) ?? '');
  // The clock of something in front of Graph is nobody's concern.
  if (answer === null || requestIdOf(answer) === null || Number.isNaN(at)) return [];
  const reading = { ...sent, at, resolutionMs: DATE_RESOLUTION_MS };
  const finding = judgeClock('graph.clock', "Graph's", reading, {
    warnMs: skewMs,
    failMs: CLOCK_FAIL_MS,
    consequence: 'Entra refuses what is signed with it',
  });
  return [{ ...finding, subject: app.name }];
}

function sourceOf(app: App): string {
  const { kind } = app.credential;
  return kind === 'managed-identity' ? 'its managed identity' : app.authorityHost;
}
