/** What one look at one thing has shown. */
export interface Finding {
  /** What was looked at; stable: `configuration`, `redis.persistence`, `graph`. */
  readonly check: string;
  /** Which one: a server of Redis, an app; null where there is but one. */
  readonly subject: string | null;
  /** `warning`: it works, but not as well, or as safely, as it should. */
  readonly status: 'ok' | 'warning' | 'failed';
  readonly detail: string;
  /** What to do about it; null where there is nothing to. */
  readonly fix: string | null;
}

/** Makes findings of one subject. */
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
