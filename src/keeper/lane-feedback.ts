import type { Outcome } from '../calls/outcome.ts';
import type { LaneFeedback } from '../limiter/fair-limiter.ts';

/** What an outcome says about its lane. */
export function laneFeedback(outcome: Outcome): LaneFeedback {
  if (outcome.sentAt === null) return 'unused'; // no token, say
  switch (outcome.kind) {
    case 'renewed':
    case 'ended':
      return 'ok';
    case 'throttled':
      return 'trouble';
    case 'refused':
      return 'failed';
    case 'failed':
      return outcome.error.status === null ? 'trouble' : 'failed';
  }
}
