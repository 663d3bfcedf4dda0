import type { Outcome } from '../calls/outcome.ts';
import type { Fared } from '../limiter/fair-limiter.ts';

/** What an outcome says about the lane: whether its requests are answered, and succeed. */
export function faredBy(outcome: Outcome): Fared {
  switch (outcome.kind) {
    case 'renewed':
    case 'ended':
      return 'ok';
    case 'throttled':
    case 'refused':
      return 'trouble';
    case 'failed':
      if (outcome.sentAt === null) return 'unused';
      return outcome.error.status === null ? 'trouble' : 'failed';
  }
}
