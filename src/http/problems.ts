/**
 * Every error that the API answers. Clients may rely on names and statuses; docs/api.md lists them.
 */
export const PROBLEMS = {
  'invalid-request': { status: 400, title: 'The request is not valid' },
  'invalid-json': { status: 400, title: 'The body is not acceptable JSON' },
  'malformed-request': { status: 400, title: 'The request is not well-formed HTTP' },
  unauthorized: { status: 401, title: 'A key or token is required' },
  'graph-token-refused': { status: 401, title: "Graph's token is required" },
  forbidden: { status: 403, title: 'The key does not allow this' },
  'call-not-found': { status: 404, title: 'The call is unknown' },
  'call-ended': { status: 404, title: 'Graph says that the call has ended' },
  'owner-not-found': { status: 404, title: 'The owner is unknown' },
  'route-not-found': { status: 404, title: 'There is no such route' },
  'method-not-allowed': { status: 405, title: 'The route does not support this method' },
  'request-timeout': { status: 408, title: 'The request took too long to arrive' },
  'body-too-large': { status: 413, title: 'The body is too large' },
  'unsupported-media-type': { status: 415, title: 'The body must be JSON' },
  'rate-limited': { status: 429, title: 'Too many requests' },
  'too-many-owners': { status: 429, title: 'Too many owners have a lease' },
  'headers-too-large': { status: 431, title: 'The headers are too large' },
  'internal-error': { status: 500, title: 'Callkeeper failed to handle the request' },
  'keep-alive-failed': { status: 502, title: 'Graph did not renew the call' },
  'store-unavailable': { status: 503, title: 'The registry of calls is not available' },
  'too-many-streams': { status: 503, title: 'Too many event streams are open' },
  'graph-keys-unavailable': { status: 503, title: "Graph's token cannot be checked now" },
  'entra-keys-unavailable': { status: 503, title: "Entra's token cannot be checked now" },
  'not-ready': { status: 503, title: 'This replica is not ready to serve' },
} as const;

export type ProblemName = keyof typeof PROBLEMS;

export interface Fault {
  /** JSON pointer into the body (RFC 6901): `/labels/room`; '' is the whole body. */
  readonly pointer?: string;
  /** The name of a parameter of the path or query. */
  readonly parameter?: string;
  readonly detail: string;
}

/** An RFC 9457 problem document; some kinds have members of their own. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly errors?: readonly Fault[];
  readonly [member: string]: unknown;
}

/** A URN, so it is the same on every host, and nobody tries to open it. */
export function problemType(name: ProblemName): string {
  return `urn:callkeeper:problem:${name}`;
}

/** @param members further members, for kinds that have them */
export function problemBody(
  name: ProblemName,
  detail: string,
  members: Readonly<Record<string, unknown>> = {},
): ProblemBody {
  const { status, title } = PROBLEMS[name];
  return { type: problemType(name), title, status, detail, ...members };
}

/** @param faults at least one */
export function invalidBody(faults: readonly Fault[]): ProblemBody {
  const { pointer, parameter, detail } = faults[0] as Fault;
  const where = parameter ?? (pointer || 'body');
  const more = faults.length > 1 ? `; and ${faults.length - 1} more` : '';
  return problemBody('invalid-request', `${where}: ${detail}${more}`, { errors: faults });
}

/** Thrown by routes and hooks; the error handler sends it. */
export class Problem extends Error {
  readonly code = 'PROBLEM';
  readonly body: ProblemBody;
  readonly headers: Readonly<Record<string, string>>;

  constructor(body: ProblemBody, headers: Readonly<Record<string, string>> = {}) {
    super(body.detail);
    this.name = 'Problem';
    this.body = body;
    this.headers = headers;
  }
}

export function callNotFound(id: string): Problem {
  const detail = `${id} is not tracked, and was not within the last 24 hours`;
  return new Problem(problemBody('call-not-found', detail));
}

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';
