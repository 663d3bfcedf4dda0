export interface Finding {
  /** The name of the check, which is stable: `configuration`, `redis.persistence`, `graph`. */
  readonly check: string;
  /** Which server of Redis, or which app; null if there is only one. */
  readonly subject: string | null;
  /** `warning`: it works, but not as well or as safely as it should. */
  readonly status: 'ok' | 'warning' | 'failed';
  readonly detail: string;
  /** What to do about it; null if nothing. */
  readonly fix: string | null;
}

export function about(subject: string | null) {
  return {
    ok: (check: string, detail: string): Finding => {
      return { check, subject, status: 'ok', detail, fix: null };
    },
    warning: (check: string, detail: string, fix: string): Finding => {
      return { check, subject, status: 'warning', detail, fix };
    },
    failed: (check: string, detail: string, fix: string): Finding => {
      return { check, subject, status: 'failed', detail, fix };
    },
  };
}
