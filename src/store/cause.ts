import { UnsupportedRedisError } from './unsupported.ts';

/** Why Redis does not serve. Its texts hold no secrets, because `/readyz` is open to anybody. */
export interface RedisCause {
  /** Redis's own word (`WRONGPASS`), Node's (`ENOTFOUND`), or ours; the same for the same cause. */
  readonly code: string;
  /** A clause without a full stop. */
  readonly what: string;
  /** What to do, in sentences. */
  readonly fix: string;
}

type Told = readonly [what: string, fix: string];

const CREDENTIALS = 'Put the user and the password of Redis into REDIS_URL.';
const SEE_LOG = "See Redis's log.";
const ADDRESS = 'Start Redis, or correct host and port in REDIS_URL, or open the firewall.';
const TRUST = 'Name the private CA in NODE_EXTRA_CA_CERTS.';

/** By first word: https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors */
const REPLIES: Readonly<Record<string, Told>> = {
  WRONGPASS: ['Redis rejects the user or the password', CREDENTIALS],
  NOAUTH: ['Redis requires a password', CREDENTIALS],
  NOPERM: [
    'the ACL user lacks a permission',
    'Let the ACL user of REDIS_URL use our keys: ~{callkeeper:*}:* +@all.',
  ],
  READONLY: [
    'Redis is a read-only replica',
    'Name the master in REDIS_URL, not a replica of it; or its Sentinels with redis+sentinel://.',
  ],
  DENIED: [
    'Redis is in protected mode: it takes connections from its own host only',
    'Set a password (requirepass), or bind Redis to a private address and set protected-mode no.',
  ],
  OOM: ['Redis is out of memory', 'Give Redis more memory (maxmemory).'],
  LOADING: ['Redis is loading its data from disk', 'Wait: Redis serves when it has read its data.'],
  BUSY: ['Redis is busy with a script', 'Find who runs it, and end it (redis-cli SCRIPT KILL).'],
  MISCONF: ['Redis cannot write to its disk', 'Make room on the disk of Redis.'],
  NOREPLICAS: [
    'too few replicas of Redis are in step (min-replicas-to-write)',
    'Start its replicas, or lower min-replicas-to-write.',
  ],
  MASTERDOWN: ['the replica of Redis has lost its master', 'Start the master.'],
  CLUSTERDOWN: ['the Cluster does not serve our hash slot', 'Start the nodes that are down.'],
  MOVED: [
    'the server is a node of a Cluster, and our keys are on another',
    'Name it with redis+cluster:// (rediss+cluster:// for TLS).',
  ],
  TRYAGAIN: ['the Cluster is moving our hash slot', 'Wait until the slot has moved.'],
  WRONGTYPE: ['a key of ours in Redis holds something else', 'Find who else writes to this Redis.'],
};

const CLOSED: Told = ['the connection was closed', `${SEE_LOG} If Redis wants TLS, use rediss://.`];
const SLOW = `${ADDRESS} If Redis wants no TLS, use redis://.`;

/** By the `code` of Node's errors. */
const CODES: Readonly<Record<string, Told>> = {
  ECONNREFUSED: ['nothing listens there', ADDRESS],
  EHOSTUNREACH: ['there is no route to its host', ADDRESS],
  ENETUNREACH: ['there is no route to its network', ADDRESS],
  ETIMEDOUT: ['no connection could be made in time', SLOW],
  ECONNRESET: CLOSED,
  EPIPE: CLOSED,
  CERT_HAS_EXPIRED: ["Redis's certificate has expired", 'Give Redis a new certificate.'],
  CERT_NOT_YET_VALID: ["Redis's certificate is not valid yet", "Check this host's clock."],
  ERR_SSL_WRONG_VERSION_NUMBER: [
    'Redis does not speak TLS there',
    'Use redis://, or the TLS port.',
  ],
};

/** Whether the cause is only that the connection was closed; an earlier error may say more. */
export function isVague({ code }: RedisCause): boolean {
  return code === 'ECONNRESET' || code === 'EPIPE';
}

/** The clearest cause among the errors of one failure. */
export function clearestCause(errors: readonly unknown[]): RedisCause | null {
  const causes = errors.map(causeOf).filter((cause) => cause !== null);
  return causes.find((cause) => !isVague(cause)) ?? causes[0] ?? null;
}

const SELF_SIGNED = /SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER)|CERT_UNTRUSTED/;

export class RedisOutError extends Error {
  readonly reason: RedisCause;
  constructor(reason: RedisCause, cause: unknown) {
    super(reason.what, { cause });
    this.name = 'RedisOutError';
    this.reason = reason;
  }
}

/**
 * What an error of Redis means, for the log, `/readyz`, the board and `check`. null if the error
 * says only that there is no connection; then an earlier error or `diagnose` has the cause.
 */
export function causeOf(error: unknown): RedisCause | null {
  if (error instanceof RedisOutError) return error.reason;
  if (error instanceof UnsupportedRedisError) {
    const { what, fix } = error.unsupported;
    return { code: error.code, what: what.replace(/\.$/, ''), fix };
  }
  for (const inner of nestedIn(error)) {
    const cause = causeOf(inner);
    if (cause !== null) return cause;
  }
  const { message = String(error), code } = (error ?? {}) as NodeJS.ErrnoException;
  const last = /Last error: (?:\w*Error: )?(.+)$/s.exec(message)?.[1];
  if (last) return causeOf(new Error(last));
  return ofReply(message) ?? ofCode(error, code ?? codeIn(message), message) ?? ofText(message);
}

/** The errors inside an error of a Cluster or of Node's resolver, and its `cause`. */
function nestedIn(error: unknown): unknown[] {
  const { lastNodeError, errors, cause } = (error ?? {}) as Record<string, unknown>;
  return [lastNodeError, ...(Array.isArray(errors) ? errors : []), cause].filter(Boolean);
}

/** Redis 6.2 wraps the errors of scripts: `ERR Error running script …: -OOM command …`. */
function ofReply(message: string): RedisCause | null {
  const code = /^(?!ERR )([A-Z]{3,}) /.exec(message)?.[1] ?? /: ?-([A-Z]{3,}) /.exec(message)?.[1];
  const [what, fix] = REPLIES[code ?? ''] ?? [];
  if (code && what && fix) {
    const command = code === 'NOPERM' && /the '([\w|.]+)' command/.exec(message)?.[1];
    return { code, what: `${what} (${command ? `${code}: ${command}` : code})`, fix };
  }
  if (/max number of clients/.test(message)) {
    const told = 'Redis has no room for another connection (maxclients)';
    return { code: 'MAXCLIENTS', what: told, fix: 'Raise maxclients, or close idle connections.' };
  }
  if (/invalid (?:username-password|password)|without any password configured/.test(message)) {
    return { code: 'WRONGPASS', what: 'Redis rejects the user or the password', fix: CREDENTIALS };
  }
  return null;
}

function codeIn(message: string): string | undefined {
  if (/does not match certificate's altnames/.test(message)) return 'ERR_TLS_CERT_ALTNAME_INVALID';
  return /\b(E[A-Z_]{3,}[A-Z])\b/.exec(message)?.[1];
}

function ofCode(error: unknown, code: string | undefined, message: string): RedisCause | null {
  if (code === undefined || code === 'ERR') return null;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    const name = /(?:ENOTFOUND|EAI_AGAIN) (\S+)/.exec(message)?.[1] ?? '';
    const what = `the name "${name}" cannot be resolved (${code})`;
    return { code, what, fix: 'Correct the host in REDIS_URL, or the DNS that this host asks.' };
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return wrongName(error, message);
  if (SELF_SIGNED.test(code)) {
    return { code, what: `Redis's certificate is of an unknown CA (${code})`, fix: TRUST };
  }
  const known = CODES[code];
  if (known) return { code, what: `${known[0]}${placeIn(message)} (${code})`, fix: known[1] };
  if (/^(?:EPROTO|ERR_SSL_|ERR_TLS_)/.test(code)) {
    return { code, what: `the TLS handshake failed (${code})`, fix: TRUST };
  }
  return null;
}

function wrongName(error: unknown, message: string): RedisCause {
  const { host, cert } = error as { host?: string; cert?: { subjectaltname?: string } };
  const told = /(?:Host|IP): (\S+?)\.? is not .+?: ?(.*)$/.exec(message);
  const names = cert?.subjectaltname || told?.[2] || 'another name';
  return {
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    what: `Redis's certificate is for ${names}, not for ${host ?? told?.[1]}`,
    fix: 'Name Redis in REDIS_URL as its certificate does, or put that name into REDIS_TLS_SERVERNAME.',
  };
}

function placeIn(message: string): string {
  const place = /^connect [A-Z]+ (\S+:\d+)/.exec(message)?.[1];
  return place ? `: ${place}` : '';
}

/** For errors of ioredis, which have no code. */
function ofText(message: string): RedisCause | null {
  if (/Command timed out|Socket timeout/.test(message)) {
    const what = 'Redis takes connections, but gives no answer (timeout)';
    return { code: 'TIMEOUT', what, fix: `${SEE_LOG} It hangs, or its host is overloaded.` };
  }
  if (/Connection is closed|connection close/.test(message)) {
    return { code: 'ECONNRESET', what: CLOSED[0], fix: CLOSED[1] };
  }
  if (/Protocol error|RESP type/.test(message)) {
    const fix = 'Correct host and port in REDIS_URL; if Redis wants TLS, use rediss://.';
    return { code: 'PROTOCOL', what: "what answers there does not speak Redis's protocol", fix };
  }
  const reply = /^ERR (.+?)(?:, with args|$)/.exec(message)?.[1];
  if (reply) return { code: 'ERR', what: `Redis answers with an error: ${reply}`, fix: SEE_LOG };
  return null;
}
