import Type, { type Static } from 'typebox';
import type { Owner } from '../calls/owner.ts';
import { formatInstantOrNull, InstantOrNull } from './instant.ts';

export const OwnerState = Type.Enum(['none', 'active', 'lapsed', 'lost'], {
  type: 'string',
  title: 'OwnerState',
  description:
    'none: it has no lease; its calls are kept alive. active: its lease runs. lapsed: its lease ' +
    'ran out; its calls are stopped at `stopsAt` unless it renews the lease before. lost: its ' +
    'calls were stopped.',
});

export const OwnerSchema = Type.Object(
  {
    owner: Type.String({ description: 'The name of the bot instance.' }),
    app: Type.String({ description: 'The app of its calls. A name belongs to one app.' }),
    state: OwnerState,
    tracked: Type.Integer({ minimum: 0, description: 'How many tracked calls it has.' }),
    renewedAt: InstantOrNull('When it last renewed its lease; null if it has none.'),
    leaseSeconds: Type.Unsafe<number | null>({
      type: ['number', 'null'],
      description: 'How long the lease runs after a renewal; null if it has no lease.',
    }),
    leaseUntil: InstantOrNull(
      'When the lease runs out, or ran out; null if it has none. Time in which no replica served ' +
        'does not count.',
    ),
    stopsAt: InstantOrNull(
      'When its calls will be stopped unless it renews its lease, or were stopped; null: never.',
    ),
  },
  {
    $id: 'Owner',
    title: 'Owner',
    description: 'A bot instance that tracks calls, and its lease.',
    examples: [
      {
        owner: 'bot-7',
        app: 'default',
        state: 'active',
        tracked: 12,
        renewedAt: '2026-02-03T04:05:06.789Z',
        leaseSeconds: 90,
        leaseUntil: '2026-02-03T04:06:36.789Z',
        stopsAt: '2026-02-03T04:16:36.789Z',
      },
    ],
  },
);

export type OwnerResource = Static<typeof OwnerSchema>;

export const OwnerRef = Type.Unsafe<OwnerResource>({ $ref: 'Owner#' });

export function presentOwner(owner: Owner): OwnerResource {
  return {
    owner: owner.name,
    app: owner.app,
    state: owner.state,
    tracked: owner.tracked,
    renewedAt: formatInstantOrNull(owner.renewedAt),
    leaseSeconds: owner.leaseMs === null ? null : owner.leaseMs / 1_000,
    leaseUntil: formatInstantOrNull(owner.leaseUntil),
    stopsAt: formatInstantOrNull(owner.stopsAt),
  };
}
