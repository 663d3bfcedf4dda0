/*
 * Reads of files and DNS lookups share the threads of libuv, by default 4. A read from a mount that
 * hangs keeps its thread, so four of them would stop all lookups, and with them all requests.
 * Import this first: libuv reads the variable when it starts its threads, on first use.
 * https://docs.libuv.org/en/v1.x/threadpool.html
 */
process.env.UV_THREADPOOL_SIZE ||= '32';
