import { plural } from '../calls/wording.ts';
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
    case 'redis':
      return `Redis was out${incident.cause === null ? '' : `: ${incident.cause}`}`;
    case 'replica':
      return `The replica ${incident.replica} went away without being stopped`;
  }
}

/** Status and code; the message if there are none. */
export function reasonOf({ status, code, message }: NonNullable<CallIncident['error']>): string {
  const short = [status, code].filter((part) => part !== null).join(' ');
  return short === '' ? message : short;
}
