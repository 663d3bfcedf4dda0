/** A database that a subject keeps its calls in. */
export interface Store extends AsyncDisposable {
  /** As its clients want it. */
  readonly url: string;
  /** CPU of all its processes since the start, µs. */
  cpuUs(): Promise<number>;
  /** What its data takes: memory of Redis, disk of PostgreSQL. */
  bytes(): Promise<number>;
}
