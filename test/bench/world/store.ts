/** The database in which a subject keeps its calls. */
export interface Store extends AsyncDisposable {
  readonly url: string;
  /** CPU of all its processes since the start, in µs. */
  cpuUs(): Promise<number>;
  /** The size of its data: memory of Redis, disk of PostgreSQL. */
  bytes(): Promise<number>;
}
