import { parseCallId } from '../calls/call.ts';
import { OWNER_PATTERN } from '../calls/owner.ts';
import { Callkeeper, CallkeeperError, CallkeeperUnreachableError } from '../client/index.ts';
import { readEnvironment } from '../config/environment.ts';
import { type RemoteConfig, readRemoteConfig } from '../config/remote.ts';
import { UsageError } from './command.ts';
import { limitLookups } from './ending.ts';
import { EXIT } from './exit.ts';

const ATTEMPT_MS = 5_000;
const LONGEST_S = 3_600;

export interface Remote extends RemoteConfig {
  readonly callkeeper: Callkeeper;
}

interface RemoteOptions {
  readonly url?: readonly string[] | undefined;
  /** How long a request may take with all its retries, in s. */
  readonly timeout: string;
}

/** @throws ConfigError, UsageError */
export function connect({ url, timeout }: RemoteOptions): Remote {
  const totalMs = readTimeout(timeout);
  const config = readRemoteConfig(readEnvironment(), url);
  limitLookups();
  const { urls: baseUrl, apiKey } = config;
  return {
    ...config,
    callkeeper: new Callkeeper({ baseUrl, apiKey, attemptMs: ATTEMPT_MS, totalMs }),
  };
}

/** @throws UsageError */
function readTimeout(text: string): number {
  const seconds = /^\d{1,4}(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (seconds > 0 && seconds <= LONGEST_S) return Math.ceil(seconds * 1_000);
  throw new UsageError(
    `--timeout: expected seconds, more than 0 and up to ${LONGEST_S}, got ${JSON.stringify(text)}`,
  );
}

/** @throws UsageError */
export function readId(text: string): string {
  const id = parseCallId(text);
  if (id !== null) return id;
  throw new UsageError(`expected a call's id of 8 to 128 of A-Z a-z 0-9 - _, got ${shown(text)}`);
}

/** @throws UsageError */
export function readOwner(text: string): string {
  if (new RegExp(OWNER_PATTERN).test(text)) return text;
  const expected = '1 to 128 of A-Z a-z 0-9 . _ : -, but not . or ..';
  throw new UsageError(`expected an owner's name of ${expected}, got ${shown(text)}`);
}

function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

/** The message and exit code for an error of the client; null for any other error. */
export function describeRefusal(error: unknown): { message: string; exit: number } | null {
  if (error instanceof CallkeeperUnreachableError) {
    return { message: describeSilence(error), exit: EXIT.unreachable };
  }
  if (!(error instanceof CallkeeperError)) return null;
  const { status, problem, message } = error;
  const said = problem ? `${problem.title}: ${problem.detail}` : null;
  switch (status) {
    case 401:
      return {
        message: `${said ?? message}\nGive a key in CALLKEEPER_API_KEY, or its file in CALLKEEPER_API_KEY_FILE.`,
        exit: EXIT.unauthorized,
      };
    case 403:
      return { message: said ?? message, exit: EXIT.forbidden };
    default:
      if (problem === null) {
        return {
          message: `${message}: what answers there is not Callkeeper`,
          exit: EXIT.unreachable,
        };
      }
      return {
        message: said ?? message,
        exit: UNKNOWN.some((type) => error.is(type)) ? EXIT.unknown : EXIT.failed,
      };
  }
}

/** Problems that are about one call or owner; other 404s are about the request. */
const UNKNOWN = [
  'urn:callkeeper:problem:call-not-found',
  'urn:callkeeper:problem:call-ended',
  'urn:callkeeper:problem:owner-not-found',
] as const;

function describeSilence(error: CallkeeperUnreachableError): string {
  const { cause } = error;
  if (!(cause instanceof CallkeeperError)) {
    return `Callkeeper cannot be reached: ${error.message}\nIs it running there? Set its address with --url or CALLKEEPER_URL.`;
  }
  const { problem, status } = cause;
  if (problem === null) return `no replica of Callkeeper is ready: HTTP ${status}`;
  return `Callkeeper answers, but cannot do this now: ${problem.title}: ${problem.detail}`;
}
