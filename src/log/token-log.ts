import type { Logger } from 'pino';
import { plural } from '../calls/wording.ts';
import { entraCodeIn } from '../overview/fixes.ts';
import { type FailureSummary, Summaries } from './summaries.ts';

interface Failure {
  /** '' if the token serves several apps. */
  readonly app: string;
  /** null: the token is that of a managed identity. */
  readonly tenantId: string | null;
  readonly reason: string;
  /** Whether the last token is still valid. */
  readonly isHeld: boolean;
}

/** Logs token requests that fail, in an outage one line per app, cause and minute. */
export class TokenLog {
  readonly #log: Logger;
  readonly #failures = new Summaries<Failure>((summary) => this.#write(summary));

  constructor(log: Logger) {
    this.#log = log;
  }

  failed(failure: Failure): void {
    const { app, tenantId, reason } = failure;
    // Entra's text has ids and the time of each request.
    const cause = entraCodeIn(reason) ?? reason;
    this.#failures.add(`${app}\n${cause}`, tenantId ?? '', failure);
  }

  flush(): void {
    this.#failures.flush();
  }

  #write(summary: FailureSummary<Failure>): void {
    const { kind, count: requests, calls: tenants, since: sinceAt, isMixed, example } = summary;
    const { app, tenantId, reason, isHeld: held } = example;
    const own = isMixed || app === '' ? {} : { app };
    const evidence = { ...(isMixed ? { app } : {}), tenantId, reason, held };
    const fields = { event: `no-token-${kind}`, ...own, requests, sinceAt, example: evidence };
    const why = isMixed ? `too many reasons for a line each, the latest: ${reason}` : reason;
    if (kind === 'first') {
      this.#log.warn(fields, `no token: ${why}; further failures are counted each minute`);
    } else if (kind === 'more') {
      const counted = `${plural(requests, 'request')} for ${plural(tenants, 'tenant')} in a minute`;
      this.#log.warn({ ...fields, tenants }, `no token: ${why}; ${counted}`);
    } else {
      const after = `after ${plural(requests, 'failure')}`;
      this.#log.info(fields, `no token request failed like this for a minute, ${after}: ${why}`);
    }
  }
}
