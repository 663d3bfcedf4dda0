import { durationText } from '../calls/wording.ts';
import { UnsupportedRedisError } from './unsupported.ts';

/** Living replicas of this Redis have another interval. */
export class OtherWheelError extends Error {
  readonly code = 'OTHER_WHEEL';
  constructor(laidMs: number, intervalMs: number, others: readonly string[]) {
    super(
      `${others.join(', ')} keep calls alive every ${durationText(laidMs)} on this Redis; ` +
        `this replica is configured for every ${durationText(intervalMs)}. Give all replicas the same ` +
        'KEEPALIVE_INTERVAL, or stop the others first.',
    );
    this.name = 'OtherWheelError';
  }
}

export function isRefusal(error: unknown): error is Error {
  return error instanceof OtherWheelError || error instanceof UnsupportedRedisError;
}
