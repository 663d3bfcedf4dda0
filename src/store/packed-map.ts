import { randomInt } from 'node:crypto';

/**
 * A map from text to text whose content lies in one buffer a map, where the garbage
 * collector has nothing to look through: a million calls in strings make it stop the
 * process for a sixth of a second. As a `Map` otherwise, but in no order, ten times as
 * slow, and for well-formed text only: a lone surrogate is not kept.
 *
 * In the buffer, entry after entry: a head (the key's hash, the lengths of key and value, the
 * latter with {@link DEAD} once the entry is replaced or deleted), key, value. The index, an
 * open-addressing hash table, holds where each entry begins, plus one; 0 is free.
 */
export class PackedMap {
  readonly #seed: number;
  #bytes = NOTHING;
  #end = 0;
  /** Bytes of entries that are dead. */
  #waste = 0;
  #index = new Uint32Array(LEAST_INDEX);
  #size = 0;

  /** @param seed of the hashes; by chance, so that nobody can make up keys that share one */
  constructor(seed = SEED) {
    this.#seed = seed;
  }

  get size(): number {
    return this.#size;
  }

  get(key: string): string | undefined {
    const at = this.#index[this.#place(key, this.#hash(key))] ?? 0;
    return at === 0 ? undefined : valueAt(this.#bytes, at - 1);
  }

  has(key: string): boolean {
    return this.#index[this.#place(key, this.#hash(key))] !== 0;
  }

  /** @returns whether the key is new */
  set(key: string, value: string): boolean {
    const hash = this.#hash(key);
    const valueLength = Buffer.byteLength(value);
    const at = this.#index[this.#place(key, hash)] ?? 0;
    if (at !== 0 && valueLengthAt(this.#bytes, at - 1) === valueLength) {
      this.#bytes.write(value, endAt(this.#bytes, at - 1) - valueLength);
      return false;
    }
    const keyLength = Buffer.byteLength(key);
    this.reserve(1, keyLength + valueLength);
    const place = this.#place(key, hash); // anew: all may have moved
    if (at === 0) this.#size++;
    else this.#kill((this.#index[place] ?? 0) - 1);
    const start = this.#end;
    this.#index[place] = start + 1;
    this.#bytes.writeUInt32LE(hash, start);
    this.#bytes.writeUInt32LE(keyLength, start + KEY_LENGTH);
    this.#bytes.writeUInt32LE(valueLength, start + VALUE_LENGTH);
    this.#bytes.write(key, start + HEAD);
    this.#bytes.write(value, start + HEAD + keyLength);
    this.#end = endAt(this.#bytes, start);
    return at === 0;
  }

  /** Makes room for so many entries more, of so many bytes in all. Where there is no memory, nothing has changed. */
  reserve(count: number, length: number): void {
    const wanted = count * HEAD + length;
    const indexed = (this.#size + count) * 2;
    if (this.#end + wanted > this.#bytes.length) this.#move(wanted, powerOfTwo(indexed));
    else if (indexed > this.#index.length) {
      this.#index = indexOf(this.#bytes, this.#end, powerOfTwo(indexed));
    }
  }

  /** @returns whether it was there */
  delete(key: string): boolean {
    const place = this.#place(key, this.#hash(key));
    const at = this.#index[place] ?? 0;
    if (at === 0) return false;
    this.#kill(at - 1);
    this.#size--;
    this.#free(place);
    if (this.#waste * 2 > this.#end) this.#move(0, powerOfTwo(this.#size * 2));
    return true;
  }

  /** What is put, replaced or deleted meanwhile may be met or not. */
  entries(): Generator<[key: string, value: string], void, undefined> {
    return this.#each((bytes, start) => [keyAt(bytes, start), valueAt(bytes, start)]);
  }

  /** As {@link entries}. */
  keys(): Generator<string, void, undefined> {
    return this.#each(keyAt);
  }

  *#each<T>(read: (bytes: Buffer, start: number) => T): Generator<T, void, undefined> {
    // A buffer that is outgrown stands as it was; in one that is not, entries are only added.
    const [bytes, end] = [this.#bytes, this.#end];
    for (let start = 0; start < end; start = endAt(bytes, start)) {
      if (!isDead(bytes, start)) yield read(bytes, start);
    }
  }

  /** FNV-1a of 32 bits, over UTF-16 units. Source: https://datatracker.ietf.org/doc/draft-eastlake-fnv/ */
  #hash(key: string): number {
    let hash = this.#seed;
    for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
    return hash >>> 0;
  }

  /** Where in the index the key stands, or would stand. */
  #place(key: string, hash: number): number {
    const mask = this.#index.length - 1;
    for (let place = hash & mask; ; place = (place + 1) & mask) {
      const at = this.#index[place] ?? 0;
      if (at === 0) return place;
      if (hashAt(this.#bytes, at - 1) === hash && isKeyAt(this.#bytes, at - 1, key)) return place;
    }
  }

  #kill(start: number): void {
    const valueLength = valueLengthAt(this.#bytes, start);
    this.#waste += endAt(this.#bytes, start) - start;
    this.#bytes.writeUInt32LE((valueLength | DEAD) >>> 0, start + VALUE_LENGTH);
  }

  /** Moves what lives into a buffer of its size, with some room and that for `wanted` bytes. */
  #move(wanted: number, indexLength: number): void {
    const capacity = Math.ceil((this.#end - this.#waste + wanted) * ROOM);
    const bytes = Buffer.allocUnsafeSlow(capacity);
    let end = 0;
    for (const [from, to] of this.#living()) end += this.#bytes.copy(bytes, end, from, to);
    const isAsIndexed = this.#waste === 0 && indexLength <= this.#index.length;
    if (!isAsIndexed) this.#index = indexOf(bytes, end, indexLength);
    this.#bytes = bytes;
    this.#end = end;
    this.#waste = 0;
  }

  /** The stretches of the buffer in which nothing is dead. */
  *#living(): Generator<[from: number, to: number], void, undefined> {
    let from = 0;
    if (this.#waste > 0) {
      for (let start = 0; start < this.#end; start = endAt(this.#bytes, start)) {
        if (!isDead(this.#bytes, start)) continue;
        if (start > from) yield [from, start];
        from = endAt(this.#bytes, start);
      }
    }
    yield [from, this.#end];
  }

  /** Frees a place of the index, and moves those up that had to go further because of it. */
  #free(freed: number): void {
    const mask = this.#index.length - 1;
    let hole = freed;
    for (let place = (hole + 1) & mask; ; place = (place + 1) & mask) {
      const at = this.#index[place] ?? 0;
      if (at === 0) break;
      const home = hashAt(this.#bytes, at - 1) & mask;
      if (((place - home) & mask) < ((place - hole) & mask)) continue;
      this.#index[hole] = at;
      hole = place;
    }
    this.#index[hole] = 0;
  }
}

const SEED = randomInt(2 ** 32);
const NOTHING: Buffer = Buffer.alloc(0);
const LEAST_INDEX = 8;
/** A new buffer is so much larger than what it has to hold. */
const ROOM = 1.25;

const KEY_LENGTH = 4;
const VALUE_LENGTH = 8;
const HEAD = 12;
const DEAD = 0x8000_0000;

/** The least one that is so long and may be the length of an index. */
function powerOfTwo(length: number): number {
  return Math.max(LEAST_INDEX, 2 ** Math.ceil(Math.log2(length)));
}

function indexOf(bytes: Buffer, end: number, length: number): Uint32Array<ArrayBuffer> {
  const index = new Uint32Array(length);
  for (let start = 0; start < end; start = endAt(bytes, start)) {
    if (isDead(bytes, start)) continue;
    let place = hashAt(bytes, start) & (length - 1);
    while (index[place] !== 0) place = (place + 1) & (length - 1);
    index[place] = start + 1;
  }
  return index;
}

function hashAt(bytes: Buffer, start: number): number {
  return bytes.readUInt32LE(start);
}

function isDead(bytes: Buffer, start: number): boolean {
  return bytes.readUInt32LE(start + VALUE_LENGTH) >= DEAD;
}

function isKeyAt(bytes: Buffer, start: number, key: string): boolean {
  // As many bytes as units: it is ASCII, or another one.
  if (bytes.readUInt32LE(start + KEY_LENGTH) !== key.length) return keyAt(bytes, start) === key;
  for (let i = 0; i < key.length; i++) {
    const unit = key.charCodeAt(i);
    if (unit > 0x7f || bytes[start + HEAD + i] !== unit) return false;
  }
  return true;
}

function keyAt(bytes: Buffer, start: number): string {
  const from = start + HEAD;
  return bytes.toString('utf8', from, from + bytes.readUInt32LE(start + KEY_LENGTH));
}

function valueAt(bytes: Buffer, start: number): string {
  const from = start + HEAD + bytes.readUInt32LE(start + KEY_LENGTH);
  return bytes.toString('utf8', from, endAt(bytes, start));
}

function valueLengthAt(bytes: Buffer, start: number): number {
  return bytes.readUInt32LE(start + VALUE_LENGTH) % DEAD;
}

/** Where the entry that begins at `start` ends, and the next one begins. */
function endAt(bytes: Buffer, start: number): number {
  return start + HEAD + bytes.readUInt32LE(start + KEY_LENGTH) + valueLengthAt(bytes, start);
}
