import type { Problem, ProblemType } from './api.ts';

/**
 * Callkeeper refused the request, so a retry does not help. `problem.type` says why.
 */
export class CallkeeperError extends Error {
  readonly code = 'CALLKEEPER_REFUSED';
  readonly status: number;
  /** null if the answer was not from Callkeeper, but from a proxy or another server. */
  readonly problem: (Problem & { readonly type: ProblemType | (string & {}) }) | null;

  constructor(status: number, problem: Problem | null, where: string) {
    super(`${where}: ${problem ? `${problem.title}: ${problem.detail}` : `HTTP ${status}`}`);
    this.name = 'CallkeeperError';
    this.status = status;
    this.problem = problem;
  }

  is(type: ProblemType): boolean {
    return this.problem?.type === type;
  }
}

/**
 * Callkeeper could not be reached, or was not ready, within the time. The request may have had its
 * effect or not; a retry is safe.
 */
export class CallkeeperUnreachableError extends Error {
  readonly code = 'CALLKEEPER_UNREACHABLE';
  readonly attempts: number;

  /**
   * @param cause the error of the last attempt: what `fetch` threw, or a {@link CallkeeperError}
   */
  constructor(where: string, attempts: number, cause: unknown) {
    const why = cause instanceof Error ? describe(cause) : String(cause);
    super(`${where}: no answer after ${attempts} attempts: ${why}`, { cause });
    this.name = 'CallkeeperUnreachableError';
    this.attempts = attempts;
  }
}

/** `fetch` hides the reason behind "fetch failed". */
function describe({ message, cause }: Error): string {
  if (!(cause instanceof Error)) return message;
  // If several addresses were tried, the error has a code but no message.
  const { code } = cause as Error & { code?: string };
  return `${message} (${cause.message || code || cause.name})`;
}
