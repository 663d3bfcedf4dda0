import type { Logger } from 'pino';
import type { Call, CallError } from '../calls/call.ts';
import type { Outcome } from '../calls/outcome.ts';
import { plural } from '../calls/wording.ts';
import { faultOf } from '../overview/causes.ts';
import { type FailureSummary, Summaries } from './summaries.ts';

interface Failure {
  readonly app: string;
  readonly call: string;
  readonly error: CallError | null;
}

const MOST_OF_A_MESSAGE = 200;

/**
 * Logs failed keepAlives, calls at risk and calls that Graph does not know: in an outage one line
 * per cause and minute.
 */
export class FailureLog {
  readonly #log: Logger;
  readonly #failures = new Summaries<Failure>((summary) => this.#tellFailures(summary));
  readonly #risks = new Summaries<Failure>((summary) => this.#tellRisks(summary));
  readonly #unknown = new Summaries<Failure>((summary) => this.#tellUnknown(summary));

  constructor(log: Logger) {
    this.#log = log;
  }

  failed(call: Call, { kind: outcome, error }: Exclude<Outcome, { kind: 'renewed' }>): void {
    const { id, app } = call;
    const failures = call.consecutiveFailures + 1;
    this.#log.debug({ event: 'failed', call: id, outcome, failures, error }, 'keepAlive failed');
    this.#failures.add(causeOf(app, error), id, { app, call: id, error });
  }

  atRisk({ id, app, renewedAt, lastError: error }: Call): void {
    this.#log.debug({ event: 'at-risk', call: id, renewedAt, error }, 'call is at risk');
    this.#risks.add(causeOf(app, error), id, { app, call: id, error });
  }

  /** The call ended without ever having been renewed. */
  unknown({ id, app, lastError: error }: Call): void {
    this.#unknown.add(app, id, { app, call: id, error });
  }

  flush(): void {
    this.#failures.flush();
    this.#risks.flush();
    this.#unknown.flush();
  }

  #tellFailures(summary: FailureSummary<Failure>): void {
    const { kind, count: attempts, calls } = summary;
    const fields = { event: `failing-${kind}`, attempts, calls, ...evidenceOf(summary) };
    const text = describeFailures(summary);
    if (kind === 'over') this.#log.info(fields, text);
    else this.#log.warn(fields, text);
  }

  #tellRisks(summary: FailureSummary<Failure>): void {
    const { kind, calls } = summary;
    if (kind === 'over') return;
    const risk = 'at risk, with under a third of the deadline left';
    const subject = calls === 1 ? 'a call is' : `${plural(calls, 'call')} are`;
    const fields = { event: `at-risk-${kind}`, calls, ...evidenceOf(summary) };
    this.#log.error(fields, `${subject} ${risk}: ${reasonOf(summary)}`);
  }

  #tellUnknown(summary: FailureSummary<Failure>): void {
    const { kind, calls } = summary;
    if (kind === 'over') return;
    const fields = { event: `unknown-${kind}`, calls, ...evidenceOf(summary) };
    const ids = calls === 1 ? 'this id' : `the ids of ${plural(calls, 'call')}`;
    const fate = calls === 1 ? 'the call ended' : 'within a minute they ended';
    this.#log.warn(
      fields,
      `Graph does not know ${ids}: wrong id, tenant or cloud? ${fate} without ever having been renewed`,
    );
  }
}

function causeOf(app: string, error: CallError | null): string {
  return `${app}\n${error === null ? '' : faultOf(error)}`;
}

function describeFailures(summary: FailureSummary<Failure>): string {
  const { kind, count: attempts, calls } = summary;
  const why = reasonOf(summary);
  switch (kind) {
    case 'first':
      return `a keepAlive failed: ${why}; further ones are counted each minute`;
    case 'more':
      return `keepAlives fail: ${why}; ${plural(attempts, 'attempt')} for ${plural(calls, 'call')} in a minute`;
    case 'over':
      // Others may still fail, for another reason or in another app.
      return `no more keepAlives failed like this for a minute, after ${plural(attempts, 'failure')}: ${why}`;
  }
}

/** If several causes are counted together, the app and the reason are those of the example only. */
function evidenceOf({
  since,
  isMixed,
  example: { app, call, error },
}: FailureSummary<Failure>): object {
  if (isMixed) return { sinceAt: since, example: { app, call, error } };
  return { app, sinceAt: since, example: { call, error } };
}

function reasonOf({ isMixed, example: { error } }: FailureSummary<Failure>): string {
  const why = describeError(error);
  return isMixed ? `too many reasons for a line each, the latest: ${why}` : why;
}

function describeError(error: CallError | null): string {
  if (error === null) return 'no attempt was made';
  const { status, code, message } = error;
  const text =
    message.length > MOST_OF_A_MESSAGE ? `${message.slice(0, MOST_OF_A_MESSAGE)}…` : message;
  const what =
    status === null ? (code ?? '') : [status, code].filter((one) => one !== null).join(' ');
  return what === '' ? text : `${what}: ${text}`;
}
