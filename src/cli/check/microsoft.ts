import type { CallError } from '../../calls/call.ts';
import type { App } from '../../graph/app.ts';
import type { KeepAliveAttempt } from '../../graph/attempt.ts';
import { isForeign, requestIdOf } from '../../graph/graph-error.ts';
import type { Probe, ProbedToken, Prober } from '../../graph/probe.ts';
import { TokenError } from '../../graph/token-cache.ts';
import { header } from '../../headers/header.ts';
import { fixOfAnswer, fixOfSilence, fixOfToken, GRANT, ROLES } from '../../overview/fixes.ts';
import { clockFindings } from './clocks.ts';
import { about, type Finding } from './finding.ts';

/** Entra refuses assertions of a clock that is off by more, in ms: AADSTS700024. */
const CLOCK_FAIL_MS = 5 * 60_000;
/** An HTTP date has whole seconds. */
const DATE_RESOLUTION_MS = 1_000;

/** Checks an app at Entra and Graph. Never rejects. */
export async function checkApp(app: App, prober: Prober, skewMs: number): Promise<Finding[]> {
  try {
    return probeFindings(app, await prober.probe(app), skewMs);
  } catch (error) {
    const fix = 'This is a fault of Callkeeper: please report it.';
    return [about(app.name).failed('token', `unexpected: ${String(error)}`, fix)];
  }
}

export function probeFindings(app: App, { token, attempt }: Probe, skewMs: number): Finding[] {
  const hasToken = !(token instanceof TokenError);
  return [
    ...(hasToken ? tokenFindings(app, token) : [tokenErrorFinding(app, token)]),
    answerFinding(app, attempt, hasToken),
    ...dateFindings(app, attempt, skewMs),
  ];
}

function tokenFindings(app: App, { roles }: ProbedToken): Finding[] {
  const tell = about(app.name);
  const had = tell.ok('token', `a token for Graph from ${sourceOf(app)}`);
  if (roles === null) {
    return [
      had,
      tell.warning('permission', 'the token cannot be read, so its roles are unknown', GRANT),
    ];
  }
  const held = ROLES.filter((role) => roles.includes(role));
  if (held.length > 0) return [had, tell.ok('permission', held.join(', '))];
  const instead = roles.length === 0 ? 'no role at all' : `only ${roles.slice(0, 20).join(', ')}`;
  return [had, tell.failed('permission', `the token holds ${instead}`, GRANT)];
}

function tokenErrorFinding(app: App, error: TokenError): Finding {
  const detail = `no token from ${sourceOf(app)}: ${error.message}`;
  return about(app.name).failed('token', detail, fixOfToken(error.entraCode, systemCodeOf(error)));
}

function answerFinding(app: App, attempt: KeepAliveAttempt, hasToken: boolean): Finding {
  const tell = about(app.name);
  const { classification, outcome, answer } = attempt;
  const where = new URL(app.graphBaseUrl).host;
  if (classification.kind === 'ended') {
    return tell.ok('graph', `${where} does not know a made-up call, as expected (8522)`);
  }
  const error = 'error' in outcome ? outcome.error : null;
  if (answer === null) {
    const fix = fixOfSilence(error?.code ?? 'network', 'GRAPH_BASE_URL');
    return tell.failed('graph', error?.message ?? 'no answer', fix);
  }
  const isGraphs = !isForeign(answer);
  if (!hasToken && answer.status === 401 && isGraphs) {
    return tell.ok('graph', `${where} answers and requires a token`);
  }
  const told = `${where} answered ${answer.status} for a made-up call; expected Graph's own 404 with the code 8522`;
  const detail = error ? `${told}: ${describe(error)}` : told;
  return tell.failed('graph', detail, fixOfAnswer(answer.status, isGraphs));
}

function describe({ code, message }: CallError): string {
  return code === null ? message : `${code}: ${message}`;
}

function systemCodeOf({ cause }: TokenError): string {
  const { code } = (cause ?? {}) as { code?: unknown };
  return String(code ?? '');
}

function dateFindings(app: App, { answer, sent }: KeepAliveAttempt, skewMs: number): Finding[] {
  const at = Date.parse((answer && header(answer, 'date')) ?? '');
  // The clock of a proxy in front of Graph does not matter.
  if (answer === null || requestIdOf(answer) === null || Number.isNaN(at)) return [];
  const reading = { ...sent, at, resolutionMs: DATE_RESOLUTION_MS };
  const finding = clockFindings('graph.clock', "Graph's", reading, {
    warnMs: skewMs,
    failMs: CLOCK_FAIL_MS,
    consequence: 'Entra refuses assertions with this time',
  });
  return [{ ...finding, subject: app.name }];
}

function sourceOf(app: App): string {
  const { kind } = app.credential;
  return kind === 'managed-identity' ? 'its managed identity' : app.authorityHost;
}
