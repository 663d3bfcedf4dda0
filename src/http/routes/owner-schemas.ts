import Type from 'typebox';
import { BODY_PROBLEMS, problemAnswers } from '../answers.ts';
import { Owner } from '../bot-fields.ts';
import { MOST_CALLS } from '../limits.ts';
import { OwnerRef, OwnerState } from '../owner-resource.ts';
import { AppName } from '../track-request.ts';

const params = Type.Object({ owner: Owner });
const ofApp = Type.Object(
  { app: Type.Optional(AppName) },
  { additionalProperties: false, description: 'The app of the owner; the default app if absent.' },
);

const LEASE_SECONDS = { minimum: 10, maximum: 86_400 } as const;
export const DEFAULT_LEASE_SECONDS = 90;

const LeaseBody = Type.Object(
  {
    leaseSeconds: Type.Optional(
      Type.Integer({
        ...LEASE_SECONDS,
        default: DEFAULT_LEASE_SECONDS,
        description:
          'How long the lease runs without another renewal. Renew it three times in that time, so ' +
          'that one request may fail.',
      }),
    ),
    app: Type.Optional({
      ...AppName,
      description: 'The app of the owner and its calls; the default app if absent.',
    }),
  },
  { additionalProperties: false, title: 'LeaseBody' },
);

export const renewSchema = {
  tags: ['Owners'],
  operationId: 'renewOwner',
  summary: 'Renew the lease of an owner',
  description:
    'One request renews the lease for all calls of the owner; it may have no calls yet. If the ' +
    'lease runs out, `owner.lapsed` is published; OWNER_GRACE later its calls are stopped. Time in ' +
    'which no replica served or Redis was out does not count.',
  params,
  querystring: ofApp,
  body: LeaseBody,
  response: {
    200: Type.Unsafe({ ...OwnerRef, description: 'The lease was renewed.' }),
    202: Type.Unsafe({
      ...OwnerRef,
      description: 'Redis is out: this replica stores the renewal later.',
    }),
    ...problemAnswers([
      'invalid-request',
      ...BODY_PROBLEMS,
      'too-many-owners',
      'store-unavailable',
    ]),
  },
};

export const findSchema = {
  tags: ['Owners'],
  operationId: 'getOwner',
  summary: 'One owner',
  description: 'An owner that has a lease or calls, or was lost within the last 24 hours.',
  params,
  querystring: ofApp,
  response: {
    200: Type.Unsafe({ ...OwnerRef, description: 'The owner.' }),
    ...problemAnswers(['invalid-request', 'owner-not-found', 'store-unavailable']),
  },
};

export const DEFAULT_LIMIT = 100;

export const listSchema = {
  tags: ['Owners'],
  operationId: 'listOwners',
  summary: 'The owners, page by page',
  description:
    'The owners, sorted by name. Without `state`, those that have a lease or calls. Every page costs ' +
    'the replica a read of all owners.',
  querystring: Type.Object(
    {
      app: Type.Optional(AppName),
      state: Type.Optional(OwnerState),
      limit: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: MOST_CALLS,
          default: DEFAULT_LIMIT,
          description: 'The most owners on the page.',
        }),
      ),
      cursor: Type.Optional(
        Type.String({ maxLength: 1_024, description: 'The `next` of the previous page.' }),
      ),
    },
    { additionalProperties: false },
  ),
  response: {
    200: Type.Object(
      {
        owners: Type.Array(OwnerRef),
        next: Type.Unsafe<string | null>({
          type: ['string', 'null'],
          description: 'The `cursor` of the next page; null on the last one.',
        }),
      },
      { title: 'OwnerPage', description: 'One page.' },
    ),
    ...problemAnswers(['invalid-request', 'store-unavailable']),
  },
};

const DropOwnerAnswer = Type.Object(
  {
    stopped: Type.Integer({ minimum: 0, description: 'How many calls were tracked until now.' }),
    durable: Type.Optional(Type.Literal(false, { description: 'Only while Redis is out.' })),
  },
  { title: 'DropOwnerAnswer' },
);

/** One schema for both answers, because generators use one type per operation. */
const dropAnswer = (description: string) => ({
  description,
  content: { 'application/json': { schema: DropOwnerAnswer } },
});

export const dropSchema = {
  tags: ['Owners'],
  operationId: 'dropOwner',
  summary: 'Stop all calls of an owner and drop its lease',
  description: 'May be repeated: for an unknown owner it stops no calls.',
  params,
  querystring: ofApp,
  response: {
    200: dropAnswer('The calls are no longer tracked.'),
    202: dropAnswer('Redis is out: this replica has stopped the calls, and stores that later.'),
    ...problemAnswers(['invalid-request', 'store-unavailable']),
  },
};
