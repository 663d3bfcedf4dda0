import { parseCallId, type ResultInfo } from '../calls/call.ts';
import type { Notice } from '../calls/notice.ts';

/**
 * Matches a call itself, not its operations or participants. Graph sends
 * `resourceUrl` (`/communications/calls/{id}`), and to some bots also `resource`
 * (`/app/calls/{id}`), with or without slashes around them.
 */
const PATH =
  /^(?:https:\/\/[^/]+)?\/*(?:(?:v1\.0|beta)\/+)?(?:communications|app)\/+calls\/+([^/?#]+)\/*$/i;
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const MOST_MESSAGE = 1_000;

/**
 * What one `commsNotification` says about a call; null if it is about something else. Microsoft
 * writes its values in upper or lower case (`Deleted`, `deleted`). Source: Microsoft Learn,
 * resource types `commsNotification` and `call`.
 */
export function readNotification(item: unknown): Notice | null {
  if (!isObject(item)) return null;
  const id = idOf(item.resourceUrl) ?? idOf(item.resource);
  const data = item.resourceData;
  if (id === null || !isObject(data)) return null;
  const type = lower(data['@odata.type']);
  if (type !== undefined && type !== '#microsoft.graph.call') return null;
  const state = lower(data.state);
  if (lower(item.changeType) === 'deleted' || state === 'terminated') {
    return {
      kind: 'over',
      id,
      tenantId: tenantOf(data),
      resultInfo: resultInfoOf(withLowerNames(data).resultinfo),
    };
  }
  return state === 'established' ? { kind: 'established', id, tenantId: tenantOf(data) } : null;
}

function idOf(resource: unknown): string | null {
  const match = typeof resource === 'string' ? PATH.exec(resource.trim()) : null;
  return parseCallId(match?.[1] ?? '');
}

function tenantOf({ tenantId }: Record<string, unknown>): string | null {
  const tenant = lower(tenantId);
  return tenant !== undefined && GUID.test(tenant) ? tenant : null;
}

/** Microsoft's examples also have numbers as text, and `subCode` instead of `subcode`. */
function resultInfoOf(value: unknown): ResultInfo | null {
  if (!isObject(value)) return null;
  const { code, subcode, message } = withLowerNames(value);
  const number = integerOf(code);
  if (number === null) return null;
  return {
    code: number,
    subcode: integerOf(subcode),
    message: typeof message === 'string' ? message.toWellFormed().slice(0, MOST_MESSAGE) : '',
  };
}

function integerOf(value: unknown): number | null {
  const isText = typeof value === 'string' && /^\s*-?\d{1,15}\s*$/.test(value);
  const number = isText ? Number(value) : value;
  return Number.isSafeInteger(number) ? (number as number) : null;
}

function withLowerNames(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name.toLowerCase(), one]));
}

function lower(value: unknown): string | undefined {
  return typeof value === 'string' ? value.toLowerCase() : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
