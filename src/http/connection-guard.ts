import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Limits } from './limits.ts';
import { networkOf } from './networks.ts';

/**
 * Why a connection was closed: its address, or all addresses together, had too many anonymous
 * connections; there were too many connections of any kind; or it sent too many requests without
 * waiting for answers.
 */
export type DropReason = 'address' | 'anonymous' | 'full' | 'pipelined';

export interface Drop {
  readonly reason: DropReason;
  /** The address, or the IPv6 network, that lost the connection. */
  readonly network: string;
}

export type ConnectionLimits = Pick<
  Limits,
  | 'maxConnections'
  | 'maxAnonymous'
  | 'maxAnonymousPerAddress'
  | 'maxPipelined'
  | 'keepAliveTimeoutMs'
>;

interface Peer {
  readonly socket: Socket;
  readonly network: string;
  isKnown: boolean;
  inFlight: number;
}

/**
 * Keeps idle connections from blocking the server.
 *
 * A connection is anonymous until a request on it has shown a valid key; from then on it is
 * known. A client with a key shows it with its first request, so it is anonymous for
 * milliseconds. Anonymous connections are limited, per address and all together. Beyond a limit
 * a new connection is not refused; instead the oldest anonymous connection is closed, of the same
 * address, or of the address that has the most. So an attacker pushes out its own connections
 * first. Behind a proxy, where all clients share an address, a client with a key still gets
 * through: a flood of r connections a second leaves it `maxAnonymousPerAddress / r` seconds to
 * send its headers.
 *
 * If the server is full, it closes an anonymous connection, the oldest of the address that has the
 * most, or else the known connection that has been idle longest. It never closes a known connection
 * with a request in flight; if there are only such, it closes the new connection.
 */
export class ConnectionGuard {
  readonly #limits: ConnectionLimits;
  readonly #onDrop: (drop: Drop) => void;
  readonly #peers = new Map<Socket, Peer>();
  /** By network; in each the oldest is first. */
  readonly #anonymous = new Map<string, Set<Peer>>();
  #anonymousCount = 0;
  /** Known connections without a request; the longest idle is first. */
  readonly #idle = new Set<Peer>();

  constructor(server: Server, limits: ConnectionLimits, onDrop: (drop: Drop) => void) {
    this.#limits = limits;
    this.#onDrop = onDrop;
    server.on('connection', (socket) => this.#add(socket));
    server.on('request', (request, response) => this.#begin(request, response));
  }

  /** Call it when a request on this connection has shown a valid key. */
  know(socket: Socket): void {
    const peer = this.#peers.get(socket);
    if (!peer || peer.isKnown) return;
    peer.isKnown = true;
    this.#removeAnonymous(peer);
  }

  /**
   * Closes the anonymous connections without a request. Node counts a connection that has never
   * sent a whole request as active, and would wait for it when the server closes.
   */
  closeAnonymous(): void {
    for (const peer of this.#peers.values()) {
      if (!peer.isKnown && peer.inFlight === 0) peer.socket.destroy();
    }
  }

  #add(socket: Socket): void {
    const network = networkOf(socket.remoteAddress);
    const peer: Peer = { socket, network, isKnown: false, inFlight: 0 };
    this.#peers.set(socket, peer);
    this.#addAnonymous(peer);
    socket.once('close', () => this.#remove(peer));
    const ofNetwork = this.#anonymous.get(network)?.size ?? 0;
    if (ofNetwork > this.#limits.maxAnonymousPerAddress) {
      this.#drop(this.#oldestOf(network), 'address');
    } else if (this.#anonymousCount > this.#limits.maxAnonymous) {
      this.#drop(this.#oldestOf(this.#largestNetwork()), 'anonymous');
    }
    if (this.#peers.size > this.#limits.maxConnections) this.#drop(this.#leastUseful(peer), 'full');
  }

  #begin(request: IncomingMessage, response: ServerResponse): void {
    const peer = this.#peers.get(request.socket);
    if (!peer) return;
    peer.inFlight += 1;
    this.#idle.delete(peer);
    // 'close' comes after Node has set the short `server.keepAliveTimeout`; `#end` prolongs it.
    response.once('close', () => this.#end(peer));
    if (peer.inFlight > this.#limits.maxPipelined) this.#drop(peer, 'pipelined');
  }

  #end(peer: Peer): void {
    peer.inFlight -= 1;
    if (!peer.isKnown || peer.inFlight > 0 || peer.socket.destroyed) return;
    this.#idle.add(peer);
    peer.socket.setTimeout(this.#limits.keepAliveTimeoutMs);
  }

  #drop(peer: Peer, reason: DropReason): void {
    this.#remove(peer);
    peer.socket.destroy();
    this.#onDrop({ reason, network: peer.network });
  }

  #remove(peer: Peer): void {
    if (!this.#peers.delete(peer.socket)) return;
    if (!peer.isKnown) this.#removeAnonymous(peer);
    this.#idle.delete(peer);
  }

  #addAnonymous(peer: Peer): void {
    const ofNetwork = this.#anonymous.get(peer.network) ?? new Set();
    this.#anonymous.set(peer.network, ofNetwork.add(peer));
    this.#anonymousCount += 1;
  }

  #removeAnonymous(peer: Peer): void {
    const ofNetwork = this.#anonymous.get(peer.network);
    if (!ofNetwork?.delete(peer)) return;
    if (ofNetwork.size === 0) this.#anonymous.delete(peer.network);
    this.#anonymousCount -= 1;
  }

  #oldestOf(network: string): Peer {
    const [oldest] = this.#anonymous.get(network) ?? [];
    if (!oldest) throw new Error(`no anonymous connection of ${network}`);
    return oldest;
  }

  #largestNetwork(): string {
    let [largest, most] = ['', 0];
    for (const [network, { size }] of this.#anonymous) {
      if (size > most) [largest, most] = [network, size];
    }
    return largest;
  }

  #leastUseful(newest: Peer): Peer {
    if (this.#anonymousCount > 1) return this.#oldestOf(this.#largestNetwork());
    const [idle] = this.#idle;
    return idle ?? newest;
  }
}
