/**
 * A map from text to text whose content lies in one buffer a map, where the garbage
 * collector has nothing to look through: a million calls in strings make it stop the
 * process for a sixth of a second. As a `Map` otherwise, but in no order, and for
 * well-formed text only: a lone surrogate is not kept.
 *
 * In the buffer, entry after entry: a head (the key's hash, the lengths of key and value, the
 * latter with {@link DEAD} once the entry is replaced or deleted), key, value. The index, an
 * open-addressing hash table, holds where each entry begins.
 */
export class PackedMap {
  #bytes: Buffer = NOTHING;
  #end = 0;
  /** Bytes of entries that are dead. */
  #waste = 0;
  /** Where entries begin, plus one; 0 is free. Its length is a power of two. */
  #index: Uint32Array<ArrayBuffer> = new Uint32Array(LEAST_INDEX);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: string): string | undefined {
    const at = this.#index[this.#place(key, hashOf(key))] ?? 0;
    return at === 0 ? undefined : valueAt(this.#bytes, at - 1);
  }

  has(key: string): boolean {
    return this.#index[this.#place(key, hashOf(key))] !== 0;
  }

  /** @returns whether the key is new */
  set(key: string, value: string): boolean {
    const hash = hashOf(key);
    const at = this.#index[this.#place(key, hash)] ?? 0;
    const valueLength = Buffer.byteLength(value);
    if (at !== 0 && lengthOfValue(this.#bytes, at - 1) === valueLength) {
      this.#bytes.write(value, endAt(this.#bytes, at - 1) - valueLength);
      return false;
    }
    if (at !== 0) this.delete(key);
    const start = this.#append(hash, key, value, valueLength);
    this.#size++;
    if (this.#size * 2 > this.#index.length) this.#reindex(this.#index.length * 2);
    else this.#index[this.#place(key, hash)] = start + 1;
    return at === 0;
  }

  /** Makes room for so many entries more at once, of so many bytes in all. */
  reserve(count: number, length: number): void {
    const wanted = count * HEAD + length;
    if (this.#end + wanted > this.#bytes.length) this.#compact(wanted);
    const indexed = powerOfTwo((this.#size + count) * 2);
    if (indexed > this.#index.length) this.#reindex(indexed);
  }

  /** @returns whether it was there */
  delete(key: string): boolean {
    const place = this.#place(key, hashOf(key));
    const at = this.#index[place] ?? 0;
    if (at === 0) return false;
    this.#kill(at - 1);
    this.#size--;
    this.#free(place);
    if (this.#waste * 2 > this.#end) this.#compact(0);
    return true;
  }

  /** What is put or deleted meanwhile may be met or not. */
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

  /** Where in the index the key stands, or would stand. */
  #place(key: string, hash: number): number {
    const mask = this.#index.length - 1;
    let place = hash & mask;
    for (;;) {
      const at = this.#index[place] ?? 0;
      if (at === 0) return place;
      const isSame = this.#bytes.readUInt32LE(at - 1) === hash;
      if (isSame && keyAt(this.#bytes, at - 1) === key) return place;
      place = (place + 1) & mask;
    }
  }

  #append(hash: number, key: string, value: string, valueLength: number): number {
    const keyLength = Buffer.byteLength(key);
    const length = HEAD + keyLength + valueLength;
    if (this.#end + length > this.#bytes.length) this.#compact(length);
    const start = this.#end;
    this.#bytes.writeUInt32LE(hash, start);
    this.#bytes.writeUInt32LE(keyLength, start + KEY_LENGTH);
    this.#bytes.writeUInt32LE(valueLength, start + VALUE_LENGTH);
    this.#bytes.write(key, start + HEAD);
    this.#bytes.write(value, start + HEAD + keyLength);
    this.#end += length;
    return start;
  }

  #kill(start: number): void {
    const valueLength = lengthOfValue(this.#bytes, start);
    this.#waste += endAt(this.#bytes, start) - start;
    this.#bytes.writeUInt32LE((valueLength | DEAD) >>> 0, start + VALUE_LENGTH);
  }

  /** Moves what lives into a buffer of its size, with some room and that for `wanted` bytes. */
  #compact(wanted: number): void {
    const [from, end] = [this.#bytes, this.#end];
    const capacity = Math.ceil((end - this.#waste + wanted) * ROOM);
    this.#bytes = capacity === 0 ? NOTHING : Buffer.allocUnsafeSlow(capacity);
    this.#end = 0;
    this.#waste = 0;
    for (let start = 0; start < end; start = endAt(from, start)) {
      if (isDead(from, start)) continue;
      this.#end += from.copy(this.#bytes, this.#end, start, endAt(from, start));
    }
    this.#reindex(powerOfTwo(this.#size * 2));
  }

  #reindex(length: number): void {
    this.#index = new Uint32Array(length);
    for (let start = 0; start < this.#end; start = endAt(this.#bytes, start)) {
      if (isDead(this.#bytes, start)) continue;
      let place = this.#bytes.readUInt32LE(start) & (length - 1);
      while (this.#index[place] !== 0) place = (place + 1) & (length - 1);
      this.#index[place] = start + 1;
    }
  }

  /** Frees a place of the index, and moves those up that had to go further because of it. */
  #free(freed: number): void {
    const mask = this.#index.length - 1;
    let hole = freed;
    let place = (hole + 1) & mask;
    for (;;) {
      const at = this.#index[place] ?? 0;
      if (at === 0) break;
      const home = this.#bytes.readUInt32LE(at - 1) & mask;
      if (((place - home) & mask) >= ((place - hole) & mask)) {
        this.#index[hole] = at;
        hole = place;
      }
      place = (place + 1) & mask;
    }
    this.#index[hole] = 0;
  }
}

const NOTHING = Buffer.alloc(0);
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

function isDead(bytes: Buffer, start: number): boolean {
  return bytes.readUInt32LE(start + VALUE_LENGTH) >= DEAD;
}

function keyAt(bytes: Buffer, start: number): string {
  const from = start + HEAD;
  return bytes.toString('utf8', from, from + bytes.readUInt32LE(start + KEY_LENGTH));
}

function valueAt(bytes: Buffer, start: number): string {
  const from = start + HEAD + bytes.readUInt32LE(start + KEY_LENGTH);
  return bytes.toString('utf8', from, endAt(bytes, start));
}

function lengthOfValue(bytes: Buffer, start: number): number {
  return bytes.readUInt32LE(start + VALUE_LENGTH) % DEAD;
}

/** Where the entry that begins at `start` ends, and the next one begins. */
function endAt(bytes: Buffer, start: number): number {
  return start + HEAD + bytes.readUInt32LE(start + KEY_LENGTH) + lengthOfValue(bytes, start);
}

/** FNV-1a of 32 bits, over UTF-16 units. Source: https://datatracker.ietf.org/doc/draft-eastlake-fnv/ */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
