export type * from './api.ts';
export type { RequestOptions, TrackOptions } from './attempt.ts';
export { Callkeeper } from './client.ts';
export { CallkeeperError, CallkeeperUnreachableError } from './errors.ts';
export type { CallEvent, EventItem, OwnerEvent } from './event-stream.ts';
export type { KeepAliveResult } from './keep-alive.ts';
export type {
  CloseOptions,
  LeasedOwner,
  OwnedTrackBody,
  OwnedTrackItem,
  OwnerOptions,
} from './leased-owner.ts';
export type { NotificationSource } from './notify.ts';
export type { CallkeeperOptions } from './options.ts';
