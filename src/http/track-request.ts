import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { CALL_ID_PATTERN, parseCallId } from '../calls/call.ts';
import { INSTANT_GRAMMAR, parseInstant } from '../calls/instant.ts';
import type { TrackRequest } from '../calls/track-request.ts';
import { botFieldsOfRequest, Clearable } from './bot-fields.ts';
import { GUID, LABEL_FILTER, plainText } from './patterns.ts';
import type { Fault } from './problems.ts';
import { faultsOf } from './validation.ts';

export const CallId = Type.String({
  pattern: CALL_ID_PATTERN,
  description:
    "Graph's id of the call: 8 to 128 of A-Z a-z 0-9 - _. A GUID may come in any form; answers " +
    'have it in lower case with hyphens.',
  examples: ['2e1a0b00-2db4-4022-9570-243709c565ab'],
});

export const AppName = Type.String({
  pattern: plainText(128),
  minLength: 1,
  description: 'Name of a configured app.',
  examples: ['default'],
});

export const Labels = Type.Array(Type.String({ pattern: LABEL_FILTER, maxLength: 320 }), {
  maxItems: 16,
  description: '`key`, or `key=value`; may be repeated, all must hold.',
  examples: [['room=board']],
});

const trackFields = {
  app: Clearable(AppName),
  tenantId: Clearable(
    Type.String({
      pattern: GUID,
      description:
        "GUID of the tenant that the call belongs to. By default the app's own, until a " +
        'notification of Graph names one.',
      examples: ['7f5b1f62-4a02-4f2e-9a2b-6c7d9c0a1b11'],
    }),
  ),
  ...botFieldsOfRequest,
};

export const TrackBody = Type.Object(trackFields, {
  additionalProperties: false,
  title: 'TrackBody',
  description:
    'All fields are optional. A missing field stays as it is, a given one replaces the old value, ' +
    'and null resets it to its default.',
});

const TrackItem = Type.Object(
  { id: CallId, ...trackFields },
  {
    additionalProperties: false,
    title: 'TrackItem',
    description: 'A call to track, and its fields.',
  },
);

export const TrackItems = Type.Array(TrackItem);

const trackItem = Compile(TrackItem);

/**
 * @param item any JSON
 * @param base the JSON pointer to it
 */
export function readTrackItem(item: unknown, base: string): TrackRequest | readonly Fault[] {
  if (!trackItem.Check(item)) return faultsOf(trackItem.Errors(item), 'body', base);
  const { id, ...fields } = item;
  return readTrack(id, fields, base);
}

/** Checks what a schema cannot express, and converts the rest. */
export function readTrack(
  id: string,
  fields: Static<typeof TrackBody>,
  base: string,
): TrackRequest | readonly Fault[] {
  const faults: Fault[] = [];
  const instant = (name: 'startedAt' | 'trackUntil') => {
    const text = fields[name];
    if (typeof text !== 'string') return text;
    const at = parseInstant(text);
    if (at === null) faults.push({ pointer: `${base}/${name}`, detail: INSTANT_GRAMMAR });
    return at;
  };
  const request: TrackRequest = {
    ...fields,
    id: canonicalId(id),
    tenantId: fields.tenantId?.toLowerCase() ?? fields.tenantId,
    startedAt: instant('startedAt'),
    trackUntil: instant('trackUntil'),
  };
  for (const [key, value] of Object.entries(fields.labels ?? {})) {
    // Half a surrogate pair would change when it is stored.
    if (value.isWellFormed()) continue;
    const pointer = `${base}/labels/${key.replaceAll('/', '~1')}`;
    faults.push({ pointer, detail: 'must be well-formed Unicode' });
  }
  if (typeof fields.webhookUrl === 'string' && !isWebhookUrl(fields.webhookUrl)) {
    faults.push({ pointer: `${base}/webhookUrl`, detail: 'must be an https URL without a user' });
  }
  return faults.length > 0 ? faults : request;
}

/** @param id has passed {@link CallId} */
export function canonicalId(text: string): string {
  const id = parseCallId(text);
  if (id === null) throw new TypeError('an id passed its schema but is not valid');
  return id;
}

export function isFaulty<T extends object>(read: T | readonly Fault[]): read is readonly Fault[] {
  return Array.isArray(read);
}

function isWebhookUrl(text: string): boolean {
  const url = URL.parse(text);
  return url?.protocol === 'https:' && url.username === '' && url.password === '';
}
