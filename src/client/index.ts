export type * from './api.ts';
export {
  Callkeeper,
  type CallkeeperOptions,
  type EventItem,
  type KeepAliveResult,
  type TrackItem,
  type TrackResult,
} from './client.ts';
export { CallkeeperError, CallkeeperUnreachableError } from './errors.ts';
export type { RequestOptions } from './transport.ts';
