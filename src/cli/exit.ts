/** Exit codes; docs/cli.md lists them. */
export const EXIT = {
  done: 0,
  /** A check failed, or Callkeeper refused the request. */
  failed: 1,
  /** The command or the environment is invalid. */
  usage: 2,
  /** Callkeeper could not be reached, or was not ready, within the time. */
  unreachable: 3,
  /** 401 */
  unauthorized: 4,
  /** 403 */
  forbidden: 5,
  /** 404 */
  unknown: 6,
} as const;
