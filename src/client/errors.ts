import type { Problem, ProblemType } from './api.ts';

/**
 * Callkeeper has answered that the request will not do: asking again does not
 * help. `problem.type` says what it is.
 */
export class CallkeeperError extends Error {
  readonly code = 'CALLKEEPER_REFUSED';
  readonly status: number;
  /** null where the answer was none of Callkeeper's: of a proxy, or of another server. */
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
 * Callkeeper could not be reached within the time, or was not ready in all of it.
 * What was asked may have been done or not; asking again is safe.
 */
export class CallkeeperUnreachableError extends Error {
  readonly code = 'CALLKEEPER_UNREACHABLE';
  readonly attempts: number;

  /** @param cause of the last attempt: what `fetch` threw, or a {@link CallkeeperError} */
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
  // Where several addresses were tried there is a code, but no message.
  const { code } = cause as Error & { code?: string };
  return `${message} (${cause.message || code || cause.name})`;
}
