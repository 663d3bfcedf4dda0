import { parseCallId, type ResultInfo } from '../calls/call.ts';
import type { Notice } from '../calls/notice.ts';

/**
 * A call itself, not its operations or participants. Graph gives `resourceUrl`
 * (`/communications/calls/{id}`), and to some bots `resource` (`/app/calls/{id}`)
 * beside it.
 */
const PATH = /^(?:https:\/\/[^/]+\/(?:v1\.0|beta))?\/(?:communications|app)\/calls\/([^/?#]+)$/i;
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Some examples of Microsoft have ids so; the bot has it with hyphens, and tracks it so. */
const BARE_GUID = /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/i;
const MOST_MESSAGE = 1_000;

/**
 * What one `commsNotification` says of a call; null where it says nothing of one.
 * Its words come in either case (`Deleted`, `deleted`). Source: Microsoft Learn,
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
      resultInfo: resultInfoOf(data.resultInfo),
    };
  }
  return state === 'established' ? { kind: 'established', id, tenantId: tenantOf(data) } : null;
}

function idOf(resource: unknown): string | null {
  const match = typeof resource === 'string' ? PATH.exec(resource) : null;
  return match ? parseCallId((match[1] ?? '').replace(BARE_GUID, '$1-$2-$3-$4-$5')) : null;
}

function tenantOf({ tenantId }: Record<string, unknown>): string | null {
  const tenant = lower(tenantId);
  return tenant !== undefined && GUID.test(tenant) ? tenant : null;
}

function resultInfoOf(value: unknown): ResultInfo | null {
  if (!isObject(value)) return null;
  const { code, subcode, message } = value;
  if (!Number.isSafeInteger(code)) return null;
  return {
    code: code as number,
    subcode: Number.isSafeInteger(subcode) ? (subcode as number) : null,
    message: typeof message === 'string' ? message.toWellFormed().slice(0, MOST_MESSAGE) : '',
  };
}

function lower(value: unknown): string | undefined {
  return typeof value === 'string' ? value.toLowerCase() : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
