import { plural } from '../calls/wording.ts';
import { entraCodeIn, silenceIn } from './fixes.ts';
import type { CallIncident, Incident } from './incidents.ts';

/** An incident in a clause, without its times. */
export function describeIncident(incident: Incident): string {
  switch (incident.kind) {
    case 'lost': {
      const why = incident.error === null ? '' : ` (${reasonOf(incident.error)})`;
      return `${plural(incident.calls, 'call')} of the app ${incident.app} lost${why}`;
    }
    case 'unknown':
      return `${plural(incident.calls, 'call')} of the app ${incident.app} ended without ever having been renewed`;
    case 'failing': {
      const who = `up to ${plural(incident.calls, 'call')} of the app ${incident.app}`;
      return `KeepAlives failed for ${who} (${reasonOf(incident.error)})`;
    }
    case 'redis':
      return `Redis was out${incident.cause === null ? '' : `: ${incident.cause}`}`;
    case 'replica':
      return `The replica ${incident.replica} went away without being stopped`;
  }
}

/** Status and code; the message if there are none. Without a token, why there was none. */
export function reasonOf({ status, code, message }: NonNullable<CallIncident['error']>): string {
  if (code === 'token') {
    return ['no token', entraCodeIn(message) ?? silenceIn(message)]
      .filter((part) => part !== null)
      .join(': ');
  }
  const short = [status, code].filter((part) => part !== null).join(' ');
  return short === '' ? message : short;
}
