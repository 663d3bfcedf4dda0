import Type from 'typebox';
import { CallRef } from './call-resource.ts';
import { PROBLEM_MEDIA_TYPE, PROBLEMS, type ProblemName, problemType } from './problems.ts';

const FaultSchema = Type.Object(
  {
    pointer: Type.Optional(Type.String({ description: 'JSON pointer (RFC 6901) into the body.' })),
    parameter: Type.Optional(Type.String({ description: 'Name of a path or query parameter.' })),
    detail: Type.String(),
  },
  { title: 'Fault' },
);

const problemMembers = {
  type: Type.String({ format: 'uri', description: 'Names the kind of problem; stable.' }),
  title: Type.String({ description: 'What this kind of problem is.' }),
  status: Type.Integer({ minimum: 400, maximum: 599 }),
  detail: Type.String({ description: 'What went wrong this time.' }),
  errors: Type.Optional(
    Type.Array(FaultSchema, { description: 'For invalid-request: each fault and its place.' }),
  ),
};

export const ProblemSchema = Type.Object(problemMembers, {
  $id: 'Problem',
  title: 'Problem',
  description: 'An RFC 9457 problem document. Some kinds have further members.',
  examples: [
    {
      type: problemType('invalid-request'),
      title: PROBLEMS['invalid-request'].title,
      status: 400,
      detail: '/labels: must have at most 16 members',
      errors: [{ pointer: '/labels', detail: 'must have at most 16 members' }],
    },
  ],
});

export const KeepAliveProblemSchema = Type.Object(
  {
    ...problemMembers,
    outcome: Type.Optional(
      Type.Enum(['ended', 'throttled', 'refused', 'failed'], {
        type: 'string',
        title: 'KeepAliveFailure',
      }),
    ),
    call: Type.Optional(CallRef),
    lastError: Type.Optional(Type.Unsafe<unknown>({ $ref: 'LastError#' })),
  },
  {
    $id: 'KeepAliveProblem',
    title: 'KeepAliveProblem',
    description:
      'A failed keepAlive. If Graph says that the call has ended, it has the `call`; otherwise it has ' +
      '`lastError`.',
  },
);

export const ReadinessProblemSchema = Type.Object(
  { ...problemMembers, reasons: Type.Optional(Type.Array(Type.String())) },
  {
    $id: 'ReadinessProblem',
    title: 'ReadinessProblem',
    description: 'Why this replica is not ready, one reason each.',
  },
);

type ComponentName = 'Problem' | 'KeepAliveProblem' | 'ReadinessProblem';

/** Of every route. The parser's 408 and 431 are missing: it sends them before a route is known. */
const ANYWHERE: readonly ProblemName[] = ['malformed-request', 'internal-error'];
const BEHIND_A_KEY: readonly ProblemName[] = [
  'unauthorized',
  'forbidden',
  'rate-limited',
  'entra-keys-unavailable',
];

/** Of every route whose method may have a body, even if the route needs none. */
export const BODY_PROBLEMS: readonly ProblemName[] = [
  'invalid-json',
  'body-too-large',
  'unsupported-media-type',
];

const HEADERS: Partial<Record<number, object>> = {
  401: { 'WWW-Authenticate': { type: 'string', description: 'The challenge of RFC 6750.' } },
  429: { 'Retry-After': { type: 'integer', description: 'Seconds to wait.' } },
};

/** The errors of a route that needs a key, for its `schema.response`. */
export function problemAnswers(names: readonly ProblemName[], component?: ComponentName) {
  return openProblemAnswers([...names, ...BEHIND_A_KEY], component);
}

export function openProblemAnswers(
  names: readonly ProblemName[],
  component: ComponentName = 'Problem',
) {
  const all = [...names, ...ANYWHERE];
  const statuses = [...new Set(all.map((name) => PROBLEMS[name].status))].sort();
  return Object.fromEntries(
    statuses.map((status) => {
      const here = all.filter((name) => PROBLEMS[name].status === status);
      const headers = HEADERS[status];
      return [status, { ...problemAnswer(here, component), ...(headers ? { headers } : {}) }];
    }),
  );
}

function problemAnswer(names: readonly ProblemName[], component: ComponentName) {
  return {
    description: names
      .map((name) => `\`${problemType(name)}\`: ${PROBLEMS[name].title}.`)
      .join(' '),
    content: { [PROBLEM_MEDIA_TYPE]: { schema: Type.Unsafe<unknown>({ $ref: `${component}#` }) } },
  };
}
