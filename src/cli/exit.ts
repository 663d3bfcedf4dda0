/** Exit codes; docs/cli.md lists them. */
export const EXIT = {
  done: 0,
  /** Something was found wrong, or was refused. */
  failed: 1,
  /** The command, or the environment, is not as it should be. */
  usage: 2,
  /** Callkeeper cannot be reached, or was not ready in the time. */
  unreachable: 3,
  /** 401 */
  unauthorized: 4,
  /** 403 */
  forbidden: 5,
  /** 404 */
  unknown: 6,
} as const;
