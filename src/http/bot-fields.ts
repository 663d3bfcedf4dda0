import Type, { type Static, type TSchema } from 'typebox';
import type { Call } from '../calls/call.ts';
import { OWNER_PATTERN } from '../calls/owner.ts';
import type { BotField } from '../calls/record.ts';
import { formatInstantOrNull, InstantOrNull } from './instant.ts';
import { HTTPS_URL, LABEL_KEY, plainText } from './patterns.ts';

export const Owner = Type.String({
  pattern: OWNER_PATTERN,
  description:
    'Name of the bot instance that the call belongs to: 1 to 128 of the characters ' +
    'A-Z a-z 0-9 . _ : -, but not `.` or `..`.',
  examples: ['bot-7'],
});

const Instant = (description: string) =>
  Type.String({
    format: 'date-time',
    description: `${description} RFC 3339, of this century.`,
    examples: ['2026-02-03T04:05:06.789Z'],
  });

/** Absent: the field stays as it is. null: resets it to its default. */
export function Clearable<T extends TSchema & { type: string }>(schema: T) {
  return Type.Optional(Type.Unsafe<Static<T> | null>({ ...schema, type: [schema.type, 'null'] }));
}

export const TextOrNull = (description: string, more: object = {}) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], description, ...more });

/** What a bot may say about its call, besides the app and the tenant. */
export const botFieldsOfRequest = {
  startedAt: Clearable(Instant('When the call began, so that its first deadline is known.')),
  trackUntil: Clearable(Instant('Stop then, so that an orphan is not kept alive for ever.')),
  labels: Clearable(
    Type.Record(Type.String(), Type.String({ pattern: plainText(256) }), {
      maxProperties: 16,
      propertyNames: Type.String({ pattern: LABEL_KEY }),
      description:
        'Up to 16 texts to find calls by; keys of 1 to 63, values of 0 to 256. Replaces all labels ' +
        'of the call.',
      examples: [{ room: 'board' }],
    }),
  ),
  webhookUrl: Clearable(
    Type.String({
      format: 'uri',
      pattern: HTTPS_URL,
      maxLength: 2048,
      description:
        'URL for the events of this call, instead of `WEBHOOK_URL`: https, to a host in `WEBHOOK_HOSTS`.',
      examples: ['https://bot.example.com/callkeeper'],
    }),
  ),
  owner: Clearable(Owner),
} satisfies Record<BotField, TSchema>;

export const botFieldsOfAnswer = {
  labels: Type.Record(Type.String(), Type.String()),
  webhookUrl: TextOrNull('Where the events of this call are posted, if the bot set it.', {
    format: 'uri',
  }),
  owner: TextOrNull('The bot instance that the call belongs to, if the bot named one.'),
  startedAt: InstantOrNull('When the call began at Graph, if the bot said so.'),
  trackUntil: InstantOrNull('Callkeeper stops tracking the call then.'),
} satisfies Record<BotField, TSchema>;

export function presentBotFields({ labels, webhookUrl, owner, startedAt, trackUntil }: Call) {
  return {
    labels,
    webhookUrl,
    owner,
    startedAt: formatInstantOrNull(startedAt),
    trackUntil: formatInstantOrNull(trackUntil),
  } satisfies Record<BotField, unknown>;
}
